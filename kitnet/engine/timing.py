"""What the steps of a plan took in one of its runs, layer by layer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from kitnet.base.spec import Array
from kitnet.engine.explain import path_of
from kitnet.engine.plan import Plan
from kitnet.engine.step import Step
from kitnet.net.times import WAYS, Times


def times_of(plan: Plan, steps: Sequence[Step], ticks: Array, seconds: float, samples: int) -> Times | None:
    """A run that took so many seconds, shared out by the ticks of each step over all threads; None where the
    processor has no clock that can be read."""
    whole = float(ticks.sum())
    if whole <= 0:
        return None
    paths = {choice.path for choice in plan.choices}
    layers: dict[tuple[str, str], float] = defaultdict(float)
    for step, own in zip(steps, ticks.tolist(), strict=True):
        layers[path_of(step.label, paths), step.way] += seconds * own / whole
    ways = {way: sum(took for (_, each), took in layers.items() if each == way) for way in WAYS}
    return Times(samples, ways, dict(layers))
