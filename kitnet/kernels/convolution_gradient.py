"""The filter gradient of a convolution with the batch in the lanes.

    dw[tap, c, f] = sum over groups, places, images of  x[place under the tap, c, image] * dy[place, f, image]

What is summed are places and images, and both factors have images in their lanes. There are two ways out:

- Where filters fill the lanes, dy is transposed, a stretch of places at a time. Then a tile is the
  product that it is in the other passes: rows are channels of x (scalars), columns are vectors of
  filters, and no lane is ever added to another. Linear layers go this way too.
- Where filters are few, a tile is channels times filters as they lie, every sum is a vector of partial
  sums, and its lanes are added up at the end of a stretch.

The rows of a tile are channels of one tap or, where channels are few, those of several taps side by side,
so that there are enough independent sums. A stretch is some groups of the batch, planes and lines of
places: enough that sums live long, and no more, so that the next tile finds dy still in cache. Padding is
never read: every tap has its own range of places, and those that not all taps of a tile share are added
tap by tap.

Who runs which task changes no bit, nor does the number of parts; chunks are added up by someone else.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import BOOL, F32, Index, Int, Kernel, Pointer, Register, Value
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.kernels.tiling import (
    EACH_BODY,
    Reach,
    Shares,
    cost,
    cut,
    fits,
    shares_of,
    upwards,
)
from kitnet.kernels.walk import higher, lower

_FILL = 0.6  # of the lanes must be taken by filters, or dy is not worth transposing
_STEPS = {True: 256, False: 128}  # of a tile in a stretch, at least; by whether dy is transposed

Range = tuple[Index, Index]  # from the first to before the last


def filter_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    dy: Volume,
    window: Window,
    *,
    groups: int = 1,
    bias: bool = True,
    chunks: int = 1,
    parts: int = 1,
) -> Kernel:
    """partial[chunk] is the gradient of the weights over the chunk's groups of the batch,
    bias_partial[chunk] that of the bias; `bias=False` leaves that pointer alone.

    The work of a chunk is cut into at most so many parts of the weights: tasks = chunks * parts.
    """
    if batch.images % cpu.lanes:
        raise ValueError(f"{batch.images} images do not fill vectors of {cpu.lanes}; use a multiple")
    if chunks > batch.groups:
        raise ValueError(f"{chunks} chunks of a batch of {batch.groups} groups; each needs one at least")
    if (x.own or dy.own) and chunks < batch.groups:
        raise ValueError(f"{chunks} chunks of {batch.groups} groups of which a thread has one at a time")
    work = _FilterGradient(cpu, batch, x, dy, window, groups, bias, chunks, parts)
    k = Kernel(name, cpu, work.tasks, x=F32, dy=F32, partial=F32, bias_partial=F32)
    work.write(k)
    return k


@dataclass(frozen=True)
class _Rows:
    """How the rows of a line of taps, (taps, channels), are cut: by taps or by channels, never by both."""

    taps: Shares
    channels: Shares

    @property
    def count(self) -> int:
        return self.taps.count * self.channels.count

    def sizes(self) -> dict[int, int]:
        """The rows of the tiles that occur, and how many tiles have so many."""
        both = itertools.product(self.taps.sizes().items(), self.channels.sizes().items())
        return {taps * channels: m * n for (taps, m), (channels, n) in both}


def _tile(cpu: Cpu, taps: int, channels: int, columns: int) -> tuple[_Rows, Shares]:
    """The quickest tile for the rows of a line of taps."""
    best, least = (_Rows(Shares(taps, taps), Shares(channels, channels)), Shares(columns, columns)), math.inf
    by_tap = [_Rows(each, Shares(channels, 1)) for each in shares_of(taps, taps)]
    by_channel = [_Rows(Shares(taps, taps), each) for each in shares_of(channels, cpu.registers)]
    for rows, across in itertools.product(by_tap + by_channel, shares_of(columns, cpu.registers)):
        if not fits(cpu, max(rows.sizes()), across.most):
            continue
        bodies = list(itertools.product(rows.sizes().items(), across.sizes().items()))
        cycles = sum(m * n * cost(high, wide) for (high, m), (wide, n) in bodies)
        cycles *= 1 + EACH_BODY * len(bodies)
        if cycles < least:
            best, least = (rows, across), cycles
    return best


@dataclass(frozen=True)
class _Stretch:
    """What tiles sum between two visits to memory."""

    groups: Range
    planes: Range
    lines: Range
    first: Value  # nothing has been summed before

    def line(self, g: Index, z: Index, y: Index, planes: int, lines: int) -> Index:
        """The number of a line in a stretch of so many planes and lines."""
        return ((g - self.groups[0]) * planes + (z - self.planes[0])) * lines + (y - self.lines[0])


@dataclass(frozen=True)
class _Tile:
    """`taps` taps from `tap` on, at (plane, line) of the window, times `channels` channels from `channel`
    on; times `columns` columns from `column` on: all of one group of the filters.
    """

    group: Index
    plane: Index
    line: Index
    tap: Index
    channel: Index
    column: Index
    taps: int
    channels: int
    columns: int
    leads: Value  # it is the first tile of its columns


class _FilterGradient:
    """The pass cut into tasks; `write` puts it into a kernel."""

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
        self.batch, self.x, self.dy, self.bias = batch, x, dy, bias
        self.images, self.channels, self.filters = batch.images, x.channels // groups, dy.channels // groups
        self.deep, self.high, self.wide = (
            Reach(size, places, taps, stride, -before, dilation)
            for size, places, taps, stride, dilation, before in zip(
                x.sizes, dy.sizes, window.size, window.stride, window.dilation, window.before, strict=True
            )
        )
        vectors = -(-self.filters // cpu.lanes)
        self.turned = self.filters >= _FILL * vectors * cpu.lanes
        self.columns = vectors if self.turned else self.filters  # of a group of the filters
        self.step = 1 if self.turned else cpu.lanes  # images of a step
        self.unroll = 1 if self.turned else 2  # a place has few vectors of images
        self.rows, self.across = _tile(cpu, self.wide.taps, self.channels, self.columns)
        self.tiles = self.deep.taps * self.high.taps * self.rows.count  # with the same columns
        items = groups * self.across.count * self.tiles
        self.chunks, self.parts, self.items = chunks, min(parts, items), items
        self.tasks = self.chunks * self.parts

        planes, lines, places = dy.sizes
        steps, wanted = places * self.images // self.step, _STEPS[self.turned]
        self.lines = min(lines, -(-wanted // steps))
        self.planes = min(planes, -(-wanted // (steps * lines)))
        self.many = min(-(-batch.groups // chunks), -(-wanted // (steps * lines * planes)))
        # A column of the transposed stretch: for every place and image a vector of filters.
        self.to_line = places * self.images * cpu.lanes
        self.to_column = self.many * self.planes * self.lines * self.to_line
        self.room = groups * self.columns * self.to_column if self.turned else 0

    def write(self, k: Kernel) -> None:
        """An item is a tile, those of the same columns side by side; a part is a run of items. It goes
        through the chunk stretch by stretch.
        """
        self.k, self.scratch = k, k.scratch(F32, self.room)
        self.source, self.gradient, self.partial, self.bias_partial = k.pointers
        chunk, part = divmod(k.task, self.parts)
        weights = self.deep.taps * self.high.taps * self.wide.taps * self.channels * self.dy.channels
        self.partial += chunk * weights
        self.bias_partial += chunk * self.dy.channels
        items = cut(self.items, part, self.parts)
        start, stop = cut(self.batch.groups, chunk, self.chunks)
        with (
            k.loop(start, stop, self.many, unroll=1) as g,
            k.loop(0, self.deep.places, self.planes, unroll=1) as z,
            k.loop(0, self.high.places, self.lines, unroll=1) as y,
        ):
            stretch = _Stretch(
                (g, lower(g + self.many, stop)),
                (z, lower(z + self.planes, self.deep.places)),
                (y, lower(y + self.lines, self.high.places)),
                _equal(k, g, start) & _equal(k, z, 0) & _equal(k, y, 0),
            )
            if self.turned:
                self._turn(stretch, items)
            self._each_tile(stretch, items)

    def _each_tile(self, stretch: _Stretch, items: Range) -> None:
        k, by_tap, by_channel = self.k, self.rows.taps, self.rows.channels
        with k.loop(*items, unroll=1) as item:
            columns, row = divmod(item, self.tiles)
            group, share = divmod(columns, self.across.count)
            line, piece = divmod(row, self.rows.count)
            plane, line = divmod(line, self.high.taps)
            tap, channel = divmod(piece, by_channel.count)
            starts = by_tap.start(tap), by_channel.start(channel), self.across.start(share)
            kinds = by_tap.kinds(tap), by_channel.kinds(channel), self.across.kinds(share)
            for (taps, one), (channels, two), (width, three) in itertools.product(*kinds):
                with k.when(one), k.when(two), k.when(three):
                    sizes = taps, channels, width
                    self._add(stretch, _Tile(group, plane, line, *starts, *sizes, _equal(k, row, 0)))

    # One tile

    def _add(self, stretch: _Stretch, tile: _Tile) -> None:
        """Add a stretch to the results of a tile."""
        k, wide, all_taps = self.k, self.wide, range(tile.taps)
        rows = [self._weight(tile, row) for row in range(tile.taps * tile.channels)]
        sums = [[k.register(k.zero()) for _ in range(tile.columns)] for _ in rows]
        if self.turned:
            with k.when(~stretch.first):
                for row, own in zip(rows, sums, strict=True):
                    for column, each in enumerate(own):
                        each.set(k.vector(row, *self._filters(tile, column)))
        seen = [wide.places_of(tile.tap + tap) for tap in all_taps]
        # A later tap of a line begins to see x at an earlier place, and ends so.
        shared = seen[0][0], higher(seen[0][0], seen[-1][1])
        with self._lines(stretch, tile) as (x, dy):
            self._steps(x, dy, shared, tile, all_taps, sums)
            if wide.padded and tile.taps > 1:
                for tap, (first, last) in enumerate(seen):
                    for rim in (first, lower(last, shared[0])), (higher(first, shared[1]), last):
                        self._steps(x, dy, rim, tile, range(tap, tap + 1), sums)
        if self.turned:
            for row, own in zip(rows, sums, strict=True):
                for column, each in enumerate(own):
                    k.store(each.get(), row, *self._filters(tile, column))
        else:
            self._add_lanes(stretch, rows, sums, tile)
            if self.bias:
                with k.when(tile.leads):
                    self._add_bias(stretch, tile)

    def _steps(
        self, x: Pointer, dy: Pointer, places: Range, tile: _Tile, taps: range, sums: list[list[Register]]
    ) -> None:
        """The places of a line, for some taps of the tile."""
        k, images, place = self.k, self.images, self.x.pitch * self.images
        rows = [
            (tap * tile.channels + c, tap * self.wide.apart * place + c * images)
            for tap, c in itertools.product(taps, range(tile.channels))
        ]
        to_place, to_image, to_column = (
            (images * k.lanes, k.lanes, self.to_column)
            if self.turned
            else (self.dy.pitch * images, 1, images)
        )
        with k.loop(*places, unroll=1) as o, k.loop(0, images, self.step, self.unroll) as i:
            at, here = x + (o * (self.wide.step * place) + i), dy + (o * to_place + i * to_image)
            columns = [k.vector(here, column * to_column) for column in range(tile.columns)]
            for row, offset in rows:
                value = k.splat(at, offset) if self.turned else k.vector(at, offset)
                for each, column in zip(sums[row], columns, strict=True):
                    each.set(k.fma(value, column, each.get()))

    @contextmanager
    def _lines(self, stretch: _Stretch, tile: _Tile) -> Iterator[tuple[Pointer, Pointer]]:
        """The lines of a stretch that the tile's taps see: where x has the tile's first row at place 0
        (though that may be padding), and dy its first column.
        """
        k, deep, high, wide = self.k, self.deep, self.high, self.wide
        with (
            k.loop(*stretch.groups, unroll=1) as g,
            k.loop(*_common(stretch.planes, deep.places_of(tile.plane)), unroll=1) as z,
            k.loop(*_common(stretch.lines, high.places_of(tile.line)), unroll=1) as y,
        ):
            plane = z * deep.step + deep.start + tile.plane * deep.apart
            line = y * high.step + high.start + tile.line * high.apart
            place = (plane * self.x.sizes[1] + line) * self.x.sizes[2] + wide.start + tile.tap * wide.apart
            channel = place * self.x.pitch + tile.group * self.channels + tile.channel
            x = self.source + g * self.x.group_stride(self.batch) + channel * self.images
            if self.turned:
                number = stretch.line(g, z, y, self.planes, self.lines)
                column = tile.group * self.columns + tile.column
                yield x, self.scratch + (number * self.to_line + column * self.to_column)
            else:
                filter, _ = self._filters(tile, 0)
                yield x, self._gradient_at(g, z, y, 0) + filter * self.images

    def _gradient_at(self, g: Index, z: Index, y: Index, x: Index) -> Pointer:
        place = (z * self.high.places + y) * self.wide.places + x
        return self.gradient + g * self.dy.group_stride(self.batch) + place * (self.dy.pitch * self.images)

    # Results

    def _weight(self, tile: _Tile, row: int) -> Pointer:
        """Where the results of a row begin, with those for filter 0."""
        tap = (tile.plane * self.high.taps + tile.line) * self.wide.taps + tile.tap
        return self.partial + (tap * self.channels + tile.channel + row) * self.dy.channels

    def _filters(self, tile: _Tile, column: int) -> tuple[Index, Index]:
        """The first filter of a column, and how many it has: a whole vector but for the last column of a
        group.
        """
        if not self.turned:
            return tile.group * self.filters + (tile.column + column), 1
        first: Index = (tile.column + column) * self.k.lanes
        count: Index = self.k.lanes
        if self.filters % self.k.lanes and column == tile.columns - 1:
            count = lower(self.filters - first, count)
        return tile.group * self.filters + first, count

    def _add_lanes(
        self, stretch: _Stretch, rows: Sequence[Pointer], sums: list[list[Register]], tile: _Tile
    ) -> None:
        """Add up the lanes of sums, as many sums together as there are lanes, onto the results in memory."""
        k, most = self.k, min(tile.columns, self.k.lanes)
        runs = [
            (row, at, own[at : at + most])
            for row, own in zip(rows, sums, strict=True)
            for at in range(0, tile.columns, most)
        ]
        for some in range(0, len(runs), k.lanes // most):
            together = runs[some : some + k.lanes // most]
            totals = _totals(k, [each.get() for _, _, run in together for each in run])
            done = 0
            for row, at, run in together:
                filter, _ = self._filters(tile, at)
                own = k.shuffle(totals, totals, [(done + lane) % k.lanes for lane in range(k.lanes)])
                before = k.select(stretch.first, k.zero(), k.vector(row, filter, len(run)))
                k.store(before + own, row, filter, len(run))
                done += len(run)

    def _add_bias(self, stretch: _Stretch, tile: _Tile) -> None:
        """The sums of dy as it lies, for the columns of a tile."""
        k = self.k
        sums = [k.register(k.zero()) for _ in range(tile.columns)]
        with self._places(stretch) as (dy, _), k.loop(0, self.images, k.lanes, unroll=1) as i:
            for column, each in enumerate(sums):
                filter, _ = self._filters(tile, column)
                each.set(each.get() + k.vector(dy, filter * self.images + i))
        self._add_lanes(stretch, [self.bias_partial], [sums], tile)

    # Filters into the lanes

    def _turn(self, stretch: _Stretch, items: Range) -> None:
        """Transpose the columns that a part reads. Whose part has the first tile of a column adds it to
        the bias.
        """
        k, images = self.k, self.images
        first, last = items
        start, stop = self._column(first // self.tiles), self._column((last - 1) // self.tiles + 1)
        own = self._column(upwards(first, self.tiles))
        with k.loop(start, stop, unroll=1) as index:
            group, column = divmod(index, self.columns)
            filter = group * self.filters + column * k.lanes
            for count, chosen in self._counts(column):
                with k.when(chosen):
                    total = k.register(k.zero())
                    with self._places(stretch) as (dy, place), k.loop(0, images, k.lanes, unroll=1) as i:
                        rows = [k.vector(dy, (filter + row) * images + i) for row in range(count)]
                        columns = k.transpose(rows + [k.zero()] * (k.lanes - count))
                        out = self.scratch + (index * self.to_column + (place * images + i) * k.lanes)
                        for image, each in enumerate(columns):
                            k.store(each, out, image * k.lanes)
                        total.set(total.get() + _sum(columns))
                    if self.bias:
                        with k.when(
                            own <= index if isinstance(own, int) or isinstance(index, Int) else index >= own
                        ):
                            before = k.select(
                                stretch.first, k.zero(), k.vector(self.bias_partial, filter, count)
                            )
                            k.store(before + total.get(), self.bias_partial, filter, count)

    def _counts(self, column: Index) -> Iterator[tuple[int, Value | bool]]:
        """The numbers of filters that columns have, and whether this one has so many."""
        whole, rest = divmod(self.filters, self.k.lanes)
        if whole:
            yield self.k.lanes, column < whole if rest else True
        if rest:
            yield rest, column >= whole if whole else True

    def _column(self, share: Index) -> Index:
        """The first column of a share of columns, both counted through all groups of the filters."""
        group, share = divmod(share, self.across.count)
        return group * self.columns + self.across.start(share)

    @contextmanager
    def _places(self, stretch: _Stretch) -> Iterator[tuple[Pointer, Index]]:
        """Every place of a stretch: where dy has it, and its number in the stretch."""
        k = self.k
        with (
            k.loop(*stretch.groups, unroll=1) as g,
            k.loop(*stretch.planes, unroll=1) as z,
            k.loop(*stretch.lines, unroll=1) as y,
            k.loop(self.wide.places, unroll=1) as x,
        ):
            number = stretch.line(g, z, y, self.planes, self.lines) * self.wide.places + x
            yield self._gradient_at(g, z, y, x), number


def _common(one: Range, other: Range) -> Range:
    return higher(one[0], other[0]), lower(one[1], other[1])


def _equal(k: Kernel, one: Index, other: Index) -> Value:
    if isinstance(one, int):
        one, other = other, one
    return one.equals(other) if isinstance(one, Int) else k.constant(one == other, BOOL, 1)


def _sum(values: Sequence[Value]) -> Value:
    """By pairs, so that no chain of additions is long."""
    while len(values) > 1:
        values = [a + b for a, b in zip(values[::2], values[1::2], strict=True)]
    return values[0]


def _totals(k: Kernel, values: Sequence[Value]) -> Value:
    """Lane i is the sum of all lanes of values[i]: halves of ever fewer vectors are added, two vectors
    into one.
    """
    values = [*values, *[k.zero()] * (k.lanes - len(values))]
    half = k.lanes // 2
    while half:
        # Of each run of 2 * half lanes: one half of a vector, then the same half of its partner.
        lanes = [i // (2 * half) * 2 * half + i % half + (k.lanes if i & half else 0) for i in range(k.lanes)]
        pairs = zip(values[:half], values[half:], strict=True)
        values = [k.shuffle(a, b, lanes) + k.shuffle(a, b, [i + half for i in lanes]) for a, b in pairs]
        half //= 2
    return values[0]
