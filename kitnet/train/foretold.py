"""The memory that training needs, known before its first step."""

from __future__ import annotations

from typing import Any

from kitnet.base.error import KitnetError
from kitnet.net.memory import SHARE, free_bytes
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


def _check(run: Run, training: int, scores: int, threads: int) -> int:
    """Bytes of both, and of what is learned. Raises TooMuchMemoryError, naming the batch that would do, where
    the first two need more than 80 % of what is free."""
    free, need = free_bytes(), training + scores
    arrays = (2 + len(run.memory)) * run.model.net.weights.flat.nbytes
    if free is not None and need > free * SHARE // 100:
        fits = _batch_that_fits(run, training, free * SHARE // 100 - scores, threads)
        remedy = f"use --batch {fits}" if fits else "use a smaller network"
        raise TooMuchMemoryError(
            f"training in batches of {run.loader.batch} needs {need + arrays:,} bytes, more than {SHARE} % "
            f"of the {free:,} that are free; {remedy}"
        )
    return need + arrays


def _batch_that_fits(run: Run, training: int, room: int, threads: int) -> int:
    """The largest batch that may be expected to fit, from the plans of this batch and of half of it."""
    from kitnet.engine.compile import plan_of

    net, batch, losses = run.model.net, run.loader.batch, run.model.losses
    if batch == 1:
        return 0
    half = batch // 2
    plans = [plan_of(net, each, "train", loss=losses) for each in (batch, half)]
    sizes = [plan.arena.size + threads * plan.own_arena.size for plan in plans]
    each = max(1, (sizes[0] - sizes[1]) // (batch - half))
    fits = int((room - training) // each + batch)
    return max(0, fits - fits % WHOLE if fits > WHOLE else fits)
