"""Depthwise convolution, where every channel is a group of one filter, in either layout: forward, and back to
the input. `depthwise_gradient.py` has the gradient of the filters.

A channel meets its own numbers alone, so no lane is ever added to another: with images in the lanes a weight
is spread over them, with channels a vector of weights is read.

A tile is some lines times some places of one vector of lanes. Each vector of the source is read once and
added to all sums of the tile that it belongs to, in the order in which it lies there; so every sum has its
terms in one order, however the work is cut. Which columns of a tile fall into padding is known when the
kernel is written. Lines that fall there are passed over.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from kitnet.kernels.activation import Activation
from kitnet.kernels.convolution import backwards, forwards
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel, once
from kitnet.kernels.epilogue import Epilogue
from kitnet.kernels.lanes import Lanes
from kitnet.kernels.spec import Batch, Volume, Window, lanewise
from kitnet.kernels.tiling import Reach, Shares
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Int, Pointer, Value
from kitnet.kernels.walk import over, share

MOST_TAPS = 49  # of a plane of the window, all of which are written out
# Of a tile, at most. Measured on AVX-512 cores with 128@56, 256@28 and 512@14, stride 1 and 2: larger tiles
# are no quicker, since they read from more lines of the caches at a time, and take longer to compile.
_LINES, _PLACES = 2, 4

Meets = dict[int, list[tuple[int, int]]]  # by the source's place, seen from a tile: (place, tap) that read it


@once
def forward(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    y: Volume,
    window: Window,
    *,
    bias: bool = True,
    activation: Activation | None = None,
    addend: bool = False,
    blocks: int = 1,
) -> Kernel:
    """y = activation(bias + correlation of each channel of x with its filter + addend): x, weight (taps,
    channels), bias [, addend] -> y.

    `addend` lies as y does and may be y itself. `bias=False` leaves that pointer unread. Lines are cut into
    blocks.
    """
    lanes = Lanes(x)
    batch, (x, y) = lanewise(batch, x, y)
    added = {"addend": y.type} if addend else {}
    k = over(name, cpu, batch, blocks, x=x.type, weight=F32, bias=F32, **added, y=y.type)
    source, weight, biases, *addends, target = k.pointers
    end = Epilogue(k, biases if bias else None, activation, addend)
    _Writer(k, batch, lanes, x, y, window, weight, end).write(
        forwards(x, y, window), source, target, *addends
    )
    return k


@once
def input_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    dy: Volume,
    dx: Volume,
    window: Window,
    *,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """dx = full convolution of each channel of dy with its filter, 0 where no window looked: dy, weight ->
    dx; with `accumulate` added to what dx holds. Lines are cut into blocks.
    """
    lanes = Lanes(dy)
    batch, (dy, dx) = lanewise(batch, dy, dx)
    k = over(name, cpu, batch, blocks, dy=dy.type, weight=F32, dx=dx.type)
    source, weight, target = k.pointers
    end = Epilogue(k, None, None, accumulate)
    _Writer(k, batch, lanes, dy, dx, window, weight, end).write(backwards(dy, dx, window), source, target)
    return k


@dataclass(frozen=True)
class Columns:
    """Tiles side by side that are alike: `count` of them from place `first` on, of `width` places each.
    `meets` leaves padding out.
    """

    first: int
    count: int
    width: int
    meets: Meets


def meets_of(reach: Reach, places: int) -> Meets:
    """For some places of a reach from place 0 on, in the order of the source."""
    found: Meets = {}
    for place, tap in itertools.product(range(places), range(reach.taps)):
        found.setdefault(place * reach.step + reach.start + tap * reach.apart, []).append((place, tap))
    return dict(sorted(found.items()))


def columns_of(reach: Reach, most: int) -> list[Columns]:
    """A line cut into tiles of at most so many places, those alike together."""
    shares, found, start = Shares(reach.places, -(-reach.places // most)), list[Columns](), 0
    for number in range(shares.count):
        width, base = shares.small + (number < shares.larger), start * reach.step
        meets = {at: m for at, m in meets_of(reach, width).items() if 0 <= base + at < reach.size}
        if found and (found[-1].width, found[-1].meets) == (width, meets):
            found[-1] = replace(found[-1], count=found[-1].count + 1)
        else:
            found.append(Columns(start, 1, width, meets))
        start += width
    return found


class _Writer:
    """Writes a pass into a kernel; the reaches say what is read and where it goes."""

    def __init__(
        self,
        k: Kernel,
        batch: Batch,
        lanes: Lanes,
        source: Volume,
        target: Volume,
        window: Window,
        weight: Pointer,
        end: Epilogue,
    ) -> None:
        self.k, self.batch, self.lanes, self.window = k, batch, lanes, window
        self.source, self.target, self.weight, self.end = source, target, weight, end
        self.vectors = source.channels * batch.images // k.lanes  # of a position

    def write(
        self, reaches: list[list[Reach]], source: Pointer, target: Pointer, addend: Pointer | None = None
    ) -> None:
        """Line by line of tiles, of all channels each."""
        k, batch = self.k, self.batch
        deeps, highs, wides = reaches
        for deep, high in itertools.product(deeps, highs):
            lines = Shares(high.places, -(-high.places // _LINES))
            group, first, last = share(k, batch, deep.places * lines.count)
            here = source + group * self.source.group_stride(batch)
            there = group * self.target.group_stride(batch)
            with k.loop(first, last, unroll=1) as item:
                z, band = divmod(item, lines.count)
                y = lines.start(band)
                for height, chosen in lines.kinds(band):
                    with k.when(chosen):
                        for wide in wides:
                            line = _Line(deep, high, wide, z, y, height, here, there)
                            self._line(line, target, target if addend is None else addend)

    def _line(self, line: _Line, target: Pointer, addend: Pointer) -> None:
        """Its tiles from left to right, and the vectors of each."""
        k, wide = self.k, line.wide
        for some in columns_of(wide, _PLACES):
            with k.loop(some.count, unroll=1) as number, k.loop(self.vectors, unroll=1) as vector:
                x, width = number * some.width + some.first, some.width
                outs = self._outs(line, x, width, vector)
                sums = self._sums(line, x, some, vector)
                for at, total in zip(outs, sums, strict=True):
                    k.store(self.end.finish(total, addend, at), target, at)
                if self.end.curve:
                    self._curve(self.end.curve, line, outs[0], width, target)

    def _outs(self, line: _Line, x: Index, width: int, vector: Index) -> list[Index]:
        """Where the numbers of a tile go."""
        row, place = self._steps(line)
        _, height, wide = self.target.sizes
        y = line.y * line.high.every + line.high.first
        z = line.z * line.deep.every + line.deep.first
        number = (z * height + y) * wide + (x * line.wide.every + line.wide.first)
        first = line.target + number * (self.target.pitch * self.batch.images) + vector * self.k.lanes
        return [first + (r * row + j * place) for r in range(line.height) for j in range(width)]

    def _steps(self, line: _Line) -> tuple[int, int]:
        """Elements of the target from a line of a tile, and from a place, to the next."""
        place = self.target.pitch * self.batch.images
        return line.high.every * self.target.sizes[2] * place, line.wide.every * place

    def _sums(self, line: _Line, x: Index, some: Columns, vector: Index) -> list[Value]:
        k, deep, high, source = self.k, line.deep, line.high, self.source
        place = source.pitch * self.batch.images
        begin = self._begin(vector)
        sums = {at: k.register(begin) for at in itertools.product(range(line.height), range(some.width))}
        with k.loop(*deep.taps_at(line.z), unroll=1) as a:
            z = line.z * deep.step + deep.start + a * deep.apart
            plane = (deep.tap + a * deep.tap_step) * (self.window.size[1] * self.window.size[2])
            weight = self._weights(line, plane, vector)
            for down, rows in meets_of(high, line.height).items():
                y = line.y * high.step + down
                first = (z * source.sizes[1] + y) * source.sizes[2] + x * line.wide.step
                for tap in itertools.product(_taps([rows]), _taps(some.meets.values())):
                    weight(*tap)  # outside of what may be passed over
                with inside(k, high, y):
                    at = line.source + first * place + vector * k.lanes
                    for right, pairs in some.meets.items():
                        value = k.vector(at, right * place)
                        for (r, b), (j, c) in itertools.product(rows, pairs):
                            sums[r, j].set(k.fma(value, weight(b, c), sums[r, j].get()))
        return [total.get() for total in sums.values()]

    def _begin(self, vector: Index) -> Value:
        """The bias, where sums begin."""
        if self.end.bias is None:
            return self.k.zero()
        return self.lanes.parameter(self.k, self.end.bias, 0, vector, self.batch)

    def _weights(self, line: _Line, plane: Index, vector: Index) -> functools._lru_cache_wrapper[Value]:
        """The weight of a tap (line, place) of a reach, read once."""
        high, wide, size = line.high, line.wide, self.window.size
        at = self.weight + plane * self.lanes.channels

        @functools.cache
        def weight(b: int, c: int) -> Value:
            tap = (high.tap + b * high.tap_step) * size[2] + wide.tap + c * wide.tap_step
            return self.lanes.parameter(self.k, at, tap, vector, self.batch)

        return weight

    def _curve(self, curve: Activation, line: _Line, first: Index, width: int, target: Pointer) -> None:
        """An activation that is left for finished sums."""
        k, (row, place) = self.k, self._steps(line)
        with k.loop(line.height, unroll=1) as r, k.loop(width, unroll=1) as j:
            at = first + (r * row + j * place)
            k.store(curve.value(k.vector(target, at)), target, at)


@contextmanager
def inside(k: Kernel, reach: Reach, place: Index) -> Iterator[None]:
    """What is done with a place of the source, if there is one."""
    if not reach.padded:
        yield
        return
    there = (place >= 0) & (place < reach.size) if isinstance(place, Int) else 0 <= place < reach.size
    with k.when(there):
        yield


def _taps(meets: Iterable[list[tuple[int, int]]]) -> list[int]:
    """All that occur."""
    return sorted({tap for pairs in meets for _, tap in pairs})


@dataclass(frozen=True)
class _Line:
    """Some lines of tiles: their reaches, the plane and first line in these, how many lines, the address of
    the source's group and the offset of the target's.
    """

    deep: Reach
    high: Reach
    wide: Reach
    z: Index
    y: Index
    height: int
    source: Pointer
    target: Index
