"""Convolution of few images, with the filters in the vector lanes.

A tile is some places of the output, a rectangle of lines and columns, times some vectors of filters. Each
step of a sum loads one number of x for each place, spread over the lanes, and a vector of weights for each
vector of filters, and multiplies all with all. Weights were packed before (`pack`), so that a tile reads them
as one run of memory. Places of a rectangle lie at constant distances, so a step needs no other addresses
than its two pointers.

Where a window looks into padding, a task first copies the lines of x that it needs into memory of its own,
with zeros around them: tiles then know no rim, and a line of taps is one run.

A window of one tap that visits every position in turn sees all of them, even of several samples, as places
of one column.

A sum has one accumulator and takes its terms in the order (taps, channels), whatever the tile: how the work
is cut changes no bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kitnet.kernels.activation import Activation
from kitnet.kernels.channels.pack import Packing
from kitnet.kernels.channels.work import Work, plan
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel, once
from kitnet.kernels.epilogue import Epilogue
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.kernels.tiling import cut
from kitnet.kernels.types import BOOL, F32
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import equal, lower


def packing(
    cpu: Cpu, batch: Batch, x: Volume, y: Volume, window: Window, *, groups: int = 1, blocks: int = 8
) -> Packing:
    """How `forward`, given the same, wants its weights."""
    return plan(cpu, batch, x, y, window, groups, blocks).packing


@once
def forward(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    y: Volume,
    window: Window,
    *,
    groups: int = 1,
    bias: bool = True,
    activation: Activation | None = None,
    addend: bool = False,
    blocks: int = 8,
) -> Kernel:
    """y = activation(bias + correlation of x and weight + addend): x, packed, bias [, addend] -> y.

    `addend` lies as y does and may be y itself. `bias=False` leaves that pointer unread. The work is cut
    into `blocks` tasks or some more if there is that much of it.
    """
    work = plan(cpu, batch, x, y, window, groups, blocks)
    added = {"addend": y.type} if addend else {}
    k = Kernel(name, cpu, work.tasks, x=x.type, packed=F32, bias=F32, **added, y=y.type)
    Writer(k, dict(zip(k.arguments, k.pointers, strict=True)), work, bias, activation).write()
    return k


@dataclass(frozen=True)
class Row:
    """Vectors of filters that are summed together: how many, the number of the first among all groups', its
    first filter, how many filters their group has from there on, and where their group's channels begin.
    """

    vectors: int
    vector: Index
    filter: Index
    left: Index
    source: Pointer


@dataclass(frozen=True)
class Lines:
    """What a task has of a plane: some bands of lines, the line of y whose window the source begins with, and
    where the plane begins in y.
    """

    bands: tuple[Index, Index]
    top: Index
    target: Index


@dataclass(frozen=True)
class Tile:
    """The task's tile of this number: where its first place begins in the source and in y, how its places lie
    from there on in both, and where the source goes on below it.
    """

    number: Index
    at: Pointer
    places: list[int]
    out: Index
    offsets: list[int]
    below: Pointer


class Writer:
    """Writes the tasks of some work into a kernel."""

    def __init__(
        self, k: Kernel, pointers: dict[str, Pointer], work: Work, bias: bool, activation: Activation | None
    ) -> None:
        self.k, self.pointers, self.work = k, pointers, work
        self.x, self.y = pointers["x"], pointers["y"]
        self.addend = pointers.get("addend", self.y)
        self.end = Epilogue(k, pointers["bias"] if bias else None, activation, "addend" in pointers)
        self.source = work.source
        self.masked = work.groups > 1 or not work.y.fills(k.lanes)

    def write(self) -> None:
        k, work = self.k, self.work
        where, filter_block = divmod(k.task, work.filter_blocks)
        plane_block, line_block = divmod(where, work.line_blocks)
        bands = cut(work.tiling.lines.count, line_block, work.line_blocks)
        shares = cut(work.shares, filter_block, work.filter_blocks)
        scratch = k.scratch(F32, self.source.strides[0]) if work.padded else None
        with k.loop(*cut(work.planes, plane_block, work.plane_blocks), unroll=1) as plane:
            sample, z = divmod(plane, work.y.sizes[0])
            target = plane * work.y.strides[1]
            first, last = (work.tiling.lines.start(band) for band in bands)
            if scratch:
                self._copy(scratch, sample, z, first, last)
                source, top = scratch, first
            else:
                at = sample * work.x.strides[0] + z * (work.window.stride[0] * work.x.strides[1])
                source, top = self.x + at, 0
            self._plane(shares, source, Lines(bands, top, target))
            if work.groups > 1 and work.y.fills(k.lanes):
                self._fill(shares, first, last, target)

    def _plane(self, shares: tuple[Index, Index], source: Pointer, lines: Lines) -> None:
        """All tiles of some shares of the filters with some lines of a plane."""
        for _, row in self._rows(shares, source):
            for tile in self._tiles(row, lines):
                self._tile(row, tile)
            self._curve(row, lines)

    def _rows(self, shares: tuple[Index, Index], source: Pointer) -> Iterator[tuple[Index, Row]]:
        """The loop over shares of all filters: its number, and what it may be."""
        k, work, lanes = self.k, self.work, self.k.lanes
        with k.loop(*shares, unroll=1) as item:
            group, share = divmod(item, work.tiling.vectors.count)
            vector = work.tiling.vectors.start(share)
            filter, left = group * work.filters + vector * lanes, work.filters - vector * lanes
            channels = source + (vector * lanes if work.depthwise else group * work.depth)
            for vectors, chosen in work.tiling.vectors.kinds(share):
                with k.when(chosen):
                    yield item, Row(vectors, group * work.packing.vectors + vector, filter, left, channels)

    def _tiles(self, row: Row, lines: Lines) -> Iterator[Tile]:
        """The loops over the tiles of a share of the filters."""
        k, columns, (first, _) = self.k, self.work.tiling.columns, lines.bands
        _, down, right = self.work.window.stride
        _, _, from_line, from_place = self.source.strides
        _, _, to_line, to_place = self.work.y.strides
        with k.loop(*lines.bands, unroll=1) as band, k.loop(columns.count, unroll=1) as share:
            line, column = self.work.tiling.lines.start(band), columns.start(share)
            at = row.source + ((line - lines.top) * (down * from_line) + column * (right * from_place))
            out = lines.target + (line * to_line + column * to_place + row.filter)
            for (height, here), (width, there) in itertools.product(
                self.work.tiling.lines.kinds(band), columns.kinds(share)
            ):
                with k.when(here), k.when(there):
                    offsets = [h * to_line + w * to_place for h in range(height) for w in range(width)]
                    number, below = (band - first) * columns.count + share, at + height * from_line
                    yield Tile(number, at, self.work.places(height, width), out, offsets, below)

    def _fetched(self, row: Row, tile: Tile) -> list[Pointer]:
        """What will be read later and each step of a tile fetches a line of: with its first tiles the next
        share's weights, and the next places of a column.
        """
        work, part = self.work, lower(tile.number, row.vectors - 1)
        weights = self.pointers["packed"] + (row.vector + row.vectors + part) * work.packing.vector_size
        return [weights] * work.far_weights + [tile.below] * work.far_column

    def _tile(self, row: Row, tile: Tile) -> None:
        k, vectors = self.k, range(row.vectors)
        levels, fetched = [self._level(row, v) for v in vectors], self._fetched(row, tile)
        packed = self.pointers["packed"] + row.vector * self.work.packing.vector_size
        sums = [[k.register(level) for level in levels] for _ in tile.places]
        with self._terms() as (here, step):
            for each in fetched:
                k.prefetch(each + step * k.lanes)
            weights = [k.vector(packed, (step * row.vectors + v) * k.lanes) for v in vectors]
            for line, place in zip(sums, tile.places, strict=True):
                numbers = self._numbers(row, tile.at + here, place)
                for total, number, weight in zip(line, numbers, weights, strict=True):
                    total.set(k.fma(number, weight, total.get()))
        for line, offset in zip(sums, tile.offsets, strict=True):
            for v, total in enumerate(line):
                self._finish(row, v, total.get(), tile.out + (offset + v * k.lanes))

    def _finish(self, row: Row, v: int, total: Value, there: Index) -> None:
        """A sum of which all terms are known: the epilogue, and into y."""
        count = self._count(row, v)
        self.k.store(self.end.finish(total, self.addend, there, count), self.y, there, count)

    def _copy(self, scratch: Pointer, sample: Index, z: Index, first: Index, last: Index) -> None:
        """Every line of x that lines `first` to `last` of the output look at, zeros where there is none."""
        k, x, window, source = self.k, self.work.x, self.work.window, self.source
        planes, _, width = source.sizes
        lines = (last - first - 1) * window.stride[1] + self.work.reach(1, 1)
        top, front = first * window.stride[1] - window.before[1], z * window.stride[0] - window.before[0]
        left, unseen = min(max(window.before[2], 0), width), max(-window.before[2], 0)
        own = max(0, min(x.sizes[2] - unseen, width - left))
        runs, length = (1, own * x.pitch) if x.pitch == source.pitch else (own, source.pitch)
        with k.loop(planes, unroll=1) as a, k.loop(lines, unroll=1) as b:
            to = scratch + (a * source.strides[1] + b * source.strides[2])
            plane, line = front + a, top + b
            here = _within(k, plane, x.sizes[0]) & _within(k, line, x.sizes[1])
            with k.when(here):
                self._zeros(to, left)
                begin = sample * x.strides[0] + plane * x.strides[1] + line * x.strides[2]
                at = self.x + (begin + unseen * x.strides[3])
                with k.loop(runs, unroll=1) as c:
                    one, two = at + c * x.pitch, to + (c + left) * source.pitch
                    k.sweep(length, lambda i, count: k.store(k.vector(one, i, count), two, i, count))
                self._zeros(to + (left + own) * source.pitch, width - left - own)
            with k.when(~here):
                self._zeros(to, width)

    def _zeros(self, at: Pointer, places: int) -> None:
        k = self.k
        k.sweep(places * self.source.pitch, lambda i, count: k.store(k.zero(), at, i, count))

    def _numbers(self, row: Row, at: Pointer, place: int) -> list[Value]:
        """What the vectors of filters see at a place: the same number, or of a depthwise one their own."""
        k = self.k
        if not self.work.depthwise:
            return [k.splat(at, place)] * row.vectors
        whole = self.source.fills(k.lanes)
        return [
            k.vector(at, place + v * k.lanes, None if whole else self._filled(row, v))
            for v in range(row.vectors)
        ]

    def _level(self, row: Row, v: int) -> Value:
        """The biases of a vector of filters, where the sums begin."""
        return self.end.begin(row.filter + v * self.k.lanes, self._filled(row, v))

    def _filled(self, row: Row, v: int) -> Index:
        """How many lanes of a vector hold filters of the group; only its last may have fewer than all."""
        lanes = self.k.lanes
        if v < row.vectors - 1 or self.work.filters % lanes == 0:
            return lanes
        return lower(row.left - v * lanes, lanes)

    def _count(self, row: Row, v: int) -> Index:
        """How many lanes of a vector are written."""
        return self._filled(row, v) if self.masked else self.k.lanes

    @property
    def _to_taps(self) -> tuple[int, int, int]:
        """Elements of the source from one tap of the window to the next, along each axis."""
        strides = zip(self.source.strides[1:], self.work.window.dilation, strict=True)
        plane, line, place = (stride * dilation for stride, dilation in strides)
        return plane, line, place

    @contextmanager
    def _terms(self) -> Iterator[tuple[Index, Index]]:
        """The loops over taps and channels: where the source is read for a tile's first place, and the number
        of the step.
        """
        k, window, depth = self.k, self.work.window, self.work.depth
        to_plane, to_line, to_place = self._to_taps
        high, wide = window.size[1:]
        with k.loop(window.size[0], unroll=1) as a, k.loop(high, unroll=1) as b:
            line, step = a * to_plane + b * to_line, (a * high + b) * (wide * depth)
            if self.work.one_run:
                with k.loop(wide * depth, unroll=1) as d:
                    yield line + d, step + d
            else:
                with k.loop(wide, unroll=1) as c, k.loop(depth, unroll=1) as d:
                    yield line + c * to_place + d, step + c * depth + d

    def _curve(self, row: Row, lines: Lines) -> None:
        """An activation that is left for finished sums."""
        k, y, curve = self.k, self.work.y, self.end.curve
        if curve is None:
            return
        first, last = (self.work.tiling.lines.start(band) for band in lines.bands)
        with k.loop(first, last, unroll=1) as line, k.loop(y.sizes[2], unroll=1) as column:
            at = lines.target + (line * y.strides[2] + column * y.strides[3] + row.filter)
            for v in range(row.vectors):
                count, there = self._count(row, v), at + v * k.lanes
                k.store(curve.value(k.vector(self.y, there, count)), self.y, there, count)

    def _fill(self, shares: tuple[Index, Index], first: Index, last: Index, target: Index) -> None:
        """Zeros in the lanes beyond the last group's filters, by the task that has these."""
        k, y = self.k, self.work.y
        beyond = y.pitch - y.channels
        if not beyond:
            return
        with (
            k.when(equal(k, shares[1], self.work.shares)),
            k.loop(first, last, unroll=1) as line,
            k.loop(y.sizes[2], unroll=1) as column,
        ):
            at = target + (line * y.strides[2] + column * y.strides[3] + y.channels)
            k.store(k.zero(), self.y, at, beyond)


def _within(k: Kernel, index: Index, size: int) -> Value:
    """Whether 0 <= index < size."""
    if isinstance(index, int):
        return k.constant(0 <= index < size, BOOL, 1)
    return (index >= 0) & (index < size)
