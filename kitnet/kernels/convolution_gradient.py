"""The filter gradient of a convolution with the batch in the lanes.

    dw[tap, c, f] = sum over groups, places, images of  x[place under the tap, c, image] * dy[place, f, image]

What is summed are places and images, and both factors have images in their lanes. There are two ways out:

- Where filters fill the lanes, dy is transposed, a stretch of places at a time. Then a tile is the
  product that it is in the other passes: rows are channels of x (scalars), columns are vectors of
  filters, and no lane is ever added to another. Linear layers go this way too.
- Where filters are few, a tile is channels times filters as they lie, every sum is a vector of partial
  sums, and its lanes are added up at the end of a stretch.

A tile has several taps of a line of the window at once, in one of two ways. Standing at a place of dy, taps
are more rows: each reads x elsewhere. Standing at a place of x, they are more columns: each reads dy
elsewhere, so that 16 filters, one vector, have three columns under a 3x3 window. Padding is never read:
which places of a line have which taps is known when the kernel is written, and each such run of places has
its own loop.

A stretch is some groups of the batch, planes, lines and perhaps places: enough that sums live long, and no
more, so that the next tile finds dy still in cache. Who runs which task changes no bit, nor does the number
of parts; chunks are added up by someone else.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import BOOL, F32, Index, Int, Kernel, Pointer, Register, Value, once
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.kernels.tiling import Reach, Shares, cut, shares_of, upwards
from kitnet.kernels.walk import higher, lower

_FILL = 0.6  # of the lanes must be taken by filters, or dy is not worth transposing
_STEPS = {True: 256, False: 128}  # of a tile in a stretch, at least; by whether dy is transposed
_EACH_LOOP = 0.01  # of the time is worth one loop of a tile less: each takes some 5 ms to compile

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
    work = _FilterGradient(cpu, batch, x, dy, window, groups, bias, chunks, parts)
    k = Kernel(name, cpu, work.tasks, x=x.type, dy=dy.type, partial=F32, bias_partial=F32)
    work.write(k)
    return k


def most_chunks(batch: Batch, dy: Volume) -> int:
    """Into how many chunks the batch can be cut: a line each."""
    return batch.groups * dy.sizes[0] * dy.sizes[1]


@dataclass(frozen=True)
class _Run:
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


def _runs(wide: Reach, taps: Sequence[int], from_x: bool) -> tuple[_Run, ...]:
    """Standing at the places of dy, or of x, one after the other."""
    runs: list[_Run] = []
    at: dict[int, list[tuple[int, int, int]]] = {}
    for tap, o in itertools.product(taps, range(wide.places)):
        place = o * wide.step + wide.start + tap * wide.apart
        if 0 <= place < wide.size:
            at.setdefault(place if from_x else o, []).append((tap, place, o))
    for _, meets in sorted(at.items()):
        if runs:
            last, so_far = runs[-1].meets, runs[-1].count
            if [(tap, x + so_far * wide.step, o + so_far) for tap, x, o in last] == meets:
                runs[-1] = _Run(so_far + 1, last)
                continue
        runs.append(_Run(1, tuple(meets)))
    return tuple(runs)


@dataclass(frozen=True)
class _Piece:
    """Taps of a line that a tile has together, and how channels and columns are cut into tiles."""

    taps: tuple[int, ...]
    runs: tuple[_Run, ...]
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


def _pieces(cpu: Cpu, wide: Reach, channels: int, columns: int, turned: bool) -> list[_Piece]:
    """The quickest way to go along a line."""
    best: list[_Piece] = []
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
                    pieces.append(_Piece(taps, runs, Shares(channels, rows), Shares(columns, across)))
            if total < least:
                best, least = pieces, total
    return best


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

    piece: _Piece
    group: Index
    plane: Index
    line: Index
    channel: Index
    column: Index
    channels: int
    columns: int


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

    def _tiles(self, piece: _Piece) -> int:
        """With the same columns."""
        return self.deep.taps * self.high.taps * piece.channels.count

    def _items(self, piece: _Piece) -> int:
        return self.groups * piece.across.count * self._tiles(piece)

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
                _equal(k, number, start),
            )
            if self.turned:
                self._turn(stretch, part)
            for piece in self.pieces:
                self._each_tile(stretch, piece, part)

    def _range(self, number: Index, size: int, end: int) -> Range:
        return number * size, lower((number + 1) * size, end)

    def _each_tile(self, stretch: _Stretch, piece: _Piece, part: Index) -> None:
        k = self.k
        with k.loop(*cut(self._items(piece), part, self.parts), unroll=1) as item:
            columns, row = divmod(item, self._tiles(piece))
            group, share = divmod(columns, piece.across.count)
            line, channel = divmod(row, piece.channels.count)
            plane, line = divmod(line, self.high.taps)
            at = group, plane, line, piece.channels.start(channel), piece.across.start(share)
            leads = _equal(k, row, 0) if piece is self.pieces[0] else False
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

    def _steps(self, x: Pointer, dy: Pointer, run: _Run, stretch: _Stretch, tile: _Tile, sums: Sums) -> None:
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

    def _step(self, x: Pointer, dy: Pointer, run: _Run, tile: _Tile, sums: Sums) -> None:
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

    def _column(self, piece: _Piece, share: Index) -> Index:
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
