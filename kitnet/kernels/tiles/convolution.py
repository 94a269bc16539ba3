"""Convolution on matrix tiles, of values as pairs and filters as tiles.

A piece is 32 filters by 2 places of 16 images: four tiles of sums, which 2 tiles of rows and 2 of columns
feed. For every line of taps, and along it for every tap and block of 32 channels, the precision's products of
parts are added, one after the other: the order of a sum depends on the layer alone. What is finished goes
through the epilogue to float32 values, or is rounded there to the pairs that the next layer reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from kitnet.base.precision import Precision
from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel, once
from kitnet.kernels.epilogue import Epilogue
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.kernels.tiles.pairs import Pairs, clear, on_line, put_pairs
from kitnet.kernels.tiles.unit import COLUMNS, DEEP, ROWS, SIDE, SUMS, TILE, unit_of
from kitnet.kernels.types import F32, U32
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import lower, over, share

TOGETHER = 14  # places whose sums one pair of tiles of filters makes in a row, while it is in L1

_Given = TypeVar("_Given")


@once
def convolve(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Pairs,
    y: Volume | Pairs,
    filters: int,
    window: Window,
    precision: Precision,
    *,
    bias: bool = True,
    activation: Activation | None = None,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """y = activation(bias + correlation of x and the filters u), with `accumulate` the activation of that and
    what y, a volume, holds. `bias=False` leaves that pointer unread. A group's lines of y are cut into
    blocks.
    """
    return _Convolution(
        name, cpu, batch, x, y, filters, window, precision, bias, activation, accumulate, blocks
    ).kernel


@dataclass(frozen=True)
class _Piece:
    """So many real filters in each tile of sums, from a tile of filters on, at so many places from one on."""

    tile: Index
    counts: tuple[int, ...]
    place: Index
    places: int

    def each(self, of: tuple[_Given, ...]) -> Iterator[tuple[int, int, _Given]]:
        """The tiles of sums: the number of its filters', and of its place in the piece."""
        for i in range(len(self.counts)):
            for j in range(self.places):
                yield i, j, of[2 * i + j]


class _Convolution:
    """Writes the kernel."""

    def __init__(
        self,
        name: str,
        cpu: Cpu,
        batch: Batch,
        x: Pairs,
        y: Volume | Pairs,
        filters: int,
        window: Window,
        precision: Precision,
        bias: bool,
        activation: Activation | None,
        accumulate: bool,
        blocks: int,
    ) -> None:
        if accumulate and isinstance(y, Pairs):
            raise ValueError(f"kernel {name}: nothing is added to what pairs hold")
        (_, self.high, self.wide), (_, *self.stride) = window.size, window.stride
        self.batch, self.x, self.y, self.filters, self.precision = batch, x, y, filters, precision
        type = U32 if isinstance(y, Pairs) else y.type
        self.kernel = k = over(name, cpu, batch, blocks, x=U32, u=U32, bias=F32, y=type)
        self.unit, self.room = unit_of(k), k.scratch(F32, 4 * TILE)
        self.source, self.tiles, biases, self.target = k.pointers
        self.end = Epilogue(k, biases if bias else None, activation, accumulate, apart=False)
        lines = y.lines if isinstance(y, Pairs) else y.sizes[1]
        self.group, first, last = share(k, batch, lines)
        self.unit.begin()
        with k.loop(batch.images // SIDE, unroll=1) as half, k.loop(first, last, unroll=1) as line:
            self.half = half
            self.read = self.source + x.at(batch.images, self.group, half)
            if isinstance(y, Pairs):
                here = self.target + y.at(batch.images, self.group, half) + line * y.line
                on_line(k, y, line, here, lambda: self._line(line - y.before[0], here))
            else:
                self._line(line, self.target)
        self.unit.end()

    def _line(self, h: Index, here: Pointer) -> None:
        """A line of y, whose pairs lie `here`: places in rows of TOGETHER, for each all filters."""
        k, width = self.kernel, self.y.sizes[-1]
        even = width - width % 2
        if even:
            with k.loop(0, even, TOGETHER, unroll=1) as part:

                def some(tile: Index, counts: tuple[int, ...]) -> None:
                    with k.loop(part, lower(part + TOGETHER, even), 2, unroll=1) as v:
                        self._piece(h, here, _Piece(tile, counts, v, 2))

                self._each_filters(some)
        if width % 2:
            self._each_filters(lambda tile, counts: self._piece(h, here, _Piece(tile, counts, even, 1)))

    def _each_filters(self, body: Callable[[Index, tuple[int, ...]], None]) -> None:
        """`body(tile, counts)` for every two tiles of filters: the first one's number, and how many filters
        each has.
        """
        whole, rest = divmod(self.filters, SIDE)
        with self.kernel.loop(0, whole - whole % 2, 2, unroll=1) as tile:
            body(tile, (SIDE, SIDE))
        last = (*[SIDE] * (whole % 2), *[rest] * (rest > 0))
        if last:
            body(whole - whole % 2, last)

    def _piece(self, h: Index, here: Pointer, piece: _Piece) -> None:
        self._sum(h, piece)
        for i, j, sums in piece.each(SUMS):
            self.unit.store(sums, self.room + sums * TILE)
            finished, channel = self.room + sums * TILE, (piece.tile + i) * SIDE
            if isinstance(self.y, Pairs):
                place = here + (piece.place + (j + self.y.before[1])) * self.y.place
                self._put_pairs(
                    self.y, finished, channel, piece.counts[i], place, last=i + 1 == len(piece.counts)
                )
            else:
                self._put(self.y, finished, channel, piece.counts[i], h, piece.place + j)

    def _sum(self, h: Index, piece: _Piece) -> None:
        """The tiles of sums become those of the piece."""
        k, unit, x, parts = self.kernel, self.unit, self.x, self.precision.parts
        run = self.wide * x.blocks  # of blocks, along a line of taps
        between = self.high * run * parts * TILE  # from a tile of filters to the next
        for _, _, sums in piece.each(SUMS):
            unit.zero(sums)
        with k.loop(self.high, unroll=1) as tap, k.loop(run, unroll=1) as i:
            line = self.read + (h * self.stride[0] + tap) * x.line
            columns = line + piece.place * (self.stride[1] * x.place) + i * x.block
            rows = self.tiles + ((piece.tile * self.high + tap) * run + i) * (parts * TILE)
            there: tuple[int | None, int | None] = (None, None)
            for row, column in self.precision.products:  # what is in the tiles is not loaded again
                if row != there[0]:
                    for j in range(len(piece.counts)):
                        unit.load(ROWS[j], rows + (j * between + row * TILE))
                if column != there[1]:
                    for j in range(piece.places):
                        unit.load(COLUMNS[j], columns + (j * self.stride[1] * x.place + column * TILE))
                there = row, column
                for m, n, sums in piece.each(SUMS):
                    unit.multiply(sums, ROWS[m], COLUMNS[n])

    def _put(self, y: Volume, sums: Pointer, channel: Index, count: int, h: Index, v: Index) -> None:
        """Finished sums of filters from a channel on as float32."""
        k, images = self.kernel, self.batch.images
        position = self.group * y.group_stride(self.batch) + (h * y.sizes[2] + v) * (y.pitch * images)
        with k.loop(count) as row:
            at = position + (channel + row) * images + self.half * SIDE
            for n in range(0, SIDE, k.lanes):
                k.store(self._finished(sums, channel, row, n, self.target, at + n), self.target, at + n)

    def _put_pairs(
        self, y: Pairs, sums: Pointer, channel: Index, count: int, place: Pointer, last: bool
    ) -> None:
        """Finished sums as pairs; behind the last filter zeros up to the end of its block."""
        k = self.kernel
        block, half = divmod(channel // SIDE, 2)
        first = block * y.block + half * (TILE // 2)

        def pair(row: Index, both: bool) -> None:
            for n in range(0, SIDE, k.lanes):
                low = self._finished(sums, channel, row, n)
                high = self._finished(sums, channel, row + 1, n) if both else k.zero()
                put_pairs(self.unit, low, high, place, first + row * (SIDE // 2) + n, y.parts)

        with k.loop(0, count - count % 2, 2) as row:
            pair(row, True)
        if count % 2:
            pair(count - 1, False)
        if last and isinstance(channel, int):
            begin = channel % DEEP + count + count % 2
            for part in range(y.parts):
                clear(k, place + (block * y.block + part * TILE), begin * (SIDE // 2), TILE)

    def _finished(
        self, sums: Pointer, channel: Index, row: Index, n: int, held: Pointer | None = None, at: Index = 0
    ) -> Value:
        total = self.end.add_bias(self.kernel.vector(sums, row * SIDE + n), channel + row)
        return self.end.finish(total, self.target if held is None else held, at)
