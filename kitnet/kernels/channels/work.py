"""How a convolution with the filters in the lanes is cut into tiles and tasks.

All sizes are known while a kernel is written, so the best cut is found by trying them all against an estimate
of their time.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

from kitnet.kernels.channels.pack import Packing
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.spec import Batch, Triple, Volume, Window, samples_of
from kitnet.kernels.tiling import EACH_BODY, Shares, cost, fits, shares_of

_BEGIN_TILE, _BEGIN_TASK = 30, 500  # cycles
_BYTES_A_CYCLE = 32  # from the second cache
_NEAR = 1 << 18  # bytes that are in the second cache anyway
_THREADS = 2  # that the estimate supposes


@dataclass(frozen=True)
class Tiling:
    """How lines and columns of the output, and vectors of a group's filters, are dealt into tiles."""

    lines: Shares
    columns: Shares
    vectors: Shares


@dataclass(frozen=True)
class Work:
    """A convolution cut into tasks: blocks of planes (the samples' depths), of bands (each the lines of a
    tile) and of shares (each the filters of a tile), the latter innermost.

    Where every channel is a group of one filter, it is `depthwise`, and the channels of x lie in the lanes as
    the filters do: a single group, whose filters each see the one channel in their lane.
    """

    cpu: Cpu
    samples: int
    x: Volume
    y: Volume
    window: Window
    groups: int
    depthwise: bool
    tiling: Tiling
    plane_blocks: int = 1
    line_blocks: int = 1
    filter_blocks: int = 1

    @property
    def tasks(self) -> int:
        return self.plane_blocks * self.line_blocks * self.filter_blocks

    @property
    def planes(self) -> int:
        return self.samples * self.y.sizes[0]

    @property
    def depth(self) -> int:
        """Channels that a filter sees."""
        return 1 if self.depthwise else self.x.channels // self.groups

    @property
    def filters(self) -> int:
        """Of a group."""
        return self.y.channels // self.groups

    @functools.cached_property
    def packing(self) -> Packing:
        vectors, taps = self.tiling.vectors, self.window.taps
        return Packing(self.groups, taps, self.depth, self.filters, self.cpu.lanes, vectors)

    @property
    def shares(self) -> int:
        """Of all groups' filters."""
        return self.groups * self.tiling.vectors.count

    def reach(self, axis: int, places: int) -> int:
        """How far so many places of the output look along an axis of the input."""
        w = self.window
        return (places - 1) * w.stride[axis] + (w.size[axis] - 1) * w.dilation[axis] + 1

    @functools.cached_property
    def padded(self) -> bool:
        return any(
            self.window.before[axis] or self.reach(axis, self.y.sizes[axis]) > self.x.sizes[axis]
            for axis in range(3)
        )

    @functools.cached_property
    def source(self) -> Volume:
        """What tiles read: x, or the copy of its lines that a task needs at most. A copy has no lanes that
        no channel fills, so that a line of taps is one run, unless whole vectors are read.
        """
        if not self.padded:
            return self.x
        bands = -(-self.tiling.lines.count // self.line_blocks)
        lines = min(bands * self.tiling.lines.most, self.y.sizes[1])
        sizes = self.reach(0, 1), self.reach(1, lines), self.reach(2, self.y.sizes[2])
        pitch = self.x.pitch if self.depthwise and self.x.fills(self.cpu.lanes) else self.x.channels
        return Volume(sizes, pitch, pitch, lanes="channels")

    @property
    def one_run(self) -> bool:
        """Whether a line of taps is one run of the source."""
        return self.source.pitch == self.depth and self.window.dilation[2] == 1

    @property
    def far_weights(self) -> bool:
        return 4 * self.packing.size > _NEAR

    @functools.cached_property
    def far_column(self) -> bool:
        """Whether x is a single column of places, and must be fetched."""
        column = self.y.sizes[2] == self.window.taps == self.window.stride[1] == 1 and not self.padded
        return column and 4 * self.samples * self.x.strides[0] > _NEAR

    def places(self, lines: int, columns: int) -> list[int]:
        """Where each place of a rectangle begins in the source, seen from the first."""
        _, _, to_line, to_place = self.source.strides
        _, down, right = self.window.stride
        rectangle = itertools.product(range(lines), range(columns))
        return [line * down * to_line + column * right * to_place for line, column in rectangle]

    def cycles(self) -> float:
        """An estimate for all tiles of a plane."""
        tiling, steps = self.tiling, self.window.taps * self.depth
        total, bodies = 0.0, 0
        for (lines, n), (columns, m), (vectors, o) in itertools.product(
            tiling.lines.sizes().items(), tiling.columns.sizes().items(), tiling.vectors.sizes().items()
        ):
            sums = lines * columns * vectors
            step = max(cost(lines * columns, vectors), 4 * vectors * self.cpu.lanes / _BYTES_A_CYCLE)
            if self.depthwise:
                step = max(step, (sums + vectors) / 2)
            total += n * m * o * (steps * step + sums + _BEGIN_TILE)
            bodies += 1
        return self.groups * total * (1 + EACH_BODY * bodies)

    def duration(self) -> float:
        """An estimate of the cycles of all tasks on two threads. Every task reads its part of the weights,
        which is slow where the second cache cannot keep them all, and of x, or copies it.
        """
        planes, bands, shares = (
            _parts(count, blocks)
            for count, blocks in (
                (self.planes, self.plane_blocks),
                (self.tiling.lines.count, self.line_blocks),
                (self.shares, self.filter_blocks),
            )
        )
        far = 8 * self.packing.size > _second_cache(self.cpu)
        weights = 4 * self.packing.size / (_BYTES_A_CYCLE / 2 if far else 2 * _BYTES_A_CYCLE)
        x = 4 * self.samples * self.x.strides[0] / (_BYTES_A_CYCLE / 2)
        copied = 4 * self.planes * self.source.strides[0] / (_BYTES_A_CYCLE / 4) if self.padded else 0.0
        ends, cycles = [0.0] * _THREADS, self.cycles() * self.planes
        for plane, band, share in itertools.product(planes, bands, shares):
            read = copied * plane if self.padded else x * plane * band
            ends[0] += cycles * plane * band * share + read + weights * share + _BEGIN_TASK
            ends.sort()  # the thread that is free first takes the next task
        return ends[-1]


def _second_cache(cpu: Cpu) -> int:
    """Bytes."""
    return cpu.l2 or 1 << 20


def _parts(count: int, blocks: int) -> list[float]:
    """The part of all that each block is, when so many things are cut."""
    return [((i + 1) * count // blocks - i * count // blocks) / count for i in range(blocks)]


@functools.lru_cache(maxsize=256)
def plan(cpu: Cpu, batch: Batch, x: Volume, y: Volume, window: Window, groups: int, blocks: int) -> Work:
    """The quickest way to do a convolution in at least so many tasks, and less than twice as many, if there
    is that much work. More than one are so many that the second cache holds what each reads of a plane of x.
    """
    samples = samples_of(batch, x, y)
    if (x.channels % groups, y.channels % groups) != (0, 0):
        raise ValueError(f"{x.channels} and {y.channels} channels do not fall into {groups} groups")
    if Window((1, 1, 1)) == replace(window, dilation=(1, 1, 1)) and x.sizes == y.sizes:
        samples, x, y = 1, _column(samples, x), _column(samples, y)
    depthwise = 1 < groups == x.channels == y.channels
    groups = 1 if depthwise else groups
    vectors = -(-y.channels // groups // cpu.lanes)
    tilings = _tilings(cpu, y.sizes, vectors)
    work = min(
        (Work(cpu, samples, x, y, window, groups, depthwise, each) for each in tilings), key=Work.cycles
    )
    return min(_cuts(work, blocks), key=Work.duration)


def _column(samples: int, volume: Volume) -> Volume:
    """All positions of all samples as one column."""
    return replace(volume, sizes=(1, samples * volume.positions, 1))


def _tilings(cpu: Cpu, sizes: Triple, vectors: int) -> Iterator[Tiling]:
    _, height, width = sizes
    for filters in shares_of(vectors, cpu.registers):
        for columns in shares_of(width, cpu.registers):
            for lines in shares_of(height, cpu.registers // columns.most):
                if fits(cpu, lines.most * columns.most, filters.most):
                    yield Tiling(lines, columns, filters)


def _cuts(work: Work, blocks: int) -> list[Work]:
    bands, shares = work.tiling.lines.count, work.shares
    fewest = 1 if blocks == 1 else min(bands, 1 + 16 * work.x.strides[0] // _second_cache(work.cpu))
    least = min(max(blocks, fewest), work.planes * bands * shares)
    most = 2 * least - 1
    ways = [
        replace(work, plane_blocks=p, line_blocks=n, filter_blocks=m)
        for p in range(1, min(work.planes, most) + 1)
        for n in range(fewest, min(bands, most // p) + 1)
        for m in range(1, min(shares, most // (p * n)) + 1)
        if least <= p * n * m
    ]
    return ways or [replace(work, plane_blocks=work.planes, line_blocks=bands, filter_blocks=shares)]
