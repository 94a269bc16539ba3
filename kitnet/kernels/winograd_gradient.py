"""The filter gradient of a convolution with 3x3 windows by Winograd's filtering F(4x4, 3x3).

Forward, y = A' [ (G w G') * (B' x B) ] A for a tile of 4x4 outputs. Going back through these linear maps,

    dw = G' [ (A dy A') * (B' x B), summed over tiles and images ] G

so each of the 36 frequencies is a product [channels x (tiles, images)] [(tiles, images) x filters]: a quarter
of the multiplications of the direct sum. As there, dy is transposed, so that filters lie in the lanes and the
channels of x are scalars.

A stretch is some vectors of images at tiles. For some filters at a time their tiles of dy are transposed and
mapped (`w`); then, for as many channels as a tile of the product has rows, those of x are mapped (`v`), all
frequencies are multiplied into a small `m`, and this is mapped back and added to the result at once. So sums
over all tiles exist for the 9 taps only and not for the 36 frequencies.

Numbers on the way are larger than the terms of the direct sum, but its long sums of float32 are cut short:
the rms error is some 2e-6 of the rms result with 50,000 terms, as that of the direct sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, product

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel, once
from kitnet.kernels.filtering import F4
from kitnet.kernels.spec import Batch, Triple, Volume
from kitnet.kernels.tiling import Grid, cut, quickest_shares
from kitnet.kernels.types import BOOL, F32
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import lower, place_offset
from kitnet.kernels.winograd_tiles import TAPS, each_kind, in_rows, map_square

OUT, IN, FREQUENCIES = F4.out, F4.into, F4.frequencies
STRETCH = 8  # vectors of images at tiles
TOGETHER = 4  # vectors of filters that are mapped at once: w takes 1.2 MB


@once
def filter_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    dy: Volume,
    before: Triple,
    *,
    bias: bool = True,
    chunks: int = 1,
    parts: int = 1,
) -> Kernel:
    """partial[chunk] (3, 3, channels, filters) is the gradient of the weights over the chunk's share of the
    batch, bias_partial[chunk] that of the bias; `bias=False` leaves that pointer alone. Filters are a
    multiple of the processor's lanes.

    A chunk is some groups, or some tiles of one; its work is cut into at most so many parts of the filters:
    tasks = chunks * parts.
    """
    if batch.images % cpu.lanes:
        raise ValueError(f"{batch.images} images do not fill vectors of {cpu.lanes}; use a multiple")
    if dy.channels % cpu.lanes:
        raise ValueError(f"{dy.channels} filters do not fill vectors of {cpu.lanes}")
    if chunks > most_chunks(cpu, batch, dy):
        raise ValueError(
            f"{chunks} chunks; there are {most_chunks(cpu, batch, dy)} vectors of images at tiles"
        )
    if (x.own or dy.own) and chunks != batch.groups:
        raise ValueError(f"{chunks} chunks of {batch.groups} groups of which a thread has one at a time")
    work = _Work(cpu, batch, x, dy, before, bias, chunks, parts)
    k = Kernel(name, cpu, work.tasks, x=x.type, dy=dy.type, partial=F32, bias_partial=F32)
    work.write(k)
    return k


def most_chunks(cpu: Cpu, batch: Batch, dy: Volume) -> int:
    """Into how many chunks the batch can be cut."""
    _, high, wide = dy.sizes
    return batch.groups * -(-high // OUT) * -(-wide // OUT) * batch.images // cpu.lanes


def _map_gradient(g: Sequence[Value]) -> list[Value]:
    """A g."""
    fma = g[0].kernel.fma
    even, odd = g[0] + g[2], g[1] + g[3]
    more, far = fma(4.0, g[2], g[0]), fma(4.0, g[3], g[1])
    return [g[0], even + odd, even - odd, fma(2.0, far, more), fma(-2.0, far, more), g[3]]


def _map_weight(m: Sequence[Value]) -> list[Value]:
    """G' m."""
    fma = m[0].kernel.fma
    near, far = (m[1] + m[2]) * (-1 / 6), m[3] + m[4]
    return [
        fma(0.25, m[0], fma(1 / 24, far, near)),
        fma(1 / 6, m[2] - m[1], (m[3] - m[4]) * (1 / 12)),
        fma(1 / 6, far, near) + m[5],
    ]


class _Work:
    """The pass cut into tasks; `write` puts it into a kernel."""

    def __init__(
        self,
        cpu: Cpu,
        batch: Batch,
        x: Volume,
        dy: Volume,
        before: Triple,
        bias: bool,
        chunks: int,
        parts: int,
    ) -> None:
        self.batch, self.x, self.dy, self.before, self.bias = batch, x, dy, before, bias
        self.read = [F4.read(x.sizes[a], dy.sizes[a], before[a]) for a in (1, 2)]
        self.written = [F4.written(dy.sizes[a]) for a in (1, 2)]
        down, across = (F4.tiles(size) for size in dy.sizes[1:])
        self.grid = Grid(down, across, batch.images // cpu.lanes)
        most = min(STRETCH, self.grid.size * batch.groups // max(chunks, batch.groups))
        self.stretches = -(-self.grid.size // most)
        self.most = -(-self.grid.size // self.stretches) if chunks <= batch.groups else most
        columns = dy.channels // cpu.lanes
        self.width = next(width for width in (2, 3, 1) if not columns % width)  # of a product's tile
        self.blocks = columns // self.width
        self.chunks, self.parts = chunks, min(parts, self.blocks)
        self.tasks = self.chunks * self.parts
        self.together = max(1, min(-(-self.blocks // self.parts), TOGETHER // self.width))
        self.rows = quickest_shares(cpu, x.channels, self.width)
        # One vector more, or powers of two would put all frequencies into the same places of the cache.
        self.steps = self.most * cpu.lanes
        self.v_frequency = self.rows.most * self.steps + cpu.lanes
        self.m_frequency = self.rows.most * self.width * cpu.lanes
        self.w_frequency = self.together * self.width * self.steps * cpu.lanes + cpu.lanes

    def write(self, k: Kernel) -> None:
        self.k = k
        chunk, part = divmod(k.task, self.parts)
        self.source, self.gradient, partial, bias_partial = k.pointers
        self.partial = partial + chunk * (TAPS * TAPS * self.x.channels * self.dy.channels)
        self.bias_partial = bias_partial + chunk * self.dy.channels
        self.v = k.scratch(F32, FREQUENCIES * self.v_frequency)
        self.w = k.scratch(F32, FREQUENCIES * self.w_frequency)
        self.m = k.scratch(F32, FREQUENCIES * self.m_frequency)
        self.square = k.scratch(F32, OUT * OUT * k.lanes * k.lanes)
        begin, end = cut(self.batch.groups * self.stretches, chunk, self.chunks)
        first_block, last_block = cut(self.blocks, part, self.parts)
        with k.loop(begin, end, unroll=1) as number:
            group, stretch = divmod(number, self.stretches)
            first = number.equals(begin) if not isinstance(number, int) else k.constant(True, BOOL, 1)
            vectors = stretch * self.most, lower((stretch + 1) * self.most, self.grid.size)
            with k.loop(first_block, last_block, self.together, unroll=1) as block:
                some = block, lower(block + self.together, last_block)
                self._map_filters(group, vectors, some, first)
                with k.loop(self.rows.count, unroll=1) as share:
                    channel = self.rows.start(share)
                    rows = self.rows.start(share + 1) - channel
                    self._map_channels(group, vectors, channel, rows)
                    with k.loop(*some, unroll=1) as one:
                        for size, chosen in self.rows.kinds(share):
                            with k.when(chosen):
                                self._multiply(vectors, one - block, size)
                        self._add(channel, one, rows, first)

    def _map_filters(
        self, group: Index, vectors: tuple[Index, Index], blocks: tuple[Index, Index], first: Value
    ) -> None:
        """w (36, blocks, columns, steps, filters) = A dy A' with the filters in the lanes, and the bias."""
        k, images, lanes = self.k, self.batch.images, self.k.lanes
        to_line, to_place = self.dy.sizes[2] * self.dy.pitch * images, self.dy.pitch * images
        with k.loop(blocks[0] * self.width, blocks[1] * self.width, unroll=1) as column:
            total = k.register(k.zero())
            out = self.w + (column - blocks[0] * self.width) * (self.steps * lanes)
            with k.loop(*vectors, unroll=1) as vector:
                high, wide, part = self.grid.at(vector)
                image = part * k.lanes
                start = place_offset(self.dy, self.batch, (0, high * OUT, wide * OUT))
                at = self.gradient + (
                    group * self.dy.group_stride(self.batch) + start + column * (lanes * images) + image
                )
                here = out + (vector - vectors[0]) * (lanes * lanes)
                for lines, places in each_kind(k, self.written, high, wide):
                    with k.loop(len(lines), unroll=1) as i, k.loop(len(places), unroll=1) as j:
                        place = at + (i * to_line + j * to_place)
                        filters = [k.vector(place, filter * images) for filter in range(lanes)]
                        to = self.square + (i * OUT + j) * (lanes * lanes)
                        for number, value in enumerate(k.transpose(filters)):
                            k.store(value, to, number * lanes)
                    with k.loop(lanes, unroll=1) as i:
                        square = [[k.zero()] * OUT for _ in range(OUT)]
                        for a, b in product(lines, places):
                            square[a][b] = k.vector(self.square + i * lanes, (a * OUT + b) * (lanes * lanes))
                        mapped = list(chain(*map_square(_map_gradient, square)))
                        for f, value in enumerate(mapped):
                            k.store(value, here + i * lanes, f * self.w_frequency)
                        total.set(total.get() + mapped[IN + 1])  # the sum of the tile
            if self.bias:
                to = self.bias_partial + column * lanes
                k.store(k.select(first, k.zero(), k.vector(to)) + total.get(), to)

    def _map_channels(self, group: Index, vectors: tuple[Index, Index], channel: Index, rows: Index) -> None:
        """v (36, channels, steps) = B' x B."""
        k, images = self.k, self.batch.images
        to_line = self.x.sizes[2] * self.x.pitch * images
        with k.loop(*vectors, unroll=1) as vector:
            high, wide, part = self.grid.at(vector)
            image = part * k.lanes
            place = (0, high * OUT - self.before[1], wide * OUT - self.before[2])
            start = place_offset(self.x, self.batch, place)
            at = self.source + (group * self.x.group_stride(self.batch) + start + channel * images + image)
            out = self.v + (vector - vectors[0]) * k.lanes
            for lines, places in each_kind(k, self.read, high, wide):
                with k.loop(rows, unroll=1) as c:
                    here, to = at + c * images, out + c * self.steps
                    square = [[k.zero()] * IN for _ in range(IN)]
                    for i, j in product(lines, places):
                        square[i][j] = k.vector(here, i * to_line + j * self.x.pitch * images)
                    for f, value in enumerate(chain(*map_square(F4.map_input, square))):
                        k.store(value, to, f * self.v_frequency)

    def _multiply(self, vectors: tuple[Index, Index], block: Index, rows: int) -> None:
        """m (36, channels, columns, filters) = v (36, channels, steps) times w (36, steps, filters)."""
        k = self.k
        count = (vectors[1] - vectors[0]) * k.lanes
        with k.loop(FREQUENCIES, unroll=1) as f:
            scalars = self.v + f * self.v_frequency
            columns = self.w + (f * self.w_frequency + block * (self.width * self.steps * k.lanes))
            sums = k.registers(rows, self.width, k.zero())
            with k.loop(count, unroll=1) as step:
                here, at = scalars + step, columns + step * k.lanes
                values = [k.vector(at, column * (self.steps * k.lanes)) for column in range(self.width)]
                for row, line in enumerate(sums):
                    scalar = k.splat(here, row * self.steps)
                    for each, value in zip(line, values, strict=True):
                        each.set(k.fma(scalar, value, each.get()))
            out = self.m + f * self.m_frequency
            for row, column in product(range(rows), range(self.width)):
                k.store(sums[row][column].get(), out, (row * self.width + column) * k.lanes)

    def _add(self, channel: Index, block: Index, rows: Index, first: Value) -> None:
        """Add G' m G to the result."""
        k = self.k
        to_tap = self.x.channels * self.dy.channels
        target: Pointer = self.partial + (channel * self.dy.channels + block * (self.width * k.lanes))
        with k.loop(rows, unroll=1) as row, k.loop(self.width, unroll=1) as column:
            here, at = self.m + (row * self.width + column) * k.lanes, target + column * k.lanes
            numbers = [k.vector(here, f * self.m_frequency) for f in range(FREQUENCIES)]
            for tap, value in enumerate(chain(*map_square(_map_weight, in_rows(numbers, IN)))):
                to = at + (row * self.dy.channels + tap * to_tap)
                k.store(k.select(first, k.zero(), k.vector(to)) + value, to)
