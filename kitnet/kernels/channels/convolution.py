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

from kitnet.kernels.activation import ACTIVATIONS
from kitnet.kernels.channels.layout import Value as Layout
from kitnet.kernels.channels.pack import Packing
from kitnet.kernels.channels.work import Work, plan
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import BOOL, F32, Index, Kernel, Pointer, Value, once
from kitnet.kernels.spec import Window
from kitnet.kernels.tiling import cut
from kitnet.kernels.walk import lower


def packing(cpu: Cpu, x: Layout, y: Layout, window: Window, *, groups: int = 1, blocks: int = 8) -> Packing:
    """How `forward`, given the same, wants its weights."""
    return plan(cpu, x, y, window, groups, blocks).packing


@once
def forward(
    name: str,
    cpu: Cpu,
    x: Layout,
    y: Layout,
    window: Window,
    *,
    groups: int = 1,
    bias: bool = True,
    activation: str | None = None,
    addend: bool = False,
    blocks: int = 8,
) -> Kernel:
    """y = activation(bias + correlation of x and weight + addend): x, packed, bias [, addend] -> y.

    `addend` lies as y does and may be y itself. `bias=False` leaves that pointer unread. The work is cut
    into `blocks` tasks or some more if there is that much of it.
    """
    work = plan(cpu, x, y, window, groups, blocks)
    more = {"addend": F32} if addend else {}
    k = Kernel(name, cpu, work.tasks, x=F32, packed=F32, bias=F32, **more, y=F32)
    _Writer(k, work, bias, activation, addend).write()
    return k


@dataclass(frozen=True)
class _Row:
    """Vectors of filters that are summed together: how many, their first filter, how many filters their
    group has from there on, and where their weights and their group's channels begin.
    """

    vectors: int
    filter: Index
    left: Index
    weights: Pointer
    source: Pointer


class _Writer:
    """Writes the tasks of some work into a kernel."""

    def __init__(self, k: Kernel, work: Work, bias: bool, activation: str | None, addend: bool) -> None:
        self.k, self.work, self.activation = k, work, activation
        self.x, self.packed, biases, *rest = k.pointers
        self.y, self.biases = rest[-1], biases if bias else None
        self.addend = rest[0] if addend else None
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
            with k.loop(*shares, unroll=1) as share:
                for row, chosen in self._rows(share, source):
                    with k.when(chosen):
                        with k.loop(*bands, unroll=1) as band:
                            self._band(row, band, band - bands[0], top, target)
                        if self.activation and self.activation != "relu":
                            self._curve(row, first, last, target)
            if work.groups > 1 and work.y.fills(k.lanes):
                self._fill(shares, first, last, target)

    def _rows(self, item: Index, source: Pointer) -> Iterator[tuple[_Row, Value | bool]]:
        """What a share of all filters may be, and whether it is."""
        work, lanes = self.work, self.k.lanes
        group, share = divmod(item, work.tiling.vectors.count)
        vector = work.tiling.vectors.start(share)
        filter, left = group * work.filters + vector * lanes, work.filters - vector * lanes
        weights = self.packed + (group * work.packing.vectors + vector) * work.packing.vector_size
        channels = source + (vector * lanes if work.depthwise else group * work.depth)
        for vectors, chosen in work.tiling.vectors.kinds(share):
            yield _Row(vectors, filter, left, weights, channels), chosen

    def _band(self, row: _Row, band: Index, turn: Index, top: Index, target: Index) -> None:
        """All tiles of a band of lines, the task's band number `turn`."""
        k, lines, columns = self.k, self.work.tiling.lines, self.work.tiling.columns
        _, down, right = self.work.window.stride
        _, _, from_line, from_place = self.source.strides
        _, _, to_line, to_place = self.work.y.strides
        line = lines.start(band)
        with k.loop(columns.count, unroll=1) as share:
            column = columns.start(share)
            at = row.source + ((line - top) * (down * from_line) + column * (right * from_place))
            out = target + (line * to_line + column * to_place + row.filter)
            for (height, here), (width, there) in itertools.product(lines.kinds(band), columns.kinds(share)):
                with k.when(here), k.when(there):
                    offsets = [h * to_line + w * to_place for h in range(height) for w in range(width)]
                    fetched = self._fetched(row, turn * columns.count + share, at + height * from_line)
                    self._tile(row, at, self.work.places(height, width), out, offsets, fetched)

    def _fetched(self, row: _Row, turn: Index, below: Pointer) -> list[Pointer]:
        """What will be read later and each step of a tile fetches a line of: with its first tiles the next
        share's weights, and the next places of a column.
        """
        work, part = self.work, lower(turn, row.vectors - 1)
        weights = row.weights + (row.vectors + part) * work.packing.vector_size
        return [weights] * work.far_weights + [below] * work.far_column

    def _tile(
        self,
        row: _Row,
        at: Pointer,
        places: list[int],
        out: Index,
        offsets: list[int],
        fetched: list[Pointer],
    ) -> None:
        k, vectors = self.k, range(row.vectors)
        levels = [self._level(row, v) for v in vectors]
        sums = [[k.register(level) for level in levels] for _ in places]
        with self._terms() as (here, step):
            for each in fetched:
                k.prefetch(each + step * k.lanes)
            weights = [k.vector(row.weights, (step * row.vectors + v) * k.lanes) for v in vectors]
            for line, place in zip(sums, places, strict=True):
                numbers = self._numbers(row, at + here, place)
                for total, number, weight in zip(line, numbers, weights, strict=True):
                    total.set(k.fma(number, weight, total.get()))
        for line, offset in zip(sums, offsets, strict=True):
            for v, total in enumerate(line):
                value, count, there = total.get(), self._count(row, v), out + (offset + v * k.lanes)
                if self.addend:
                    value = value + k.vector(self.addend, there, count)
                value = k.max(value, 0.0) if self.activation == "relu" else value
                k.store(value, self.y, there, count)

    def _copy(self, scratch: Pointer, sample: Index, z: Index, first: Index, last: Index) -> None:
        """Every line of x that lines `first` to `last` of the output look at, zeros where there is none."""
        k, x, window, source = self.k, self.work.x, self.work.window, self.source
        planes, _, width = source.sizes
        lines = (last - first - 1) * window.stride[1] + self.work.reach(1, 1)
        top, front = first * window.stride[1] - window.before[1], z * window.stride[0] - window.before[0]
        left = min(window.before[2], width)
        own = max(0, min(x.sizes[2], width - window.before[2]))
        runs, length = (1, own * x.pitch) if x.pitch == source.pitch else (own, source.pitch)
        with k.loop(planes, unroll=1) as a, k.loop(lines, unroll=1) as b:
            to = scratch + (a * source.strides[1] + b * source.strides[2])
            plane, line = front + a, top + b
            here = _within(k, plane, x.sizes[0]) & _within(k, line, x.sizes[1])
            with k.when(here):
                self._zeros(to, left)
                at = self.x + (sample * x.strides[0] + plane * x.strides[1] + line * x.strides[2])
                with k.loop(runs, unroll=1) as c:
                    one, two = at + c * x.pitch, to + (c + left) * source.pitch
                    k.sweep(length, lambda i, count: k.store(k.vector(one, i, count), two, i, count))
                self._zeros(to + (left + own) * source.pitch, width - left - own)
            with k.when(~here):
                self._zeros(to, width)

    def _zeros(self, at: Pointer, places: int) -> None:
        k = self.k
        k.sweep(places * self.source.pitch, lambda i, count: k.store(k.zero(), at, i, count))

    def _numbers(self, row: _Row, at: Pointer, place: int) -> list[Value]:
        """What the vectors of filters see at a place: the same number, or of a depthwise one their own."""
        k = self.k
        if not self.work.depthwise:
            return [k.splat(at, place)] * row.vectors
        whole = self.source.fills(k.lanes)
        return [
            k.vector(at, place + v * k.lanes, None if whole else self._filled(row, v))
            for v in range(row.vectors)
        ]

    def _level(self, row: _Row, v: int) -> Value:
        """The biases of a vector of filters, where the sums begin."""
        if self.biases is None:
            return self.k.zero()
        return self.k.vector(self.biases, row.filter + v * self.k.lanes, self._filled(row, v))

    def _filled(self, row: _Row, v: int) -> Index:
        """How many lanes of a vector hold filters of the group; only its last may have fewer than all."""
        lanes = self.k.lanes
        if v < row.vectors - 1 or self.work.filters % lanes == 0:
            return lanes
        return lower(row.left - v * lanes, lanes)

    def _count(self, row: _Row, v: int) -> Index:
        """How many lanes of a vector are written."""
        return self._filled(row, v) if self.masked else self.k.lanes

    @contextmanager
    def _terms(self) -> Iterator[tuple[Index, Index]]:
        """The loops over taps and channels: where the source is read for a tile's first place, and the number
        of the step.
        """
        k, window, depth = self.k, self.work.window, self.work.depth
        to_plane, to_line, to_place = (
            stride * dilation
            for stride, dilation in zip(self.source.strides[1:], window.dilation, strict=True)
        )
        high, wide = window.size[1:]
        with k.loop(window.size[0], unroll=1) as a, k.loop(high, unroll=1) as b:
            line, step = a * to_plane + b * to_line, (a * high + b) * (wide * depth)
            if self.work.one_run:
                with k.loop(wide * depth, unroll=1) as d:
                    yield line + d, step + d
            else:
                with k.loop(wide, unroll=1) as c, k.loop(depth, unroll=1) as d:
                    yield line + c * to_place + d, step + c * depth + d

    def _curve(self, row: _Row, first: Index, last: Index, target: Index) -> None:
        """A curve takes tens of instructions, too many for every sum of a tile: once over what is summed."""
        k, y = self.k, self.work.y
        curve = ACTIVATIONS[self.activation or ""].value
        with k.loop(first, last, unroll=1) as line, k.loop(y.sizes[2], unroll=1) as column:
            at = target + (line * y.strides[2] + column * y.strides[3] + row.filter)
            for v in range(row.vectors):
                count, there = self._count(row, v), at + v * k.lanes
                k.store(curve(k.vector(self.y, there, count)), self.y, there, count)

    def _fill(self, shares: tuple[Index, Index], first: Index, last: Index, target: Index) -> None:
        """Zeros in the lanes beyond the last group's filters, by the task that has these."""
        k, y = self.k, self.work.y
        beyond = y.pitch - y.channels
        if not beyond:
            return
        with (
            k.when(_equal(k, shares[1], self.work.shares)),
            k.loop(first, last, unroll=1) as line,
            k.loop(y.sizes[2], unroll=1) as column,
        ):
            at = target + (line * y.strides[2] + column * y.strides[3] + y.channels)
            k.store(k.zero(), self.y, at, beyond)


def _equal(k: Kernel, index: Index, other: int) -> Value:
    return k.constant(index == other, BOOL, 1) if isinstance(index, int) else index.equals(other)


def _within(k: Kernel, index: Index, size: int) -> Value:
    """Whether 0 <= index < size."""
    if isinstance(index, int):
        return k.constant(0 <= index < size, BOOL, 1)
    return (index >= 0) & (index < size)
