"""The filter gradient of a convolution with the batch in the lanes.

    dw[tap, c, f] = sum over groups, places, images of  x[place under the tap, c, image] * dy[place, f, image]

What is summed are places and images, and both factors have images in their lanes. There are two ways out:

- Where filters fill the lanes, dy is transposed, a stretch of places at a time. Then a tile is the
  product that it is in the other passes: rows are channels of x (scalars), columns are vectors of
  filters, and no lane is ever added to another. Linear layers go this way too.
- Where filters are few, a tile is channels times filters as they lie, every sum is a vector of partial
  sums, and its lanes are added up at the end of a stretch.

Which thread runs a task changes no bit, nor does the number of parts; chunks are added up by another kernel.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel, once
from kitnet.kernels.gradient_work import Piece, Run, Work
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.kernels.tiling import cut, upwards
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Int, Pointer, Register, Value
from kitnet.kernels.walk import equal, higher, lower

_CACHE_LINE = 16  # elements

Range = tuple[Index, Index]  # from the first to before the last
Sums = dict[tuple[int, int, int], Register]  # by tap, channel, column


@once
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
    """partial[chunk] is the gradient of the weights over the chunk's share of the batch, bias_partial[chunk]
    that of the bias; `bias=False` leaves that pointer alone. A chunk is some groups, or some lines of one.

    The work of a chunk is cut into at most so many parts of the weights: tasks = chunks * parts.
    """
    if batch.images % cpu.lanes:
        raise ValueError(f"{batch.images} images do not fill vectors of {cpu.lanes}; use a multiple")
    if chunks > most_chunks(batch, dy):
        raise ValueError(f"{chunks} chunks of {most_chunks(batch, dy)} lines; each needs one at least")
    if (x.own or dy.own) and chunks != batch.groups:
        raise ValueError(f"{chunks} chunks of {batch.groups} groups of which a thread has one at a time")
    work = _Writer(cpu, batch, x, dy, window, groups, bias, chunks, parts)
    k = Kernel(name, cpu, work.tasks, x=x.type, dy=dy.type, partial=F32, bias_partial=F32)
    work.write(k)
    return k


def most_chunks(batch: Batch, dy: Volume) -> int:
    """Into how many chunks the batch can be cut: a line each."""
    return batch.groups * dy.sizes[0] * dy.sizes[1]


@dataclass(frozen=True)
class _Stretch:
    """What tiles sum between two visits to memory."""

    groups: Range
    planes: Range
    lines: Range
    places: Range
    first: Value  # nothing has been summed before


@dataclass(frozen=True)
class _Tile:
    """Taps of a piece at (plane, line) of the window, times `channels` channels from `channel` on, times
    `columns` columns from `column` on: all of one group of the filters.
    """

    piece: Piece
    group: Index
    plane: Index
    line: Index
    channel: Index
    column: Index
    channels: int
    columns: int


class _Writer(Work):
    """Writes the tasks into a kernel."""

    def write(self, k: Kernel) -> None:
        """An item is a tile, those of the same columns side by side; a part is a run of each piece's items
        and goes through the chunk stretch by stretch.
        """
        self.k, self.scratch = k, k.scratch(F32, self.room)
        self.source, self.gradient, self.partial, self.bias_partial = k.pointers
        chunk, part = divmod(k.task, self.parts)
        weights = self.deep.taps * self.high.taps * self.wide.taps * self.channels * self.dy.channels
        self.partial += chunk * weights
        self.bias_partial += chunk * self.dy.channels
        of_group = math.prod(self.cuts)
        start, stop = cut(self.batch.groups * of_group, chunk, self.chunks)
        with k.loop(start, stop, self.many, unroll=1) as number:
            g, number_in_group = divmod(number, of_group) if of_group > 1 else (number, 0)
            rest, place = divmod(number_in_group, self.cuts[2])
            plane, line = divmod(rest, self.cuts[1])
            stretch = _Stretch(
                (g, lower(g + self.many, stop) if self.many > 1 else g + 1),
                self._range(plane, self.planes, self.deep.places),
                self._range(line, self.lines, self.high.places),
                self._range(place, self.places, self.wide.places),
                equal(k, number, start),
            )
            if self.turned:
                self._turn(stretch, part)
            for piece in self.pieces:
                self._each_tile(stretch, piece, part)

    def _range(self, number: Index, size: int, end: int) -> Range:
        return number * size, lower((number + 1) * size, end)

    def _each_tile(self, stretch: _Stretch, piece: Piece, part: Index) -> None:
        k = self.k
        with k.loop(*cut(self._items(piece), part, self.parts), unroll=1) as item:
            columns, row = divmod(item, self._tiles(piece))
            group, share = divmod(columns, piece.across.count)
            line, channel = divmod(row, piece.channels.count)
            plane, line = divmod(line, self.high.taps)
            at = group, plane, line, piece.channels.start(channel), piece.across.start(share)
            leads = equal(k, row, 0) if piece is self.pieces[0] else False
            kinds = piece.channels.kinds(channel), piece.across.kinds(share)
            for (channels, one), (width, two) in itertools.product(*kinds):
                with k.when(one), k.when(two):
                    self._add(stretch, _Tile(piece, *at, channels, width), leads)

    # One tile

    def _add(self, stretch: _Stretch, tile: _Tile, leads: Value | bool) -> None:
        """Add a stretch to the results of a tile."""
        k = self.k
        each = list(itertools.product(tile.piece.taps, range(tile.channels), range(tile.columns)))
        rows = {(tap, c): self._weight(tile, tap, c) for tap, c, _ in each}
        sums = {key: k.register(k.zero()) for key in each}
        if self.turned:
            with k.when(~stretch.first):
                for (tap, c, column), own in sums.items():
                    own.set(k.vector(rows[tap, c], *self._filters(tile, column)))
        with self._lines(stretch, tile) as (x, dy):
            for run in tile.piece.runs:
                self._steps(x, dy, run, stretch, tile, sums)
        if self.turned:
            for (tap, c, column), own in sums.items():
                k.store(own.get(), rows[tap, c], *self._filters(tile, column))
        else:
            lines = {row: [sums[*row, column] for column in range(tile.columns)] for row in rows}
            self._add_lanes(stretch, list(rows.values()), list(lines.values()), tile)
            if self.bias and leads is not False:
                with k.when(leads):
                    self._add_bias(stretch, tile)

    def _steps(self, x: Pointer, dy: Pointer, run: Run, stretch: _Stretch, tile: _Tile, sums: Sums) -> None:
        """Those places of a run that are in the stretch."""
        k, images, first = self.k, self.images, run.of_dy[0]
        places: Range = (0, run.count)
        if self.cuts[2] > 1:
            places = _common(places, (stretch.places[0] - first, stretch.places[1] - first))
        with k.loop(*places, unroll=1) as o:
            here, there = x + o * (self.wide.step * self.x_place), dy + o * self.dy_place
            for c, near in itertools.product(range(tile.channels), range(0, images, _CACHE_LINE)):
                k.prefetch(here, run.of_x[-1] * self.x_place + c * images + near + self.ahead)
            with k.loop(0, images, self.step, self.unroll) as i:
                self._step(here + i, there + i * (k.lanes if self.turned else 1), run, tile, sums)

    def _step(self, x: Pointer, dy: Pointer, run: Run, tile: _Tile, sums: Sums) -> None:
        """A place and an image, or a vector of images."""
        k = self.k

        @functools.cache
        def of_x(place: int, c: int) -> Value:
            offset = place * self.x_place + c * self.images
            return k.splat(x, offset) if self.turned else k.vector(x, offset)

        @functools.cache
        def of_dy(place: int, column: int) -> Value:
            return k.vector(dy, place * self.dy_place + column * self.dy_column)

        met = [
            (tap, (at_x, c), (at_dy, column))
            for tap, at_x, at_dy in run.meets
            for c, column in itertools.product(range(tile.channels), range(tile.columns))
        ]
        # The fewer values stay in registers, the others come one by one.
        few_x = len(run.of_x) * tile.channels < len(run.of_dy) * tile.columns
        for tap, one, two in sorted(met, key=lambda each: each[2] if few_x else each[1]):
            total = sums[tap, one[1], two[1]]
            total.set(k.fma(of_x(*one), of_dy(*two), total.get()))

    @contextmanager
    def _lines(self, stretch: _Stretch, tile: _Tile) -> Iterator[tuple[Pointer, Pointer]]:
        """The lines of a stretch that the tile's taps see: where x has the tile's first channel, and dy its
        first column, both at place 0.
        """
        k, deep, high = self.k, self.deep, self.high
        with (
            k.loop(*stretch.groups, unroll=1) as g,
            k.loop(*_common(stretch.planes, deep.places_of(tile.plane)), unroll=1) as z,
            k.loop(*_common(stretch.lines, high.places_of(tile.line)), unroll=1) as y,
        ):
            plane = z * deep.step + deep.start + tile.plane * deep.apart
            line = y * high.step + high.start + tile.line * high.apart
            place = (plane * self.x.sizes[1] + line) * self.x.sizes[2]
            channel = place * self.x.pitch + tile.group * self.channels + tile.channel
            x = self.source + g * self.x.group_stride(self.batch) + channel * self.images
            if self.turned:
                column = tile.group * self.columns + tile.column
                yield x, self.scratch + (self._number(stretch, g, z, y, 0) + column * self.dy_column)
            else:
                filter, _ = self._filters(tile, 0)
                yield x, self._gradient_at(g, z, y, 0) + filter * self.images

    def _number(self, stretch: _Stretch, g: Index, z: Index, y: Index, x: Index) -> Index:
        """Where a column of the transposed stretch has a place, or would have it."""
        plane = (g - stretch.groups[0]) * self.planes + (z - stretch.planes[0])
        line = plane * self.lines + (y - stretch.lines[0])
        return (line * self.places + (x - stretch.places[0])) * self.dy_place

    def _gradient_at(self, g: Index, z: Index, y: Index, x: Index) -> Pointer:
        place = (z * self.high.places + y) * self.wide.places + x
        return self.gradient + g * self.dy.group_stride(self.batch) + place * (self.dy.pitch * self.images)

    # Results

    def _weight(self, tile: _Tile, tap: int, channel: int) -> Pointer:
        """Where the results of a channel of the tile begin, with those for filter 0."""
        number = (tile.plane * self.high.taps + tile.line) * self.wide.taps + tap
        return self.partial + (number * self.channels + tile.channel + channel) * self.dy.channels

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
            totals = k.totals([each.get() for _, _, run in together for each in run])
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

    def _turn(self, stretch: _Stretch, part: Index) -> None:
        """Transpose the columns that a part reads. Whose part has the first piece's first tile of a column
        adds it to the bias.
        """
        k, images = self.k, self.images
        own: Index = 0
        ends: list[Range] = []
        for piece in self.pieces:
            tiles = self._tiles(piece)
            first, last = cut(self._items(piece), part, self.parts)
            ends.append((self._column(piece, first // tiles), self._column(piece, upwards(last, tiles))))
            if piece is self.pieces[0]:
                own = self._column(piece, upwards(first, tiles))
        begin, end = functools.reduce(lambda one, two: (lower(one[0], two[0]), higher(one[1], two[1])), ends)
        with k.loop(begin, end, unroll=1) as index:
            group, column = divmod(index, self.columns)
            filter = group * self.filters + column * k.lanes
            for count, chosen in self._counts(column):
                with k.when(chosen):
                    total = k.register(k.zero())
                    with self._places(stretch) as (dy, number), k.loop(0, images, k.lanes, unroll=1) as i:
                        rows = [k.vector(dy, (filter + row) * images + i) for row in range(count)]
                        columns = k.transpose(rows + [k.zero()] * (k.lanes - count))
                        out = self.scratch + (index * self.dy_column + number + i * k.lanes)
                        for image, each in enumerate(columns):
                            k.store(each, out, image * k.lanes)
                        if self.bias:
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

    def _column(self, piece: Piece, share: Index) -> Index:
        """The first column of a share of columns, both counted through all groups of the filters."""
        group, share = divmod(share, piece.across.count)
        return group * self.columns + piece.across.start(share)

    @contextmanager
    def _places(self, stretch: _Stretch) -> Iterator[tuple[Pointer, Index]]:
        """Every place of a stretch: where dy has it, and where the transposed stretch does."""
        k = self.k
        with (
            k.loop(*stretch.groups, unroll=1) as g,
            k.loop(*stretch.planes, unroll=1) as z,
            k.loop(*stretch.lines, unroll=1) as y,
            k.loop(*stretch.places, unroll=1) as x,
        ):
            yield self._gradient_at(g, z, y, x), self._number(stretch, g, z, y, x)


def _common(one: Range, other: Range) -> Range:
    return higher(one[0], other[0]), lower(one[1], other[1])


def _sum(values: Sequence[Value]) -> Value:
    """By pairs, so that no chain of additions is long."""
    while len(values) > 1:
        values = [a + b for a, b in zip(values[::2], values[1::2], strict=True)]
    return values[0]
