"""Where the buffers of a plan lie: those that are never needed at the same time share memory.

Buffers are placed one after the other, the largest first, each at the lowest offset where it meets no placed
buffer that lives at the same time (Pisarchyk & Lee, "Efficient memory management for deep neural net
inference", 2020, section 5.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

LINE = 64  # bytes; every buffer begins on a cache line


@dataclass(frozen=True)
class Life:
    """A buffer of `size` bytes that is needed from step `first` to step `last`, both included."""

    size: int
    first: int
    last: int


@dataclass(frozen=True)
class Arena:
    """The offset of each buffer, the bytes of all, and the bytes that any layout needs at least."""

    offsets: Mapping[str, int]
    size: int
    lower_bound: int


def lay_out(lives: Mapping[str, Life]) -> Arena:
    """An offset for every buffer."""
    names = sorted(lives, key=lambda name: (-lives[name].size, lives[name].first, name))
    size = np.array([rounded(lives[name].size) for name in names], np.int64)
    first, last = (
        np.array([getattr(lives[n], which) for n in names], np.int64) for which in ("first", "last")
    )
    begin, end = np.zeros((2, len(names)), np.int64)
    for i in range(len(names)):
        (others,) = np.nonzero((first[:i] <= last[i]) & (first[i] <= last[:i]))
        for other in others[np.lexsort((end[others], begin[others]))]:
            if begin[other] - begin[i] >= size[i]:
                break
            begin[i] = max(begin[i], end[other])
        end[i] = begin[i] + size[i]
    bound = max((int(size[(first <= step) & (step <= last)].sum()) for step in {*first, *last}), default=0)
    return Arena(dict(zip(names, begin.tolist(), strict=True)), int(end.max(initial=0)), bound)


def rounded(size: int) -> int:
    """Bytes as whole cache lines."""
    return -(-size // LINE) * LINE
