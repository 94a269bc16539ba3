"""How the filter gradient of a convolution is cut into stretches, tiles and tasks.

A tile has several taps of a line of the window at once, in one of two ways. Standing at a place of dy, taps
are more rows: each reads x elsewhere. Standing at a place of x, they are more columns: each reads dy
elsewhere, so that 16 filters, one vector, have three columns under a 3x3 window. Padding is never read:
which places of a line have which taps is known when the kernel is written, and each such run of places has
its own loop.

A stretch is some groups of the batch, planes, lines and perhaps places: enough that sums live long, and no
more, so that the next tile finds dy still in cache.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.kernels.tiling import Reach, Shares, shares_of

_FILL = 0.6  # of the lanes must be taken by filters, or dy is not worth transposing
_STEPS = {True: 256, False: 128}  # of a tile in a stretch, at least; by whether dy is transposed
_EACH_LOOP = 0.01  # of the time is worth one loop of a tile less: each takes some 5 ms to compile


@dataclass(frozen=True)
class Run:
    """Places of a line with the same taps: (tap, the place of x, the place of dy) at the first of them. From
    one to the next dy goes one place on and x the stride.
    """

    count: int
    meets: tuple[tuple[int, int, int], ...]

    @property
    def of_x(self) -> list[int]:
        return sorted({place for _, place, _ in self.meets})

    @property
    def of_dy(self) -> list[int]:
        return sorted({place for _, _, place in self.meets})


def _runs(wide: Reach, taps: Sequence[int], from_x: bool) -> tuple[Run, ...]:
    """Standing at the places of dy, or of x, one after the other."""
    runs: list[Run] = []
    at: dict[int, list[tuple[int, int, int]]] = {}
    for tap, o in itertools.product(taps, range(wide.places)):
        place = o * wide.step + wide.start + tap * wide.apart
        if 0 <= place < wide.size:
            at.setdefault(place if from_x else o, []).append((tap, place, o))
    for _, meets in sorted(at.items()):
        if runs:
            last, so_far = runs[-1].meets, runs[-1].count
            if [(tap, x + so_far * wide.step, o + so_far) for tap, x, o in last] == meets:
                runs[-1] = Run(so_far + 1, last)
                continue
        runs.append(Run(1, tuple(meets)))
    return tuple(runs)


@dataclass(frozen=True)
class Piece:
    """Taps of a line that a tile has together, and how channels and columns are cut into tiles."""

    taps: tuple[int, ...]
    runs: tuple[Run, ...]
    channels: Shares
    across: Shares


def _cycles(sums: int, loads: int, new: float) -> float:
    """Of a step of a tile: two multiply-adds and nearly two loads a cycle; a sum takes its next term after
    four. Half a cycle for the loop; vectors that no step before has read come from L2.
    """
    return max(sums / 2, 0.6 * loads, 4.0) + 0.5 + new / 4


@functools.cache
def _shares(
    cpu: Cpu,
    taps: int,
    kinds: tuple[tuple[int, int, int, int], ...],
    channels: int,
    columns: int,
    turned: bool,
) -> tuple[float, int, int]:
    """Cycles of a line, and the number of shares of channels and of columns, for so many taps and runs of so
    many places with so many of the taps, places of x and places of dy. Endless where no tile fits the
    registers.
    """

    def new(high: int, wide: int) -> float:
        return wide + (high / cpu.lanes if turned else high)

    best = math.inf, 1, 1
    most = max(1, cpu.registers // taps)
    for rows, across in itertools.product(shares_of(channels, most), shares_of(columns, most)):
        high, wide = rows.most, across.most
        # All sums, the fewer of both sides' values and one of the other's; a product, if it is not fused.
        values = max((min(x * high, dy * wide) for _, _, x, dy in kinds), default=0)
        if taps * high * wide + values + 1 + (not cpu.has_fma) > cpu.registers:
            continue
        bodies = list(itertools.product(rows.sizes().items(), across.sizes().items()))
        cycles = sum(
            m * n * count * _cycles(met * high * wide, x * high + dy * wide, new(high, wide))
            for ((high, m), (wide, n)), (count, met, x, dy) in itertools.product(bodies, kinds)
        )
        cycles *= 1 + _EACH_LOOP * len(bodies) * len(kinds)
        best = min(best, (cycles, rows.count, across.count))
    return best


def _pieces(cpu: Cpu, wide: Reach, channels: int, columns: int, turned: bool) -> list[Piece]:
    """The quickest way to go along a line."""
    best: list[Piece] = []
    least = math.inf
    for from_x in False, True:
        # Standing on x, only every so many taps are at a place of dy.
        phases: dict[int, list[int]] = {}
        for tap in range(wide.taps):
            phases.setdefault((wide.start + tap * wide.apart) % wide.step if from_x else 0, []).append(tap)
        longest = max(len(taps) for taps in phases.values())
        for together in range(min(longest, cpu.registers), 0, -1):
            pieces, total = [], 0.0
            for phase in phases.values():
                count = -(-len(phase) // together)
                for i in range(count):
                    taps = tuple(phase[i * len(phase) // count : (i + 1) * len(phase) // count])
                    runs = _runs(wide, taps, from_x)
                    kinds = tuple((r.count, len(r.meets), len(r.of_x), len(r.of_dy)) for r in runs)
                    cycles, rows, across = _shares(cpu, len(taps), kinds, channels, columns, turned)
                    total += cycles
                    pieces.append(Piece(taps, runs, Shares(channels, rows), Shares(columns, across)))
            if total < least:
                best, least = pieces, total
    return best


class Work:
    """The pass cut into stretches, tiles and tasks."""

    def __init__(
        self,
        cpu: Cpu,
        batch: Batch,
        x: Volume,
        dy: Volume,
        window: Window,
        groups: int,
        bias: bool,
        chunks: int,
        parts: int,
    ) -> None:
        if window.taps == 1 and window.stride == (1, 1, 1) and x.sizes == dy.sizes:  # all is one line
            x, dy = (replace(volume, sizes=(1, 1, volume.positions)) for volume in (x, dy))
            window = Window((1, 1, 1))
        self.batch, self.x, self.dy, self.bias, self.groups = batch, x, dy, bias, groups
        self.images, self.channels, self.filters = batch.images, x.channels // groups, dy.channels // groups
        self.deep, self.high, self.wide = (
            Reach(size, places, taps, stride, -before, dilation)
            for size, places, taps, stride, dilation, before in zip(
                x.sizes, dy.sizes, window.size, window.stride, window.dilation, window.before, strict=True
            )
        )
        self.chunks = chunks
        vectors = -(-self.filters // cpu.lanes)
        self.turned = self.filters >= _FILL * vectors * cpu.lanes
        self.columns = vectors if self.turned else self.filters  # of a group of the filters
        self.step = 1 if self.turned else cpu.lanes  # images of a step
        self.unroll = 1 if self.turned else 2  # a place has few vectors of images
        self.pieces = _pieces(cpu, self.wide, self.channels, self.columns, self.turned)
        self.parts = min(parts, max(map(self._items, self.pieces)))
        self.tasks = self.chunks * self.parts
        self._stretch()
        self.x_place = x.pitch * batch.images  # elements from one place to the next
        self.dy_place = batch.images * (cpu.lanes if self.turned else dy.pitch)
        # Elements of x from one stretch to the next.
        self.ahead = self.lines * self.high.step * x.sizes[2] * self.x_place
        if self.cuts[2] > 1:
            self.ahead = self.places * self.wide.step * self.x_place
        # A column of the transposed stretch: for every place and image a vector of filters.
        size = self.many * self.planes * self.lines * self.places * self.dy_place
        self.room = groups * self.columns * size if self.turned else 0
        self.dy_column = size if self.turned else batch.images  # elements from one column to the next

    def _stretch(self) -> None:
        """How many groups, planes, lines and places make a stretch, and how many stretches groups have."""
        wanted = -(-_STEPS[self.turned] * self.step // self.images)
        planes, lines, places = self.dy.sizes
        if self.chunks > self.batch.groups:
            most = self.batch.groups * planes * lines // self.chunks
        else:
            most = planes * lines
        # Standing on x, the places of dy that belong to a part of a line would be others for every tap.
        whole = any(len(run.of_dy) > 1 for piece in self.pieces for run in piece.runs)
        self.places = places if whole else Shares(places, max(1, places // wanted)).most
        if not most:  # fewer lines than chunks
            self.places = min(self.places, self.batch.groups * places // self.chunks)
        self.lines = max(1, min(lines, most, -(-wanted // self.places)))
        self.planes = max(1, min(planes, most // lines, -(-wanted // (self.places * lines))))
        self.cuts = -(-planes // self.planes), -(-lines // self.lines), -(-places // self.places)
        self.many = 1
        if math.prod(self.cuts) == 1:
            self.many = min(-(-self.batch.groups // self.chunks), -(-wanted // self.dy.positions))

    def _tiles(self, piece: Piece) -> int:
        """With the same columns."""
        return self.deep.taps * self.high.taps * piece.channels.count

    def _items(self, piece: Piece) -> int:
        return self.groups * piece.across.count * self._tiles(piece)
