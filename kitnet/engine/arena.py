"""Where the buffers of a plan lie: those that are never needed at the same time share memory.

Buffers are placed one after the other, the largest first, each at the lowest offset where it meets no placed
buffer that lives at the same time (Pisarchyk & Lee, "Efficient memory management for deep neural net
inference", 2020, section 5.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

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
    """The offset of each buffer, the bytes of all, and the bytes that any layout needs at least; `lives` is
    what they were laid out by.
    """

    offsets: Mapping[str, int]
    size: int
    lower_bound: int
    lives: Mapping[str, Life]


def lay_out(lives: Mapping[str, Life]) -> Arena:
    """An offset for every buffer."""
    names = sorted(lives, key=lambda name: (-lives[name].size, lives[name].first, name))
    placed = _Placed(len(names))
    offsets = {name: placed.lowest(rounded(lives[name].size), lives[name]) for name in names}
    return Arena(offsets, placed.top, _lower_bound(list(lives.values())), lives)


class _Placed:
    """The buffers that have a place, in the order of their offsets, in arrays with room for all."""

    def __init__(self, most: int) -> None:
        self._begin, self._end, self._first, self._last = np.zeros((4, most), np.int64)
        self._count = 0
        self.top = 0

    def lowest(self, size: int, life: Life) -> int:
        """Place one more at the lowest offset where it meets no placed buffer that lives at the same time."""
        n = self._count
        meets = (self._first[:n] <= life.last) & (life.first <= self._last[:n])
        begins, ends = self._begin[:n][meets], np.maximum.accumulate(self._end[:n][meets])
        free = np.concatenate([[0], ends[:-1]]) if len(ends) else ends  # where each gap begins
        wide = np.flatnonzero(begins - free >= size)
        offset = int(free[wide[0]]) if len(wide) else int(ends[-1]) if len(ends) else 0
        at = int(np.searchsorted(self._begin[:n], offset))
        values = offset, offset + size, life.first, life.last
        for array, value in zip((self._begin, self._end, self._first, self._last), values, strict=True):
            array[at + 1 : n + 1] = array[at:n].copy()
            array[at] = value
        self._count += 1
        self.top = max(self.top, offset + size)
        return offset


def _lower_bound(lives: Sequence[Life]) -> int:
    """The most bytes that are needed at once."""
    times = sorted({life.first for life in lives} | {life.last + 1 for life in lives})
    change = dict.fromkeys(times, 0)
    for life in lives:
        change[life.first] += rounded(life.size)
        change[life.last + 1] -= rounded(life.size)
    return max(accumulate(change.values()), default=0)


def rounded(size: int) -> int:
    """Bytes as whole cache lines."""
    return -(-size // LINE) * LINE
