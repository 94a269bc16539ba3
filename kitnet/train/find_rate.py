"""A learning rate by trial: a short training in which the rate rises by the same factor from step to step,
and the loss at each (Smith, "Cyclical learning rates for training neural networks", 2015, section 3.3).

The loss is smoothed by a running mean, corrected for its beginning at 0. Where it falls most steeply over the
logarithm of the rate, a step gains most; where it has grown to several times its least, steps are too long.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from kitnet.base.argument import real, whole
from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.optim.schedule import Rising
from kitnet.train.recipe import rule_of
from kitnet.train.run import Run, own_rule_card
from kitnet.train.settings import Settings
from kitnet.train.step import Progress, Step, judged_step, make_step

FIRST, LAST, STEPS = 1e-5, 10.0, 100
KEEP = 0.9  # of the running mean, in a step
BLOWN = 4.0  # times the least smoothed loss: steps are too long
SPAN = 3  # steps to each side, between which a fall is measured
SETTLED = 10  # steps, before which the mean is of few losses
LEAST_FALL = 0.02  # of the first smoothed loss: less is no learning
SAFE = 10.0  # times below the rate that blows up


@dataclass(frozen=True)
class Rates:
    """Losses by learning rate, as far as it went. `blown_up` is the rate at which it stopped, None where it
    came to the end; `proposed` is None where no rate learned, and `reason` says why it is what it is."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    steepest: float | None
    blown_up: float | None
    proposed: float | None
    reason: str


def find_rate(
    settings: Settings,
    *,
    first: float = FIRST,
    last: float = LAST,
    steps: int = STEPS,
    compiling: Progress | None = None,
) -> Rates:
    """Train a network as `settings` say, but at rates from `first` to `last`, for `steps` updates at most,
    and say what became of the loss. Nothing is written, and the network is made anew.

    Raises KitnetError where the parts of a run do not fit, for rates that do not rise, and for a network that
    learns without gradients.
    """
    card = own_rule_card(settings.model)
    if card is not None:
        raise KitnetError(
            f"{card.name} learns by a rule of its own, without a learning rate; use another model"
        )
    whole("steps", steps, 2 * SETTLED)
    first, last = real("the first rate", first), real("the last rate", last)
    if not 0 < first < last < math.inf:
        raise KitnetError(f"rates from {first:g} to {last:g} do not rise; use such as {FIRST:g} to {LAST:g}")
    run = Run.of(replace(settings, schedule="constant", epochs=1, average=None))
    rising = Rising(last, steps, first=first)
    run.rule = rule_of(run.settings, run.updates, rising)
    losses: list[float] = []
    for loss in _losses(run, compiling):
        losses.append(loss)
        if not math.isfinite(loss) or _is_blown(losses) or len(losses) == steps:
            break
    return judged([rising.at(i) for i in range(len(losses))], losses)


def _losses(run: Run, compiling: Progress | None) -> Iterator[float]:
    """The mean loss of each update, NaN for one that is not finite; epochs follow each other without end."""
    step_of = make_step(run, compiling)
    batches, number = _batches(run), 0
    while True:
        yield _update(run, step_of, batches, number)
        number += 1


def _batches(run: Run) -> Iterator[tuple[Array, Array]]:
    epoch = 0
    while True:
        yield from run.loader.epoch(epoch)
        epoch += 1


def _update(run: Run, step_of: Step, batches: Iterator[tuple[Array, Array]], number: int) -> float:
    """The mean loss over the batches of one update."""
    each, total, first = run.settings.accumulate or 1, 0.0, 0
    for i in range(each):
        x, labels = next(batches)
        with np.errstate(over="ignore", invalid="ignore"):
            losses, *_ = judged_step(step_of, run.model, x, labels, number, first, i + 1 == each)
            total += float(losses.sum(dtype=np.float64))
        if not step_of.finite:
            return math.nan
        first += len(x)
    return total / first


def smoothed(losses: list[float]) -> list[float]:
    """Running means, each divided by the sum of its weights."""
    found, mean = [], 0.0
    for i, loss in enumerate(losses, 1):
        mean = KEEP * mean + (1 - KEEP) * loss
        found.append(mean / (1 - KEEP**i))
    return found


def _is_blown(losses: list[float]) -> bool:
    means = smoothed(losses)
    return means[-1] > BLOWN * min(means)


def judged(rates: list[float], losses: list[float]) -> Rates:
    """What the losses say, of which the last one may be no number or too large."""
    means = smoothed(losses)
    blown = not math.isfinite(losses[-1]) or _is_blown(losses)
    high = rates[-1] if blown else None
    good = means[: len(means) - blown]
    lowest = int(np.argmin(good)) if good else 0
    if lowest < 2 or good[0] - good[lowest] < LEAST_FALL * good[0]:
        steepest, proposed = None, None
        reason = "the loss falls at no rate; look at the data, the init of the weights or the network"
    else:
        falls = [good[max(0, i - SPAN)] - good[min(len(good) - 1, i + SPAN)] for i in range(lowest + 1)]
        settled = min(SETTLED, lowest)
        steepest = rates[settled + int(np.argmax(falls[settled:]))]
        safe = math.inf if high is None else high / SAFE
        proposed = _rounded(min(steepest, safe))
        reason = (
            f"the loss falls most steeply at {steepest:.2g}"
            if steepest <= safe
            else f"a {SAFE:g}th of {high:.2g}, at which the loss blows up"
        )
    return Rates(tuple(rates), tuple(losses), tuple(means), steepest, high, proposed, reason)


def _rounded(rate: float) -> float:
    """To one digit, two where that begins with 1."""
    return float(f"{rate:.0e}") if f"{rate:e}"[0] != "1" else float(f"{rate:.1e}")
