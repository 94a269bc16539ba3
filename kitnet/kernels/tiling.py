"""Cutting work: into shares and ranges that differ by one at most, and into the tiles that registers hold.

Sizes are Python integers while a kernel is written; which share or range is meant may be known only at
run time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.values import Index, Value
from kitnet.kernels.walk import higher, lower


def upwards(index: Index, divisor: int) -> Index:
    """index / divisor, rounded up."""
    return (index + (divisor - 1)) // divisor


def cut(count: int, block: Index, blocks: int) -> tuple[Index, Index]:
    """Where a block begins and ends when so many things are cut into blocks, in order."""
    if blocks == 1:
        return 0, count
    return block * count // blocks, (block + 1) * count // blocks


class Shares:
    """`total` things dealt into `count` shares, the larger ones first."""

    def __init__(self, total: int, count: int) -> None:
        self.count = count
        self.small, self.larger = divmod(total, count)

    @property
    def most(self) -> int:
        return self.small + (self.larger > 0)

    def sizes(self) -> dict[int, int]:
        """The sizes that occur, one or two, and how often."""
        both = {self.small + 1: self.larger, self.small: self.count - self.larger}
        return {size: times for size, times in both.items() if times}

    def kinds(self, share: Index) -> Iterator[tuple[int, Value | bool]]:
        """The sizes that occur, and whether this share is of that size."""
        if not self.larger:
            yield self.small, True
        else:
            yield self.small + 1, share < self.larger
            yield self.small, share >= self.larger

    def start(self, share: Index) -> Index:
        """The first thing of a share."""
        return share * self.small + lower(share, self.larger)


def shares_of(total: int, most: int) -> list[Shares]:
    """All ways to deal out `total` things with at most so many in a share, but for those that only differ in
    having more shares of the same largest size.
    """
    return [Shares(total, -(-total // size)) for size in range(min(total, most), 0, -1)]


def fits(cpu: Cpu, rows: int, columns: int) -> bool:
    """Whether the registers hold a tile: its sums, a vector for each column, and one row's value; without
    fused multiply-add also a product.
    """
    return rows * columns + columns + 1 + (not cpu.has_fma) <= cpu.registers


def cost(rows: int, columns: int) -> float:
    """Cycles of a step of a tile: two multiply-adds and two loads a cycle; a sum takes its next term
    after four. Half a cycle for the loop.
    """
    return max(rows * columns / 2, (rows + columns) / 2, 4.0) + 0.5


def quickest_shares(cpu: Cpu, total: int, columns: int) -> Shares:
    """How `total` rows are dealt into tiles of so many columns, so that all take the fewest cycles."""
    able = [shares for shares in shares_of(total, cpu.registers) if fits(cpu, shares.most, columns)]
    return min(able, key=lambda s: sum(times * cost(size, columns) for size, times in s.sizes().items()))


@dataclass(frozen=True)
class Grid:
    """Tiles of an output, line by line, `across` in a line, each with `vectors` vectors of images, which are
    counted one by one.
    """

    down: int
    across: int
    vectors: int

    @property
    def size(self) -> int:
        return self.down * self.across * self.vectors

    def at(self, vector: Index) -> tuple[Index, Index, Index]:
        """The line and column of a vector's tile, and its number among the tile's vectors."""
        tile, part = divmod(vector, self.vectors)
        high, wide = divmod(tile, self.across)
        return high, wide, part


EACH_BODY = 0.03  # of the time is worth one copy less of a tile's code: it takes some 10 ms to compile


@dataclass(frozen=True)
class Reach:
    """What one axis of a window reads, or back again: place i of `places` has `taps` taps, and its tap t
    meets the other side's place i * step + start + t * apart, where that is one of the `size` there are.

    Place i is place `first` + i * `every` of its volume; tap t is tap `tap` + t * `tap_step` of the window.
    """

    size: int
    places: int
    taps: int
    step: int
    start: int
    apart: int
    first: int = 0
    every: int = 1
    tap: int = 0
    tap_step: int = 1

    @property
    def interior(self) -> range:
        """The places whose taps all meet something."""
        ends = self.start, self.start + (self.taps - 1) * self.apart
        low = min(max(-(min(ends) // self.step), 0), self.places)
        high = min((self.size - 1 - max(ends)) // self.step + 1, self.places)
        return range(low, max(low, high))

    @property
    def padded(self) -> bool:
        """Whether some tap of some place meets nothing."""
        return len(self.interior) < self.places

    def taps_at(self, place: Index) -> tuple[Index, Index]:
        """The first tap of a place that meets something, and the first one past these."""
        if not self.padded:
            return 0, self.taps
        here = place * self.step + self.start
        if self.apart > 0:
            low, high = upwards(0 - here, self.apart), upwards(self.size - here, self.apart)
        else:
            low, high = upwards(here - (self.size - 1), -self.apart), here // -self.apart + 1
        return higher(low, 0), lower(high, self.taps)

    def places_of(self, tap: Index) -> tuple[Index, Index]:
        """The first place whose tap of this number meets something, and the first one past these."""
        if not self.padded:
            return 0, self.places
        start = tap * self.apart + self.start
        low, high = upwards(0 - start, self.step), upwards(self.size - start, self.step)
        return higher(low, 0), lower(high, self.places)
