"""The memory that training needs, known before its first step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from kitnet.base.error import KitnetError
from kitnet.net import Net
from kitnet.net.ledger import BYTES
from kitnet.net.memory import SHARE, free_bytes
from kitnet.net.objective import Losses
from kitnet.train.run import Run

WHOLE = 16  # images: batches of whole vectors are proposed


class TooMuchMemoryError(KitnetError):
    """A run that would need more memory than there is."""


def memory_of(compiled: Any) -> int:
    """Bytes that a compiled network takes while it runs, besides weights and gradients."""
    held: dict[str, int] = compiled.held()
    return sum(held.values()) - held["threads"]


def check_plan(run: Run, plan: Any) -> None:
    """Of a training step that is not compiled yet: raises TooMuchMemoryError where its values alone are too
    many."""
    from kitnet.kernels.cpu import cores

    threads = run.settings.threads or cores()
    _check(run, plan.arena.size + threads * plan.own_arena.size, 0, threads)


def check_training_memory(run: Run, step: Any) -> int:
    """Bytes of the training step, of scores, and of what is learned. Raises TooMuchMemoryError."""
    assert run.model.compiled is not None
    return _check(run, memory_of(step), memory_of(run.model.compiled), step.held()["threads"])


@dataclass(frozen=True)
class Need:
    """Bytes that training needs in batches of `batch`, and those that are `free`, where the system tells;
    `fits` is the largest batch that may be expected to fit, 0 where none does."""

    bytes: int
    free: int | None
    batch: int
    fits: int

    @property
    def is_too_much(self) -> bool:
        return self.fits < self.batch


def foretell(net: Net, batch: int, memories: int, threads: int | None = None) -> Need:
    """What the compiled engine will need for a network that nobody has drawn or compiled yet, with the usual
    loss, under a rule with so many `memories` as large as the weights. Of weights that are too many by
    themselves the need is told without the values."""
    from kitnet.kernels.cpu import cores

    free, threads = free_bytes(), threads or cores()
    arrays = (2 + memories) * BYTES * sum(param.size for param in net.graph.params().values())
    room = math.inf if free is None else free * SHARE // 100 - arrays
    if room < 0:
        return Need(arrays, free, batch, 0)
    values = _values(net, None, batch, threads)
    fits = batch if values <= room else _batch_that_fits(net, None, batch, values, int(room), threads)
    return Need(arrays + values, free, batch, fits)


def _check(run: Run, training: int, scores: int, threads: int) -> int:
    """Bytes of both, and of what is learned. Raises TooMuchMemoryError, naming the batch that would do, where
    the first two need more than 80 % of what is free."""
    free, need = free_bytes(), training + scores
    arrays = (2 + len(run.memory)) * run.model.net.weights.flat.nbytes
    if free is not None and need > free * SHARE // 100:
        net, losses, room = run.model.net, run.model.losses, free * SHARE // 100 - scores
        fits = _batch_that_fits(net, losses, run.loader.batch, training, room, threads)
        remedy = f"use --batch {fits}" if fits else "use a smaller network"
        raise TooMuchMemoryError(
            f"training in batches of {run.loader.batch} needs {need + arrays:,} bytes, more than {SHARE} % "
            f"of the {free:,} that are free; {remedy}"
        )
    return need + arrays


def _values(net: Net, losses: Losses | None, batch: int, threads: int) -> int:
    """Bytes of the values of a training step that is not compiled."""
    from kitnet.engine.compile import plan_of

    plan = plan_of(net, batch, "train", loss=losses)
    return plan.arena.size + threads * plan.own_arena.size


def _batch_that_fits(
    net: Net, losses: Losses | None, batch: int, training: int, room: int, threads: int
) -> int:
    """The largest batch that may be expected to fit, from the plans of this batch and of half of it."""
    if batch == 1:
        return 0
    half = batch // 2
    sizes = [_values(net, losses, each, threads) for each in (batch, half)]
    each = max(1, (sizes[0] - sizes[1]) // (batch - half))
    fits = int((room - training) // each + batch)
    return max(0, fits - fits % WHOLE if fits > WHOLE else fits)
