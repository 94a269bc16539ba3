"""Convolution of few images with 3x3 windows by Winograd's minimal filtering of Lavin and Gray (2015);
`kitnet.kernels.winograd` tells how it works.

With the channels innermost the lanes are channels in the map of the input and filters in the map of the
output, so both are plain arithmetic on vectors. Between them lie the products of the frequencies, [tiles x
channels] [channels x filters]: numbers of `v` are spread over the lanes and multiplied with vectors of `u`,
the mapped filters.

Work is cut into chunks of tiles, and a chunk's products into shares of two vectors of filters. For one share
all frequencies are multiplied into `m` and mapped back at once, so the products of all filters never exist.

`u` is larger than the filters, with F(4x4, 3x3) four times, and read by every chunk: with few tiles this, and
not the arithmetic, takes the time. It lies in memory as it is read, (vectors of filters, frequencies,
channels, lanes), and while a frequency is multiplied the numbers of the next one are asked for, evenly over
all steps. Where there are too few tiles for all tasks, groups of shares become tasks; each reads its part of
`u` only, but maps the input for itself.
"""

from __future__ import annotations

from itertools import chain
from math import prod

from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel, once
from kitnet.kernels.epilogue import Epilogue
from kitnet.kernels.filtering import F4, Filtering
from kitnet.kernels.spec import Batch, Triple, Volume, samples_of, whole_vectors
from kitnet.kernels.tiling import Shares, cut, fits
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import higher, lower
from kitnet.kernels.winograd_tiles import TAPS, in_rows, map_square, within

WIDTH = 2  # vectors of filters of a product's tile; with 14 tiles they fill the registers of AVX-512
PANELS = 3  # of tiles in a chunk: enough to read u seldom, few enough for v to stay in L2
LEAST_TILES = 24  # of a task that shares its filters with others
LEAST_FILTERS = 64  # of a task that shares its tiles with others: to map the input again is a fifth then


def filters(
    name: str,
    cpu: Cpu,
    channels: int,
    filters: int,
    *,
    filtering: Filtering = F4,
    scaled: bool = False,
    tasks: int = 1,
) -> Kernel:
    """weight (3, 3, channels, filters) -> u (vectors of filters, frequencies, channels, lanes) for `convolve`
    by the same filtering; lanes without a filter are 0. `scaled` weights are multiplied by the `factor` of
    their filter.
    """
    lanes, vectors = cpu.lanes, -(-filters // cpu.lanes)
    items = vectors * channels
    k = Kernel(name, cpu, min(tasks, items), weight=F32, **({"factor": F32} if scaled else {}), u=F32)
    weight, *factors, u = k.pointers
    with k.loop(*cut(items, k.task, k.tasks), unroll=1) as item:
        vector, c = divmod(item, channels)
        first = vector * lanes
        count = lower(filters - first, lanes) if filters % lanes else None
        scale = [k.vector(factor, first, count) for factor in factors]
        places = [(tap * channels + c) * filters + first for tap in range(TAPS * TAPS)]
        taps = [prod(scale, start=k.vector(weight, place, count)) for place in places]
        out = u + (vector * filtering.frequencies * channels + c) * lanes
        for f, value in enumerate(chain(*map_square(filtering.map_filter, in_rows(taps, TAPS)))):
            k.store(value, out, f * channels * lanes)
    return k


@once
def convolve(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    y: Volume,
    before: Triple,
    *,
    bias: bool = True,
    activation: Activation | None = None,
    addend: bool = False,
    filtering: Filtering = F4,
    blocks: int = 1,
) -> Kernel:
    """y = activation(bias + correlation of x and the filters that `u` was made of [+ addend]), with so many
    places of padding before the input. `addend` is an argument that lies in memory as y does. `bias=False`
    leaves that pointer unread.

    Lanes of x beyond its channels count for nothing; those of y are written where they are y's own, see
    `Volume.fills`. The work is cut into at most so many blocks.
    """
    work = _Work(cpu, samples_of(batch, x, y), x, y, before, filtering, blocks)
    more = {"addend": y.type} if addend else {}
    k = Kernel(name, cpu, work.blocks * work.groups, x=x.type, u=F32, bias=F32, **more, y=y.type)
    work.write(k, bias, activation, addend)
    return k


class _Work:
    """A convolution cut into tasks; `write` puts it into a kernel."""

    def __init__(
        self,
        cpu: Cpu,
        samples: int,
        x: Volume,
        y: Volume,
        before: Triple,
        filtering: Filtering,
        blocks: int,
    ) -> None:
        lanes = cpu.lanes
        self.x, self.y, self.before, self.filtering = x, y, before, filtering
        self.frequencies = filtering.frequencies
        self.read = [filtering.read(x.sizes[a], y.sizes[a], before[a]) for a in (1, 2)]
        self.written = [filtering.written(y.sizes[a]) for a in (1, 2)]
        self.down, self.across = (filtering.tiles(size) for size in y.sizes[1:])
        self.tiles = samples * self.down * self.across
        self.vectors = -(-y.channels // lanes)
        width = self.vectors if self.vectors <= 3 else WIDTH
        self.shares = Shares(self.vectors, -(-self.vectors // width))
        self.blocks = min(blocks, max(1, self.tiles // LEAST_TILES))
        self.groups = min(blocks // self.blocks, max(1, y.channels // LEAST_FILTERS), self.shares.count)
        most = max(tiles for tiles in range(1, cpu.registers) if fits(cpu, tiles, width))
        self.chunks = self.blocks * -(-self.tiles // (self.blocks * PANELS * most))
        self.chunk = -(-self.tiles // self.chunks)
        self.panels = -(-self.chunk // most)
        # One vector more where tiles or frequencies would else all meet in the same places of the cache.
        depth = whole_vectors(x.channels, lanes)
        self.v_tile = depth + lanes * (4 * depth % 1024 == 0)
        self.v_frequency = self.chunk * self.v_tile + lanes
        self.m_tile = width * lanes
        self.m_frequency = self.chunk * self.m_tile + lanes

    def write(self, k: Kernel, bias: bool, activation: Activation | None, addend: bool) -> None:
        self.k = k
        self.source, u, biases, *rest, self.target = k.pointers
        self.addend = rest[0] if addend else self.target
        self.end = Epilogue(k, biases if bias else None, activation, addend, apart=False)
        self.v = k.scratch(F32, self.frequencies * self.v_frequency)
        self.m = k.scratch(F32, self.frequencies * self.m_frequency)
        self.square = k.scratch(F32, self.frequencies * k.lanes)
        block, group = divmod(k.task, self.groups)
        with k.loop(*cut(self.chunks, block, self.blocks), unroll=1) as chunk:
            begin, end = cut(self.tiles, chunk, self.chunks)
            with k.loop(begin, end, unroll=1) as tile:
                self._into(tile, self.v + (tile - begin) * self.v_tile)
            with k.loop(*cut(self.shares.count, group, self.groups), unroll=1) as share:
                first = self.shares.start(share)
                for width, chosen in self.shares.kinds(share):
                    with k.when(chosen):
                        self._multiply(u, first, width, end - begin)
                        with k.loop(begin, end, unroll=1) as tile, k.loop(width, unroll=1) as q:
                            m = self.m + ((tile - begin) * self.m_tile + q * k.lanes)
                            self._out_of(m, tile, (first + q) * k.lanes)

    def _place(self, tile: Index) -> tuple[Index, Index, Index]:
        """The sample of a tile, and its place there."""
        line, wide = divmod(tile, self.across)
        sample, high = divmod(line, self.down)
        return sample, high, wide

    def _count(self, value: Volume, first: Index) -> Index | None:
        """How many lanes of the vector from channel `first` on are the value's own; None for all."""
        if value.fills(self.k.lanes) or value.channels % self.k.lanes == 0:
            return None
        return lower(value.channels - first, self.k.lanes)

    def _into(self, tile: Index, v: Pointer) -> None:
        """B' x B of a tile for all channels: the columns into `square`, then its rows."""
        k, lanes, x, out, into = self.k, self.k.lanes, self.x, self.filtering.out, self.filtering.into
        to_sample, _, to_line, to_place = x.strides
        sample, high, wide = self._place(tile)
        line, place = high * out - self.before[1], wide * out - self.before[2]
        at = self.source + (sample * to_sample + line * to_line + place * to_place)
        inside = higher(0 - place, 0), lower(x.sizes[2] - place, into)
        with k.loop(0, x.channels, lanes, unroll=1) as c:
            for kind in self.read[0]:
                with k.when(within(high, kind)), k.loop(*inside, unroll=1) as j:
                    column = [k.zero()] * into
                    for number in kind.inside:
                        here = at + (number * to_line + j * to_place + c)
                        column[number] = k.vector(here, count=self._count(x, c))
                    for number, value in enumerate(self.filtering.map_input(column)):
                        k.store(value, self.square, (number * into + j) * lanes)
            for kind in self.read[1]:
                with k.when(within(wide, kind)), k.loop(into, unroll=1) as i:
                    row = [k.zero()] * into
                    for number in kind.inside:
                        row[number] = k.vector(self.square, (i * into + number) * lanes)
                    for number, value in enumerate(self.filtering.map_input(row)):
                        k.store(value, v, (i * into + number) * self.v_frequency + c)

    def _multiply(self, u: Pointer, first: Index, width: int, count: Index) -> None:
        """m = v times u, at every frequency (tiles, width) = (tiles, channels) times (width, channels). The
        tiles are dealt into panels, the larger ones first.
        """
        k, run = self.k, self.x.channels * self.k.lanes
        most = -(-self.chunk // self.panels)
        larger = count - self.panels * (most - 1)
        with k.loop(self.frequencies, unroll=1) as f:
            weights = u + (first * self.frequencies + f) * run
            v, m = self.v + f * self.v_frequency, self.m + f * self.m_frequency
            for tiles, start, stop in ((most, 0, larger), (most - 1, larger, self.panels)):
                with k.loop(start, stop, unroll=1) as panel:
                    tile = panel * (most - 1) + lower(panel, larger)
                    self._panel(v + tile * self.v_tile, weights, m + tile * self.m_tile, tiles, width, panel)

    def _panel(self, v: Pointer, u: Pointer, m: Pointer, tiles: int, width: int, panel: Index) -> None:
        k, lanes, depth = self.k, self.k.lanes, self.x.channels
        to_vector, each = self.frequencies * depth * lanes, -(-width // self.panels)
        soon = [lower(panel * each + i, width - 1) * to_vector + depth * lanes for i in range(each)]
        sums = k.registers(tiles, width, k.zero())
        with k.loop(depth, unroll=1) as c:
            vectors = [k.vector(u, q * to_vector + c * lanes) for q in range(width)]
            for offset in soon:
                k.prefetch(u, offset + c * lanes)
            k.prefetch(v, self.v_frequency + c * tiles)
            for row, line in enumerate(sums):
                scalar = k.splat(v, row * self.v_tile + c)
                for sum_, vector in zip(line, vectors, strict=True):
                    sum_.set(k.fma(scalar, vector, sum_.get()))
        for row, line in enumerate(sums):
            for q, sum_ in enumerate(line):
                k.store(sum_.get(), m, row * self.m_tile + q * lanes)

    def _out_of(self, m: Pointer, tile: Index, row: Index) -> None:
        """A' m A of a tile for a vector of filters, from filter `row` on."""
        k, lanes, y, out, into = self.k, self.k.lanes, self.y, self.filtering.out, self.filtering.into
        to_sample, _, to_line, to_place = y.strides
        sample, high, wide = self._place(tile)
        start = sample * to_sample + high * (out * to_line) + wide * (out * to_place) + row
        with k.loop(into, unroll=1) as j:
            column = [k.vector(m, (number * into + j) * self.m_frequency) for number in range(into)]
            for number, value in enumerate(self.filtering.map_output(column)):
                k.store(value, self.square, (number * into + j) * lanes)
        lines = lower(y.sizes[1] - high * out, out)
        for kind in self.written[1]:
            with k.when(within(wide, kind)), k.loop(lines, unroll=1) as i:
                numbers = [k.vector(self.square, (i * into + number) * lanes) for number in range(into)]
                results = self.filtering.map_output(numbers)
                for number in kind.inside:
                    self._finish(results[number], row, start + i * to_line + number * to_place)

    def _finish(self, value: Value, row: Index, place: Index) -> None:
        k, own = self.k, self._count(self.y, row)
        real = lower(self.y.channels - row, k.lanes) if self.y.channels % k.lanes else k.lanes
        total = self.end.add_bias(value, row, real)
        k.store(self.end.finish(total, self.addend, place, own), self.target, place, own)
        k.prefetch(
            self.target, place + self.filtering.out * self.y.strides[3]
        )  # where the next tile is written
