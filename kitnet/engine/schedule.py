"""The stage of planning that orders steps: what is made of the weights first or just before it is read, and
which steps a group of images goes through in one go.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from kitnet.engine.builder import Builder
from kitnet.engine.step import LARGE, HostStep, KernelStep, Step

MANY = 8  # images, for whose scores large things made of weights are made in every run, and not kept
COPIES = 0.25  # of the memory of the weights, for what is made of these and kept


@dataclass(frozen=True)
class Schedule:
    """`stages` has the stage of each step; steps of one stage run group by group. The first `preparations`
    steps need no images; plans for scores do them once.
    """

    steps: tuple[Step, ...]
    stages: tuple[int, ...]
    preparations: int


def schedule(b: Builder) -> Schedule:
    """The order of the builder's steps."""
    first, others = _needed(b.prologue, [*b.steps, *b.epilogue])
    if not b.own:
        many = b.batches["channels"].groups >= MANY
        late = b.buffers.keys() if b.train or b.back or many else _spared(b, first)
        first, others = _when_needed(b, first, others, late)
    steps = [*first, *others]
    for i, step in enumerate(steps):
        if isinstance(step, KernelStep):
            mine = frozenset(name for name, ref in step.arguments.items() if ref.buffer in b.own_buffers)
            steps[i] = replace(step, kernel=step.kernel.lying(mine))
    preparations = 0 if b.train or b.back else len(first)
    return Schedule(tuple(steps), tuple(_stages(steps)), preparations)


def _needed(first: Sequence[Step], others: Sequence[Step]) -> tuple[list[Step], list[Step]]:
    """The steps without those whose results nothing reads: a layer's output, say, where only gradients are
    asked for. What Python does is not known well enough to be left out.
    """
    read: set[str] = set()
    found: tuple[list[Step], list[Step]] = [], []
    for kept, steps in zip(reversed(found), (others, first), strict=True):
        for step in reversed(steps):
            results = {ref.buffer for ref in step.writes.values()}
            outside = any(ref.outside for ref in step.writes.values())
            if outside or isinstance(step, HostStep) or results & read:
                read.update(ref.buffer for ref in step.reads.values())
                kept.append(step)
        kept.reverse()
    return found


def _spared(b: Builder, first: Sequence[Step]) -> Set[str]:
    """What few images have made in every run rather than kept: what is quickly made, if all copies of filters
    would else take much memory beside the weights.
    """
    copies = sum(b.buffers[ref.buffer] for step in first for ref in step.writes.values())
    return b.quickly_made if copies > COPIES * b.weights.flat.nbytes else set()


def _when_needed(
    b: Builder, prologue: Sequence[Step], steps: Sequence[Step], late: Set[str]
) -> tuple[list[Step], list[Step]]:
    """All steps, where large things that are made of the weights, of those that may be late, are made just
    before they are read: they are then still in cache, and few exist at once. Small ones come first, so that
    they do not part stages, as do all where groups go through the whole network in a thread's own memory. Few
    images have hardly a stage of several steps.
    """
    least = LARGE // 4 if b.setting.preferred == "channels" else LARGE
    readers: dict[str, int] = {}
    for i, step in reversed(list(enumerate(steps))):
        readers.update(dict.fromkeys((ref.buffer for ref in step.reads.values()), i))
    first: list[Step] = []
    before: dict[int, list[Step]] = {}
    needed_early: set[str] = set()
    for step in reversed(prologue):
        made = {ref.buffer for ref in step.writes.values()}
        small = sum(b.buffers[name] for name in made) < least
        if made & needed_early or not made <= late or small:
            first.insert(0, step)
            needed_early |= {ref.buffer for ref in step.reads.values()}
            continue
        at = min(readers[name] for name in made if name in readers)
        before.setdefault(at, []).insert(0, step)
        for ref in step.reads.values():
            readers[ref.buffer] = min(at, readers.get(ref.buffer, at))
    ordered = [each for i, step in enumerate(steps) for each in (*before.get(i, ()), step)]
    return first, ordered


def _stages(steps: Sequence[Step]) -> list[int]:
    """Number the stages: neighbours that keep to their groups, equally many, are one, so that a group of
    images goes through many layers while it is in cache.
    """
    stages: list[int] = []
    for i, step in enumerate(steps):
        before = steps[i - 1]
        together = i > 0 and step.grouped and before.grouped and step.tasks == before.tasks
        stages.append(0 if i == 0 else stages[-1] + (not together))
    return stages
