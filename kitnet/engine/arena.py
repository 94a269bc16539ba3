"""Where the buffers of a plan lie: those that are never needed at the same time share memory.

Buffers are placed one after the other, the largest first, each at the lowest offset where it meets no placed
buffer that lives at the same time (Pisarchyk & Lee, "Efficient memory management for deep neural net
inference", 2020, section 5.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LINE = 64  # bytes; every buffer begins on a cache line


@dataclass(frozen=True)
class Life:
    """A buffer of `size` bytes that is needed from step `first` to step `last`, both included."""

    size: int
    first: int
    last: int

    def meets(self, other: Life) -> bool:
        """Whether both are needed at the same step."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True)
class Arena:
    """The offset of each buffer, the bytes of all, and the bytes that any layout needs at least."""

    offsets: Mapping[str, int]
    size: int
    lower_bound: int


def lay_out(lives: Mapping[str, Life]) -> Arena:
    """An offset for every buffer."""
    offsets: dict[str, int] = {}
    placed: list[tuple[int, int, Life]] = []  # begin, end, life
    for name in sorted(lives, key=lambda name: (-lives[name].size, lives[name].first, name)):
        life, begin = lives[name], 0
        size = rounded(life.size)
        for other_begin, other_end in sorted((b, e) for b, e, other in placed if other.meets(life)):
            if other_begin - begin >= size:
                break
            begin = max(begin, other_end)
        offsets[name] = begin
        placed.append((begin, begin + size, life))
    steps = {step for life in lives.values() for step in (life.first, life.last)}
    bound = max(
        (sum(rounded(v.size) for v in lives.values() if v.first <= s <= v.last) for s in steps), default=0
    )
    return Arena(offsets, max((end for _, end, _ in placed), default=0), bound)


def rounded(size: int) -> int:
    """Bytes as whole cache lines."""
    return -(-size // LINE) * LINE
