"""Convolution with 3x3 windows by Winograd's minimal filtering, F(4x4, 3x3) or F(2x2, 3x3) of Lavin and Gray
(2015).

A tile of 4x4 outputs needs 6x6 inputs and 144 multiplications. Between two small linear maps it needs 36:

    y = A' [ (G w G') * (B' x B) ] A        * number by number, summed over the channels

so each of the 36 frequencies is a product [filters x channels] [channels x tiles], a quarter of the work. One
of 2x2 outputs needs 16 for 36. The batch lies in the lanes, so the maps are plain arithmetic on vectors and
nothing is shuffled.

The rest is memory. A chunk of tiles is mapped at once (`v`), small enough for half of the L2 cache; then,
for some filters at a time, all frequencies of a panel of two vectors are multiplied into a small `m` and
mapped back at once. With so many channels that a panel is larger than L2, that is done for a bunch of shares
of the filters, and each frequency of the panel comes in once for all of them. The mapped filters `u` (shares
of filters, frequencies, channels, filters of a share) are read as runs. A panel may have an empty vector at
the end; it is multiplied like the others and never stored.

Back to the input it is the same convolution of dy, with turned filters whose axes are exchanged.

The maps cost accuracy: with F(4x4, 3x3) numbers on the way are some 50 times as large as the terms of the
direct sum. The rms error is 2e-6 of the rms result with 128 channels and 5e-6 with 512. An infinity or NaN
spoils its whole tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, product
from math import prod

from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel, once
from kitnet.kernels.epilogue import Epilogue
from kitnet.kernels.filtering import F4, Filtering
from kitnet.kernels.spec import Batch, Triple, Volume
from kitnet.kernels.tiling import Grid, cut, quickest_shares
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Pointer
from kitnet.kernels.walk import lower, over, place_offset
from kitnet.kernels.winograd_tiles import TAPS, each_kind, in_rows, map_square

PANEL = 2  # vectors of a product's tile; 12 to 14 filters fill the registers then, and rims cost little
BUNCH = 8  # shares of filters multiplied together where a panel is too large for L2


@once
def filters(
    name: str,
    cpu: Cpu,
    depth: int,
    rows: int,
    *,
    turned: bool = False,
    filtering: Filtering = F4,
    scaled: bool = False,
    tasks: int = 1,
) -> Kernel:
    """weight -> u, for `convolve` by the same filtering from `depth` channels to `rows`. weight is (3, 3,
    depth, rows), or with `turned` (3, 3, rows, depth) and read from its other end, for the way back to the
    input. `scaled` weights are multiplied by the `factor` of their row.
    """
    shares, lanes = quickest_shares(cpu, rows, PANEL), cpu.lanes
    runs = -(-depth // lanes)
    items = shares.count * runs
    blocks = min(tasks, items)
    k = Kernel(name, cpu, blocks, weight=F32, **({"factor": F32} if scaled else {}), u=F32)
    weight, *factors, u = k.pointers
    square = k.scratch(F32, TAPS * TAPS * lanes * lanes) if turned else None
    with k.loop(*cut(items, k.task, blocks), unroll=1) as item:
        share, run = divmod(item, runs)
        first, begin = shares.start(share), run * lanes
        channels = lower(lanes, depth - begin)
        for size, chosen in shares.kinds(share):
            with k.when(chosen):
                for piece in range(0, size, lanes):
                    some, row = min(lanes, size - piece), first + piece
                    if square:
                        _turn(k, weight + (row * depth + begin), square, depth * rows, depth, some, channels)
                        taps, to_tap, to_channel = square, lanes * lanes, lanes
                    else:
                        taps, to_tap, to_channel = weight + (begin * rows + row), depth * rows, rows
                    out = u + (first * (filtering.frequencies * depth) + begin * size + piece)
                    scale = [k.vector(factor, row, some) for factor in factors]
                    with k.loop(channels, unroll=1) as c:
                        window = [
                            prod(scale, start=k.vector(taps, c * to_channel + tap * to_tap, some))
                            for tap in range(TAPS * TAPS)
                        ]
                        mapped = chain(*map_square(filtering.map_filter, in_rows(window, TAPS)))
                        for f, value in enumerate(mapped):
                            k.store(value, out, c * size + f * depth * size, some)
    return k


def _turn(
    k: Kernel, weight: Pointer, square: Pointer, to_tap: int, to_row: int, rows: int, channels: Index
) -> None:
    """square (taps from the last to the first, channels, rows) = weight (taps, rows, channels), for at most a
    vector of both.
    """
    with k.loop(TAPS * TAPS, unroll=1) as tap:
        plane = weight + (TAPS * TAPS - 1 - tap) * to_tap
        lines = [k.vector(plane, row * to_row, channels) for row in range(rows)]
        for c, line in enumerate(k.transpose(lines + [k.zero()] * (k.lanes - rows))):
            k.store(line, square, tap * (k.lanes * k.lanes) + c * k.lanes)


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
    accumulate: bool = False,
    filtering: Filtering = F4,
    blocks: int = 1,
) -> Kernel:
    """y = activation(bias + correlation of x and the filters that `u` was made of [+ y, to `accumulate`]),
    with so many places of padding before the input. `bias=False` leaves that pointer unread.

    The work on each group of the batch is cut into at most so many blocks.
    """
    work = _Work(cpu, batch, x, y, before, filtering, blocks)
    k = over(name, cpu, batch, work.blocks, x=x.type, u=F32, bias=F32, y=y.type)
    work.write(k, bias, activation, accumulate)
    return k


class _Work:
    """A convolution cut into tasks; `write` puts it into a kernel."""

    def __init__(
        self,
        cpu: Cpu,
        batch: Batch,
        x: Volume,
        y: Volume,
        before: Triple,
        filtering: Filtering,
        blocks: int,
    ) -> None:
        self.batch, self.x, self.y, self.before, self.filtering = batch, x, y, before, filtering
        self.frequencies = filtering.frequencies
        self.shares = quickest_shares(cpu, y.channels, PANEL)  # `u` lies in memory by them
        self.read = [filtering.read(x.sizes[a], y.sizes[a], before[a]) for a in (1, 2)]
        self.written = [filtering.written(y.sizes[a]) for a in (1, 2)]
        down, across = (filtering.tiles(size) for size in y.sizes[1:])
        self.grid = Grid(down, across, batch.images // cpu.lanes)
        self.panels = -(-self.grid.size // PANEL)
        # One vector more, or powers of two would put all frequencies into the same places of the cache.
        self.to_frequency = (x.channels * PANEL + 1) * cpu.lanes
        self.panel_size = self.frequencies * self.to_frequency
        self.m_share = self.frequencies * self.shares.most * PANEL * cpu.lanes
        l2 = cpu.l2 or 1 << 20
        self.bunch = min(BUNCH, self.shares.count) if 4 * self.panel_size > l2 else 1
        room = l2 // 2 // (4 * self.panel_size)
        most = max(1, min(room, self.panels // max(blocks, 1)))
        self.chunks = -(-self.panels // most)
        self.most = -(-self.panels // self.chunks)
        self.blocks = min(blocks, self.chunks)

    def write(self, k: Kernel, bias: bool, activation: Activation | None, accumulate: bool) -> None:
        self.k = k
        group, block = divmod(k.task, self.blocks)
        source, u, biases, target = k.pointers
        self.end = Epilogue(k, biases if bias else None, activation, accumulate)
        source += group * self.x.group_stride(self.batch)
        target += group * self.y.group_stride(self.batch)
        self.v = k.scratch(F32, self.most * self.panel_size)
        self.m = k.scratch(F32, self.bunch * self.m_share)
        with k.loop(*cut(self.chunks, block, self.blocks), unroll=1) as chunk:
            begin, end = cut(self.panels, chunk, self.chunks)
            with k.loop(begin * PANEL, lower(end * PANEL, self.grid.size), unroll=1) as vector:
                self._into(source, vector, vector - begin * PANEL)
            with k.loop(-(-self.shares.count // self.bunch), unroll=1) as bunch:
                low = bunch * self.bunch
                high = lower(low + self.bunch, self.shares.count)
                with k.loop(begin, end, unroll=1) as panel:
                    v = self.v + (panel - begin) * self.panel_size
                    with k.loop(self.frequencies, unroll=1) as f, k.loop(low, high, unroll=1) as share:
                        for first, rows, m in self._each_share(share, low):
                            self._multiply(u + first * (self.frequencies * self.x.channels), v, m, f, rows)
                    last = lower((panel + 1) * PANEL, self.grid.size)
                    with (
                        k.loop(panel * PANEL, last, unroll=1) as vector,
                        k.loop(low, high, unroll=1) as share,
                    ):
                        for first, rows, m in self._each_share(share, low):
                            self._out_of(m, target, vector, vector - panel * PANEL, first, rows)

    def _each_share(self, share: Index, low: Index) -> Iterator[tuple[Index, int, Pointer]]:
        """A share's first filter, how many it has, and its part of `m`, within a branch for each size."""
        m = self.m + (share - low) * self.m_share
        for rows, chosen in self.shares.kinds(share):
            with self.k.when(chosen):
                yield self.shares.start(share), rows, m

    def _into(self, source: Pointer, vector: Index, number: Index) -> None:
        """B' x B of a vector of images at one tile, for all channels."""
        k, images = self.k, self.batch.images
        panel, column = divmod(number, PANEL)
        out = self.v + (panel * self.panel_size + column * k.lanes)
        to_line = self.x.sizes[2] * self.x.pitch * images
        high, wide, part = self.grid.at(vector)
        image = part * k.lanes
        place = (0, high * self.filtering.out - self.before[1], wide * self.filtering.out - self.before[2])
        at = source + (place_offset(self.x, self.batch, place) + image)
        for lines, places in each_kind(k, self.read, high, wide):
            with k.loop(self.x.channels, unroll=1) as c:
                here, to = at + c * images, out + c * (PANEL * k.lanes)
                square = [[k.zero()] * self.filtering.into for _ in range(self.filtering.into)]
                for i, j in product(lines, places):
                    square[i][j] = k.vector(here, i * to_line + j * self.x.pitch * images)
                for f, value in enumerate(chain(*map_square(self.filtering.map_input, square))):
                    k.store(value, to, f * self.to_frequency)

    def _multiply(self, u: Pointer, v: Pointer, m: Pointer, f: Index, rows: int) -> None:
        """m = u times v of one frequency, (rows, panel) = (channels, rows) times (channels, panel). What
        comes next, the same of another frequency or share, is asked for meanwhile.
        """
        k, depth = self.k, self.x.channels
        scalars, vectors = u + f * (depth * rows), v + f * self.to_frequency
        sums = k.registers(rows, PANEL, k.zero())
        soon = depth * rows * (self.frequencies if self.bunch > 1 else 1)
        with k.loop(depth, unroll=1) as c:
            weight, at = scalars + c * rows, vectors + c * (PANEL * k.lanes)
            values = [k.vector(at, p * k.lanes) for p in range(PANEL)]
            k.prefetch(weight, soon)
            for p in range(PANEL):
                k.prefetch(at, self.to_frequency + p * k.lanes)
            for row, line in enumerate(sums):
                scalar = k.splat(weight, row)
                for each, value in zip(line, values, strict=True):
                    each.set(k.fma(scalar, value, each.get()))
        out = m + f * (rows * PANEL * k.lanes)
        for row, p in product(range(rows), range(PANEL)):
            k.store(sums[row][p].get(), out, (row * PANEL + p) * k.lanes)

    def _out_of(
        self, m: Pointer, target: Pointer, vector: Index, column: Index, first: Index, rows: int
    ) -> None:
        """A' m A of a vector of images at one tile, for some filters."""
        k, images = self.k, self.batch.images
        to_line, to_place = self.y.sizes[2] * self.y.pitch * images, self.y.pitch * images
        high, wide, part = self.grid.at(vector)
        image = part * k.lanes
        start = place_offset(self.y, self.batch, (0, high * self.filtering.out, wide * self.filtering.out))
        at = target + (start + first * images + image)
        for lines, places in each_kind(k, self.written, high, wide):
            with k.loop(rows, unroll=1) as row:
                source, here = m + (row * PANEL + column) * k.lanes, at + row * images
                numbers = [k.vector(source, f * (rows * PANEL * k.lanes)) for f in range(self.frequencies)]
                results = map_square(self.filtering.map_output, in_rows(numbers, self.filtering.into))
                for i, j in product(lines, places):
                    to = here + (i * to_line + j * to_place)
                    total = self.end.add_bias(results[i][j], first + row)
                    k.store(self.end.finish(total, to), to)
        if self.end.curve:
            self._activate(at, high, wide, rows, self.end.curve)

    def _activate(self, at: Pointer, high: Index, wide: Index, rows: int, curve: Activation) -> None:
        """Over all results of a tile."""
        k, images = self.k, self.batch.images
        out = self.filtering.out
        lines, places = (lower(out, self.y.sizes[a] - tile * out) for a, tile in ((1, high), (2, wide)))
        with k.loop(lines, unroll=1) as i, k.loop(places, unroll=1) as j, k.loop(rows, unroll=1) as row:
            to = at + (((i * self.y.sizes[2] + j) * self.y.pitch + row) * images)
            k.store(curve.value(k.vector(to)), to)
