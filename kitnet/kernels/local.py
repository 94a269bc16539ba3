"""The locally connected layer, a convolution whose filters are not shared: every position reads its own.

    y[n, o, k] = bias[o, k] + sum over taps r, channels c of  x[n, place of o and r, c] * weight[o, r, c, k]

Weights lie as (positions, taps, channels, filters) and each is read once for the images that lie side by
side, so that reading them is what takes time. They are read in the order in which they lie.

With images in the lanes a tile is some filters times some vectors of images, and a weight is spread over the
lanes. With channels in the lanes a tile is some samples times some vectors of filters, and numbers of x are
spread. Sums have one accumulator, and their terms come in the order (taps, channels).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from kitnet.base.shape import Axis
from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel, once
from kitnet.kernels.epilogue import Epilogue
from kitnet.kernels.sliding import Axes, Bounds, covering, tap_number, tap_place, taps_inside
from kitnet.kernels.spec import Batch, Volume, Window, samples_of
from kitnet.kernels.tiling import Shares, cut, fits, quickest_shares
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Int, Pointer, Register, Value
from kitnet.kernels.walk import Place, each_position, lower, over, place_offset, put


def along(window: Window, x: Volume, y: Volume) -> Axes:
    """The window along each axis."""
    if window.dilation != (1, 1, 1):
        raise ValueError(f"filters of single positions have no dilation, but {window.dilation} was given")

    def axis(i: int) -> Axis:
        n, o, f, s, b = x.sizes[i], y.sizes[i], window.size[i], window.stride[i], window.before[i]
        return Axis(n, f, s, 1, b, (o - 1) * s + f - n - b, o)

    return axis(0), axis(1), axis(2)


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
    blocks: int = 1,
) -> Kernel:
    """x, weight (positions, taps, channels, filters), bias (positions, filters) -> y = activation(bias +
    sum).

    `bias=False` leaves that pointer unread. With images in the lanes rows of y are cut into blocks: tasks =
    groups * blocks. With channels there a task has some positions of all samples: tasks = blocks.
    """
    slides = along(window, x, y)
    arguments = {"x": x.type, "weight": F32, "bias": F32, "y": y.type}
    if x.lanes == "channels":
        k = Kernel(name, cpu, min(blocks, y.positions), **arguments)
        _channels(k, samples_of(batch, x, y), slides, x, y, bias, activation)
    else:
        k = over(name, cpu, batch, blocks, **arguments)
        _images(k, batch, slides, x, y, bias, activation)
    return k


def _images(
    k: Kernel, batch: Batch, slides: Axes, x: Volume, y: Volume, bias: bool, activation: Activation | None
) -> None:
    source, weight, biases, target = k.pointers
    end = Epilogue(k, biases if bias else None, activation, apart=False)
    rows, vectors = _tile(k.cpu, y.channels, batch)
    with each_position(k, batch, y.sizes) as (group, position):
        number, out = _number(y, position), group * y.group_stride(batch) + place_offset(y, batch, position)
        here = source + group * x.group_stride(batch)
        for first, filters, i in _tiles(k, rows, vectors, batch):
            at = [(f, v * k.lanes) for f in range(filters) for v in range(vectors)]
            sums = [k.register(end.begin(number * y.channels + first + f)) for f, _ in at]
            with _terms(k, batch, slides, x, here, position) as (from_x, row):
                seen = [k.vector(from_x, i + v * k.lanes) for v in range(vectors)]
                own = weight + _weights(slides, x, y, number, row) + first
                for f in range(filters):
                    scalar = k.splat(own, f)
                    for total, value in zip(sums[f * vectors :], seen, strict=False):
                        total.set(k.fma(scalar, value, total.get()))
            for (f, v), total in zip(at, sums, strict=True):
                there = out + (first + f) * batch.images + i + v
                k.store(end.finish(total.get(), target), target, there)


def _channels(
    k: Kernel, samples: int, slides: Axes, x: Volume, y: Volume, bias: bool, activation: Activation | None
) -> None:
    source, weight, biases, target = k.pointers
    end = Epilogue(k, biases if bias else None, activation, apart=False)
    filters, lanes = y.channels, k.lanes
    whole = -(-filters // lanes)
    width = max((v for v in range(1, whole + 1) if fits(k.cpu, 1, v)), default=1)
    together = max((s for s in range(1, samples + 1) if fits(k.cpu, s, width)), default=1)
    tiles = Shares(whole, -(-whole // width))
    _, height, wide = y.sizes
    with k.loop(*cut(y.positions, k.task, k.tasks), unroll=1) as number:
        line, w = divmod(number, wide)
        d, h = divmod(line, height)
        with k.loop(tiles.count, unroll=1) as tile:
            first = tiles.start(tile) * lanes
            for vectors, chosen in tiles.kinds(tile):
                with k.when(chosen):
                    left = filters - first - (vectors - 1) * lanes
                    real: list[Index] = [lanes] * (vectors - 1)
                    real += [lanes if filters % lanes == 0 else lower(left, lanes)]
                    columns = list(zip(range(0, vectors * lanes, lanes), real, strict=True))
                    for some in _some(samples, together):
                        sums = [
                            [k.register(end.begin(number * filters + first + v, n)) for v, n in columns]
                            for _ in some
                        ]
                        with _terms(k, Batch(samples, 1), slides, x, source, (d, h, w)) as (from_x, row):
                            own = weight + _weights(slides, x, y, number, row) + first
                            seen = [k.vector(own, v, n) for v, n in columns]
                            for line_of, sample in zip(sums, some, strict=True):
                                scalar = k.splat(from_x, sample * x.strides[0])
                                for total, value in zip(line_of, seen, strict=True):
                                    total.set(k.fma(scalar, value, total.get()))
                        for line_of, sample in zip(sums, some, strict=True):
                            there = number * y.pitch + first + sample * y.strides[0]
                            for total, (v, n) in zip(line_of, columns, strict=True):
                                count = lanes if y.fills(lanes) else n
                                k.store(end.finish(total.get(), target), target, there + v, count)


def _some(count: int, most: int) -> list[range]:
    shares = Shares(count, -(-count // most))
    starts = list(itertools.accumulate(shares.small + (i < shares.larger) for i in range(shares.count)))
    return [range(first, last) for first, last in zip([0, *starts], starts, strict=False)]


def _tile(cpu: Cpu, rows: int, batch: Batch) -> tuple[Shares, int]:
    """Shares of rows, and vectors of images, that a tile has."""
    vectors = 2 if batch.images // cpu.lanes % 2 == 0 else 1
    return quickest_shares(cpu, rows, vectors), vectors


def _tiles(k: Kernel, rows: Shares, vectors: int, batch: Batch) -> Iterator[tuple[Index, int, Index]]:
    """The loops over a position's tiles: the first row, how many, and the first image."""
    with k.loop(rows.count, unroll=1) as share:
        first = rows.start(share)
        for count, chosen in rows.kinds(share):
            with k.when(chosen), k.loop(0, batch.images, vectors * k.lanes, unroll=1) as i:
                yield first, count, i


@contextmanager
def _terms(
    k: Kernel, batch: Batch, slides: Axes, x: Volume, source: Pointer, position: Place
) -> Iterator[tuple[Pointer, Index]]:
    """The loops over taps and channels: a number of x, and that of its weight's row of filters."""
    deep, high, (first, end) = (taps_inside(a, p) for a, p in zip(slides, position, strict=True))
    images, channels = batch.images, x.channels
    with k.loop(*deep, unroll=1) as a, k.loop(*high, unroll=1) as b:
        start = source + place_offset(x, batch, tap_place(slides, position, (a, b, first)))
        row = tap_number(slides, (a, b, first)) * channels
        if x.pitch == channels:
            with k.loop((end - first) * channels, unroll=1) as n:
                yield start + n * images, row + n
        else:
            with k.loop(end - first, unroll=1) as tap, k.loop(channels, unroll=1) as c:
                yield start + (tap * x.pitch + c) * images, row + (tap * channels + c)


def _number(volume: Volume, place: Place) -> Index:
    _, height, width = volume.sizes
    d, h, w = place
    return (d * height + h) * width + w


def _weights(slides: Axes, x: Volume, y: Volume, number: Index, row: Index) -> Index:
    """Where a row of filters begins."""
    taps = slides[0].window * slides[1].window * slides[2].window
    return (number * (taps * x.channels) + row) * y.channels


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
    """dy, weight -> dx, with images in the lanes; with `accumulate` added to what dx holds. Rows of dx are
    cut into blocks.
    """
    slides = along(window, dx, dy)
    k = over(name, cpu, batch, blocks, dy=dy.type, weight=F32, dx=dx.type)
    source, weight, target = k.pointers
    rows, vectors = _tile(cpu, dx.channels, batch)
    images, filters = batch.images, dy.channels
    with each_position(k, batch, dx.sizes) as (group, place):
        windows = [covering(a, p) for a, p in zip(slides, place, strict=True)]
        out = group * dx.group_stride(batch) + place_offset(dx, batch, place)
        for first, channels, i in _tiles(k, rows, vectors, batch):
            at = [(c, v * k.lanes) for c in range(channels) for v in range(vectors)]
            sums = [k.register(k.zero()) for _ in at]

            with (
                k.loop(*windows[0], unroll=1) as d,
                k.loop(*windows[1], unroll=1) as h,
                k.loop(*windows[2], unroll=1) as w,
            ):
                position = d, h, w
                tap = [p + a.before - o * a.stride for a, p, o in zip(slides, place, position, strict=True)]
                row = tap_number(slides, (tap[0], tap[1], tap[2])) * dx.channels + first
                own = weight + _weights(slides, dx, dy, _number(dy, position), row)
                here = source + group * dy.group_stride(batch) + place_offset(dy, batch, position) + i
                with k.loop(filters, unroll=1) as f:
                    seen = [k.vector(here + f * images, v * k.lanes) for v in range(vectors)]
                    for c in range(channels):
                        scalar = k.splat(own + f, c * filters)
                        for total, value in zip(sums[c * vectors :], seen, strict=False):
                            total.set(k.fma(scalar, value, total.get()))
            for (c, v), total in zip(at, sums, strict=True):
                put(k, total.get(), target, out + (first + c) * images + i + v, accumulate)
    return k


@once
def filter_gradient(
    name: str, cpu: Cpu, batch: Batch, x: Volume, dy: Volume, window: Window, *, tasks: int = 1
) -> Kernel:
    """x, dy -> dw (positions, taps, channels, filters), with images in the lanes. A task has some positions
    of all groups.

    At a position dy is transposed, so that filters fill the lanes; then a tile is some channels of x times
    some vectors of filters, and no lane is added to another.
    """
    slides = along(window, x, dy)
    k = Kernel(name, cpu, min(tasks, dy.positions), x=x.type, dy=dy.type, dw=F32)
    _FilterGradient(k, batch, slides, x, dy).write()
    return k


class _FilterGradient:
    def __init__(self, k: Kernel, batch: Batch, slides: Axes, x: Volume, dy: Volume) -> None:
        self.k, self.batch, self.slides, self.x, self.dy = k, batch, slides, x, dy
        self.source, self.gradient, self.dw = k.pointers
        self.whole = -(-dy.channels // k.lanes)  # vectors of filters
        self.column = batch.groups * batch.images * k.lanes  # numbers of one, for every image
        self.turned = k.scratch(F32, self.whole * self.column)
        width = 2 if self.whole % 2 == 0 else 1
        self.columns, self.rows = (
            Shares(self.whole, self.whole // width),
            quickest_shares(k.cpu, x.channels, width),
        )

    def write(self) -> None:
        k, (deep, high, wide) = self.k, self.slides
        with k.loop(*cut(self.dy.positions, k.task, k.tasks), unroll=1) as number:
            line, w = divmod(number, self.dy.sizes[2])
            d, h = divmod(line, self.dy.sizes[1])
            self._turn(number)
            bounds = [taps_inside(a, p) for a, p in zip(self.slides, (d, h, w), strict=True)]
            with (
                k.loop(deep.window, unroll=1) as a,
                k.loop(high.window, unroll=1) as b,
                k.loop(wide.window, unroll=1) as c,
            ):
                row = tap_number(self.slides, (a, b, c)) * self.x.channels
                target = self.dw + _weights(self.slides, self.x, self.dy, number, row)
                place = tap_place(self.slides, (d, h, w), (a, b, c))
                self._products(target, place_offset(self.x, self.batch, place), bounds, (a, b, c))

    def _turn(self, number: Index) -> None:
        """dy of a position, (groups, filters, images), as (vectors of filters, images of all groups,
        lanes)."""
        k, batch, dy = self.k, self.batch, self.dy
        with k.loop(batch.groups, unroll=1) as g, k.loop(0, batch.images, k.lanes, unroll=1) as i:
            here = self.gradient + (g * dy.group_stride(batch) + number * (dy.pitch * batch.images) + i)
            for v in range(self.whole):
                filters = range(v * k.lanes, min((v + 1) * k.lanes, dy.channels))
                rows = [k.vector(here, f * batch.images) for f in filters]
                out = self.turned + ((g * batch.images + i) * k.lanes + v * self.column)
                for image, each in enumerate(k.transpose(rows + [k.zero()] * (k.lanes - len(rows)))):
                    k.store(each, out, image * k.lanes)

    def _products(self, target: Pointer, place: Index, bounds: Sequence[Bounds], tap: Place) -> None:
        """The gradient of a tap's weights: 0 where the tap falls into padding."""
        k, filters, lanes = self.k, self.dy.channels, self.k.lanes
        with k.loop(self.columns.count, unroll=1) as column, k.loop(self.rows.count, unroll=1) as share:
            first, start = self.columns.start(column), self.rows.start(share)
            for (width, one), (height, two) in itertools.product(
                self.columns.kinds(column), self.rows.kinds(share)
            ):
                with k.when(one), k.when(two):
                    sums = k.registers(height, width, k.zero())
                    with _all_inside(k, bounds, tap):
                        self._add(sums, place, start, first)
                    for c, line in enumerate(sums):
                        for v, total in enumerate(line):
                            filter = (first + v) * lanes
                            count = lanes if filters % lanes == 0 else lower(filters - filter, lanes)
                            k.store(total.get(), target, (start + c) * filters + filter, count)

    def _add(self, sums: list[list[Register]], place: Index, start: Index, first: Index) -> None:
        k, batch, x = self.k, self.batch, self.x
        with k.loop(batch.groups, unroll=1) as g, k.loop(batch.images, unroll=1) as image:
            here = self.source + (g * x.group_stride(batch) + place + start * batch.images + image)
            there = self.turned + (first * self.column + (g * batch.images + image) * k.lanes)
            seen = [k.vector(there, v * self.column) for v in range(len(sums[0]))]
            for c, line in enumerate(sums):
                scalar = k.splat(here, c * batch.images)
                for total, value in zip(line, seen, strict=True):
                    total.set(k.fma(scalar, value, total.get()))


@contextmanager
def _all_inside(k: Kernel, bounds: Sequence[Bounds], place: Place) -> Iterator[None]:
    """What is done only within the bounds."""
    with ExitStack() as stack:
        for (first, end), at in zip(bounds, place, strict=True):
            for low, high in ((first, at + 1), (at + 1, end + 1)):
                stack.enter_context(k.when(_below(k, low, high)))
        yield


def _below(k: Kernel, one: Index, other: Index) -> Value | bool:
    if isinstance(one, Int):
        return one < other
    return other > one if isinstance(other, Int) else one < other
