"""Convolution with 3x3 windows by Winograd's minimal filtering, F(4x4, 3x3) of Lavin and Gray (2015).

A tile of 4x4 outputs needs 6x6 inputs and 144 multiplications. Between two small linear maps it needs 36:

    y = A' [ (G w G') * (B' x B) ] A        * number by number, summed over the channels

so each of the 36 frequencies is a product [filters x channels] [channels x tiles], a quarter of the work. The
batch lies in the lanes, so the maps are plain arithmetic on vectors and nothing is shuffled.

The rest is memory. A chunk of tiles is mapped at once (`v`), small enough for half of the L2 cache; then,
for some filters at a time, all frequencies of a panel of two vectors are multiplied into a small `m` and
mapped back at once. The mapped filters `u` (shares of filters, 36, channels, filters of a share) are read as
one run. A panel may have an empty vector at the end; it is multiplied like the others and never stored.

Back to the input it is the same convolution of dy, with turned filters whose axes are exchanged.

The maps cost accuracy: on the way numbers are some 50 times as large as the terms of the direct sum. The rms
error is 2e-6 of the rms result with 128 channels and 5e-6 with 512. An infinity or NaN spoils its whole tile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, product

from kitnet.kernels.activation import ACTIVATIONS
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import F32, Index, Kernel, Pointer, Value
from kitnet.kernels.spec import Batch, Triple, Volume
from kitnet.kernels.tiling import Shares, cost, cut, fits, shares_of
from kitnet.kernels.walk import lower, over, place_offset

OUT, IN, TAPS = 4, 6, 3  # places of a tile along an axis, and of a window
FREQUENCIES = IN * IN
PANEL = 2  # vectors of a product's tile; 12 to 14 filters fill the registers then, and rims cost little


def use(height: int, width: int) -> float:
    """How much of what is calculated lies on an output of this size."""
    return height * width / (-(-height // OUT) * -(-width // OUT) * OUT * OUT)


def _map_filter(g: Sequence[Value]) -> list[Value]:
    """G g."""
    ends, middle = g[0] + g[2], g[1]
    wide, far = g[0] * (1 / 24) + g[2] * (1 / 6), g[1] * (1 / 12)
    return [g[0] * 0.25, (ends + middle) * (-1 / 6), (ends - middle) * (-1 / 6), wide + far, wide - far, g[2]]


def _map_input(d: Sequence[Value]) -> list[Value]:
    """B' d."""
    fma = d[0].kernel.fma
    even, odd = fma(-4.0, d[2], d[4]), fma(-4.0, d[1], d[3])
    more, far = d[4] - d[2], d[3] - d[1]
    first, last = fma(4.0, d[0], fma(-5.0, d[2], d[4])), fma(4.0, d[1], fma(-5.0, d[3], d[5]))
    return [first, even + odd, even - odd, fma(2.0, far, more), fma(-2.0, far, more), last]


def _map_output(m: Sequence[Value]) -> list[Value]:
    """A' m."""
    fma = m[0].kernel.fma
    even, odd, more, far = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
    return [m[0] + even + more, fma(2.0, far, odd), fma(4.0, more, even), fma(8.0, far, odd) + m[5]]


def _rows(values: list[Value], length: int) -> list[list[Value]]:
    return [values[i : i + length] for i in range(0, len(values), length)]


def _map_square(
    how: Callable[[Sequence[Value]], list[Value]], square: list[list[Value]]
) -> list[list[Value]]:
    """`how` along the columns, then along the rows."""
    columns = [how(column) for column in zip(*square, strict=True)]
    return [how(row) for row in zip(*columns, strict=True)]


def _shares(cpu: Cpu, filters: int) -> Shares:
    """The filters of a product's tile; `u` lies in memory by them."""
    able = [shares for shares in shares_of(filters, cpu.registers) if fits(cpu, shares.most, PANEL)]
    return min(able, key=lambda s: sum(times * cost(size, PANEL) for size, times in s.sizes().items()))


def filters(name: str, cpu: Cpu, depth: int, rows: int, *, turned: bool = False, tasks: int = 1) -> Kernel:
    """weight -> u, for `convolve` from `depth` channels to `rows`. weight is (3, 3, depth, rows), or with
    `turned` (3, 3, rows, depth) and read from its other end, for the way back to the input.
    """
    shares, lanes = _shares(cpu, rows), cpu.lanes
    runs = -(-depth // lanes)
    items = shares.count * runs
    blocks = min(tasks, items)
    k = Kernel(name, cpu, blocks, weight=F32, u=F32)
    weight, u = k.pointers
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
                    out = u + (first * (FREQUENCIES * depth) + begin * size + piece)
                    with k.loop(channels, unroll=1) as c:
                        window = [
                            k.vector(taps, c * to_channel + tap * to_tap, some) for tap in range(TAPS * TAPS)
                        ]
                        mapped = chain(*_map_square(_map_filter, _rows(window, TAPS)))
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


@dataclass(frozen=True)
class _Kind:
    """Tiles from `first` to `last` along an axis, of whose places the same ones are `inside` the volume."""

    first: int
    last: int
    inside: range


def _kinds(places: int, inside: Callable[[int], range]) -> list[_Kind]:
    """The kinds of tiles along an axis with so many places of the output, in order."""
    runs = [(list(run), same) for same, run in groupby(range(-(-places // OUT)), inside)]
    return [_Kind(run[0], run[-1], same) for run, same in runs]


def _read(size: int, places: int, before: int) -> list[_Kind]:
    """By the places of a tile that lie on the input."""
    return _kinds(places, lambda t: range(max(before - t * OUT, 0), min(size + before - t * OUT, IN)))


def _written(places: int) -> list[_Kind]:
    """By the places of a tile that lie on the output."""
    return _kinds(places, lambda t: range(min(OUT, places - t * OUT)))


def convolve(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    y: Volume,
    before: Triple,
    *,
    bias: bool = True,
    activation: str | None = None,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """y = activation(bias + correlation of x and the filters that `u` was made of), with so many places of
    padding before the input; with `accumulate` added to what y holds. `bias=False` leaves that pointer
    unread.

    The work on each group of the batch is cut into at most so many blocks.
    """
    work = _Work(cpu, batch, x, y, before, blocks)
    k = over(name, cpu, batch, work.blocks, x=F32, u=F32, bias=F32, y=F32)
    work.write(k, bias, activation, accumulate)
    return k


class _Work:
    """A convolution cut into tasks; `write` puts it into a kernel."""

    def __init__(self, cpu: Cpu, batch: Batch, x: Volume, y: Volume, before: Triple, blocks: int) -> None:
        self.batch, self.x, self.y, self.before = batch, x, y, before
        self.shares = _shares(cpu, y.channels)
        self.read = [_read(x.sizes[a], y.sizes[a], before[a]) for a in (1, 2)]
        self.written = [_written(y.sizes[a]) for a in (1, 2)]
        down, self.across = (kinds[-1].last + 1 for kinds in self.written)
        self.each = batch.images // cpu.lanes  # vectors of a tile
        self.vectors = down * self.across * self.each
        self.panels = -(-self.vectors // PANEL)
        # One vector more, or powers of two would put all frequencies into the same places of the cache.
        self.to_frequency = (x.channels * PANEL + 1) * cpu.lanes
        self.panel_size = FREQUENCIES * self.to_frequency
        room = (cpu.l2 or 1 << 20) // 2 // (4 * self.panel_size)
        most = max(1, min(room, self.panels // max(blocks, 1)))
        self.chunks = -(-self.panels // most)
        self.most = -(-self.panels // self.chunks)
        self.blocks = min(blocks, self.chunks)

    def write(self, k: Kernel, bias: bool, activation: str | None, accumulate: bool) -> None:
        self.k, self.bias, self.activation, self.accumulate = k, bias, activation, accumulate
        group, block = divmod(k.task, self.blocks)
        source, u, self.biases, target = k.pointers
        source += group * self.x.group_stride(self.batch)
        target += group * self.y.group_stride(self.batch)
        self.v = k.scratch(F32, self.most * self.panel_size)
        self.m = k.scratch(F32, FREQUENCIES * self.shares.most * PANEL * k.lanes)
        with k.loop(*cut(self.chunks, block, self.blocks), unroll=1) as chunk:
            begin, end = cut(self.panels, chunk, self.chunks)
            with k.loop(begin * PANEL, lower(end * PANEL, self.vectors), unroll=1) as vector:
                self._into(source, vector, vector - begin * PANEL)
            with k.loop(self.shares.count, unroll=1) as share:
                first = self.shares.start(share)
                own = u + first * (FREQUENCIES * self.x.channels)
                for rows, chosen in self.shares.kinds(share):
                    with k.when(chosen), k.loop(begin, end, unroll=1) as panel:
                        v = self.v + (panel - begin) * self.panel_size
                        self._multiply(own, v, rows)
                        last = lower((panel + 1) * PANEL, self.vectors)
                        with k.loop(panel * PANEL, last, unroll=1) as vector:
                            self._out_of(target, vector, vector - panel * PANEL, first, rows)

    def _tile(self, vector: Index) -> tuple[Index, Index, Index]:
        """Where the vector's tile is, and its first image."""
        tile, part = divmod(vector, self.each)
        high, wide = divmod(tile, self.across)
        return high, wide, part * self.k.lanes

    def _each_kind(self, kinds: list[list[_Kind]], high: Index, wide: Index) -> Iterator[tuple[range, range]]:
        """The places inside, for each kind of tile within a branch of its own."""
        k = self.k
        for one, two in product(*kinds):
            with k.when(_within(high, one)), k.when(_within(wide, two)):
                yield one.inside, two.inside

    def _into(self, source: Pointer, vector: Index, number: Index) -> None:
        """B' x B of a vector of images at one tile, for all channels."""
        k, images = self.k, self.batch.images
        panel, column = divmod(number, PANEL)
        out = self.v + (panel * self.panel_size + column * k.lanes)
        to_line = self.x.sizes[2] * self.x.pitch * images
        high, wide, image = self._tile(vector)
        place = (0, high * OUT - self.before[1], wide * OUT - self.before[2])
        at = source + (place_offset(self.x, self.batch, place) + image)
        for lines, places in self._each_kind(self.read, high, wide):
            with k.loop(self.x.channels, unroll=1) as c:
                here, to = at + c * images, out + c * (PANEL * k.lanes)
                square = [[k.zero()] * IN for _ in range(IN)]
                for i, j in product(lines, places):
                    square[i][j] = k.vector(here, i * to_line + j * self.x.pitch * images)
                for f, value in enumerate(chain(*_map_square(_map_input, square))):
                    k.store(value, to, f * self.to_frequency)

    def _multiply(self, u: Pointer, v: Pointer, rows: int) -> None:
        """m (36, rows, panel) = u (36, channels, rows) times v (36, channels, panel)."""
        k, depth = self.k, self.x.channels
        with k.loop(FREQUENCIES, unroll=1) as f:
            scalars, vectors = u + f * (depth * rows), v + f * self.to_frequency
            sums = k.registers(rows, PANEL, k.zero())
            with k.loop(depth, unroll=1) as c:
                weight, at = scalars + c * rows, vectors + c * (PANEL * k.lanes)
                values = [k.vector(at, p * k.lanes) for p in range(PANEL)]
                for row, line in enumerate(sums):
                    scalar = k.splat(weight, row)
                    for each, value in zip(line, values, strict=True):
                        each.set(k.fma(scalar, value, each.get()))
            out = self.m + f * (rows * PANEL * k.lanes)
            for row, p in product(range(rows), range(PANEL)):
                k.store(sums[row][p].get(), out, (row * PANEL + p) * k.lanes)

    def _out_of(self, target: Pointer, vector: Index, column: Index, first: Index, rows: int) -> None:
        """A' m A of a vector of images at one tile, for some filters."""
        k, images = self.k, self.batch.images
        to_line, to_place = self.y.sizes[2] * self.y.pitch * images, self.y.pitch * images
        high, wide, image = self._tile(vector)
        start = place_offset(self.y, self.batch, (0, high * OUT, wide * OUT))
        at = target + (start + first * images + image)
        for lines, places in self._each_kind(self.written, high, wide):
            with k.loop(rows, unroll=1) as row:
                source, here = self.m + (row * PANEL + column) * k.lanes, at + row * images
                numbers = [k.vector(source, f * (rows * PANEL * k.lanes)) for f in range(FREQUENCIES)]
                results = _map_square(_map_output, _rows(numbers, IN))
                for i, j in product(lines, places):
                    self._finish(results[i][j], first + row, here + (i * to_line + j * to_place))
        if self.activation not in (None, "relu"):
            self._activate(at, high, wide, rows)

    def _finish(self, value: Value, row: Index, to: Pointer) -> None:
        k = self.k
        if self.bias:
            value = value + k.splat(self.biases, row)
        if self.accumulate:
            value = value + k.vector(to)
        k.store(k.max(value, 0.0) if self.activation == "relu" else value, to)

    def _activate(self, at: Pointer, high: Index, wide: Index, rows: int) -> None:
        """A curve takes tens of instructions, too many for each of a tile's results: once over them all."""
        k, images, curve = self.k, self.batch.images, ACTIVATIONS[self.activation or ""].value
        lines, places = (lower(OUT, self.y.sizes[a] - tile * OUT) for a, tile in ((1, high), (2, wide)))
        with k.loop(lines, unroll=1) as i, k.loop(places, unroll=1) as j, k.loop(rows, unroll=1) as row:
            to = at + (((i * self.y.sizes[2] + j) * self.y.pitch + row) * images)
            k.store(curve(k.vector(to)), to)


def _within(tile: Index, kind: _Kind) -> Value | bool:
    if isinstance(tile, int):
        return kind.first <= tile <= kind.last
    return (tile >= kind.first) & (tile <= kind.last)
