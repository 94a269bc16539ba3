"""Is a plan sound? Every buffer is written before it is read, and no two that are needed at once share
memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kitnet.engine.arena import Arena, Life, rounded
from kitnet.engine.step import Step


def lives_of(steps: Sequence[Step], buffers: Mapping[str, int], times: Sequence[int]) -> dict[str, Life]:
    """From the first to the last time that each of some buffers is touched; `times` has one number a step."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for step, time in zip(steps, times, strict=True):
        for ref in (*step.reads.values(), *step.writes.values()):
            if ref.buffer in buffers:
                first.setdefault(ref.buffer, time)
                last[ref.buffer] = time
    return {name: Life(buffers[name], first[name], last[name]) for name in first}


def verify(
    steps: Sequence[Step],
    stages: Sequence[int],
    lives: Mapping[str, Life],
    arena: Arena,
    own_lives: Mapping[str, Life],
    own_arena: Arena,
) -> None:
    """Raises AssertionError for a plan that would compute nonsense: a mistake of the engine, never of the
    user.
    """
    written: set[str] = set()
    home: dict[str, int] = {}
    for step, stage in zip(steps, stages, strict=True):
        for ref in (*step.reads.values(), *(step.writes.values() if step.adds else ())):
            if not ref.outside and ref.buffer not in written:
                raise AssertionError(f"{step.label} reads {ref.buffer} before anything wrote it")
        written.update(ref.buffer for ref in step.writes.values())
        for ref in (*step.reads.values(), *step.writes.values()):
            if ref.buffer in own_lives and home.setdefault(ref.buffer, stage) != stage:
                raise AssertionError(
                    f"{step.label} needs {ref.buffer}, which a thread had to itself in another stage"
                )
    _apart(lives, arena)
    _apart(own_lives, own_arena)


def _apart(lives: Mapping[str, Life], arena: Arena) -> None:
    names = sorted(lives)
    begin = np.array([arena.offsets[name] for name in names])
    end = begin + [rounded(lives[name].size) for name in names]
    first, last = (np.array([getattr(lives[name], which) for name in names]) for which in ("first", "last"))
    for i, name in enumerate(names):
        at_once = (first[i + 1 :] <= last[i]) & (first[i] <= last[i + 1 :])
        shared = (begin[i + 1 :] < end[i]) & (begin[i] < end[i + 1 :])
        for other in np.flatnonzero(at_once & shared):
            raise AssertionError(f"{name} and {names[i + 1 + other]} are needed at once but share memory")
