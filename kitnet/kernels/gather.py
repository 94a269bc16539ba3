"""The sum of a convolution's pass, forward or back to the input, with the batch in the lanes: how it is cut
into tiles and tasks, and how these are written.

A tile is some rows times some columns, a column being one vector of images at one place. Each step of the
sum loads a vector for each column and a weight for each row, and multiplies all with all. A line of taps
whose channels lie side by side is one run. Padding is never read: places at the rim walk only the taps that
fall on the source.

A sum has one accumulator and takes its terms in the order of the loops, whatever the tile: how the work
is cut changes no bit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.epilogue import Epilogue
from kitnet.kernels.spec import Batch, Triple, Volume
from kitnet.kernels.tiling import EACH_BODY, Reach, Shares, cost, cut, fits, shares_of
from kitnet.kernels.types import I64
from kitnet.kernels.values import Index, Int, Pointer
from kitnet.kernels.walk import lower

# Measured on an AVX-512 core, over many tiles and shapes.
LOADS = 1.6  # a cycle, where a multiply-add reads its weight from memory
FAR = 0.5  # cycles for a vector from the L2 cache


@dataclass(frozen=True)
class Weights:
    """The filters as a pass sees them: in each of `groups` so many rows and so much depth, for each tap of
    the window. The rows are filters, or channels where the pass goes back.

    They lie where kitnet keeps them, (taps, input channels of a group, filters), or `packed`.
    """

    window: Triple
    groups: int
    rows: int
    depth: int
    back: bool = False
    packed: bool = False

    @property
    def taps(self) -> int:
        return math.prod(self.window)

    def start(self, group: Index, first: Index) -> Index:
        """Where the weights of a share begin, by its first row."""
        if self.packed:
            return (group * self.rows + first) * (self.taps * self.depth)
        return group * self.depth + first * self.filters if self.back else group * self.rows + first

    def steps(self, rows: int) -> tuple[int, int, int]:
        """Elements from a tap, a depth and a row to the next, in a share of so many rows."""
        if self.packed:
            return self.depth * rows, rows, 1
        return self.groups * self.rows * self.depth, *((1, self.filters) if self.back else (self.filters, 1))

    @property
    def filters(self) -> int:
        return self.groups * (self.depth if self.back else self.rows)


@dataclass(frozen=True)
class _Tile:
    """How much is summed at once: shares of the rows, places, and vectors of each place."""

    rows: Shares
    places: int
    vectors: int


def _tile(cpu: Cpu, weights: Weights, vectors: int, wide: list[Reach]) -> _Tile:
    """The quickest tile for lines of places."""
    best, least = _Tile(Shares(weights.rows, weights.rows), 1, 1), math.inf
    for width in (v for v in range(1, vectors + 1) if vectors % v == 0):
        for places, shares in itertools.product(range(1, 9), shares_of(weights.rows, cpu.registers)):
            if not fits(cpu, shares.most, places * width):
                continue
            cycles, bodies = 0.0, 0
            for reach in wide:
                whole, rest = divmod(len(reach.interior), places)
                rim = reach.places - len(reach.interior)
                for count, some in (whole, places), (rest > 0, rest), (rim, 1):
                    far = _far(cpu, weights, reach, some, width) * (vectors // width) if count else 0.0
                    for size, times in shares.sizes().items():
                        step = max(cost(size, some * width), (size + some * width) / LOADS + 0.5)
                        cycles += times * count * (step + far * some * width)
                        bodies += count > 0
            cycles *= vectors // width * (1 + EACH_BODY * bodies)
            if cycles < least:
                best, least = _Tile(shares, places, width), cycles
    return best


def _far(cpu: Cpu, weights: Weights, reach: Reach, places: int, vectors: int) -> float:
    """Cycles that each vector of the source costs because it comes from the L2 cache: nothing where all that
    a tile reads fits into half of L1, less where its places share what they read.
    """
    span = (places - 1) * reach.step + (reach.taps - 1) * abs(reach.apart) + 1
    planes = weights.window[0] * weights.window[1]
    if 4 * planes * span * weights.depth * vectors * cpu.lanes <= (cpu.l1d or 1 << 15) // 2:
        return 0.0
    return FAR * min(1.0, span / max(places * reach.taps, 1))


@dataclass(frozen=True)
class _Line:
    """What stays the same along a line of places: where it is, whose turn it is, its rows, and the addresses
    where the source's group of channels, the rows' weights and the rows of the line's place 0 begin.
    """

    deep: Reach
    high: Reach
    z: Index
    y: Index
    segment: Index
    turn: Index
    rows: int
    row: Index
    source: Pointer
    weight: Pointer
    target: Pointer


class Gather:
    """A pass cut into tasks; `write` puts it into a kernel."""

    def __init__(
        self,
        cpu: Cpu,
        batch: Batch,
        source: Volume,
        target: Volume,
        weights: Weights,
        reaches: list[list[Reach]],
        blocks: int,
    ) -> None:
        self.images, self.source, self.target, self.weights = batch.images, source, target, weights
        self.deep, self.high, self.wide = reaches
        self.tile = _tile(cpu, weights, batch.images // cpu.lanes, self.wide)
        self.tiles = weights.groups * self.tile.rows.count
        # Weights of the tiles that take turns at a segment, and what these read, stay in the L2 cache.
        cache = cpu.l2 or 1 << 20
        share = 4 * weights.taps * weights.depth * self.tile.rows.most
        self.chunks = -(-self.tiles // max(1, cache // 2 // share))
        self.together = -(-self.tiles // self.chunks)
        reads = self.deep[0].taps * self.high[0].taps * source.sizes[2] * weights.depth * batch.images
        most = max(len(reach.interior) for reach in self.wide) // self.tile.places
        self.segments = max(1, min(most, -(-4 * reads // (cache // 4))))
        if weights.groups > 1 and weights.depth == 1:
            self.segments = max(1, most)  # channel by channel at each tile, which reads memory in runs
        lines = max(reach.places for reach in self.deep) * max(reach.places for reach in self.high)
        self.blocks = min(blocks, lines * self.segments * self.tiles)
        self.source_stride, self.target_stride = source.group_stride(batch), target.group_stride(batch)
        # A window of one tap reads each number once for each tile: the tiles that take turns at a segment ask
        # for the next one meanwhile, each for another place.
        self.ahead = most // self.segments * self.tile.places if weights.taps == 1 else 0

    def write(self, k: Kernel, source: Pointer, weight: Pointer, target: Pointer, end: Epilogue) -> None:
        """A block is a run of items, each a segment of a line of places for one tile of rows: chunk by
        chunk of tiles, line by line, segment by segment, and the tiles of the chunk for each of these.
        """
        self.k, self.end = k, end
        shares, weights = self.tile.rows, self.weights
        batch, block = divmod(k.task, self.blocks)
        source += batch * self.source_stride
        target += batch * self.target_stride
        for deep, high in itertools.product(self.deep, self.high):
            lines = deep.places * high.places
            items = self.chunks * lines * self.segments * self.together
            with k.loop(*cut(items, block, self.blocks), unroll=1) as item:
                rest, number = divmod(item, self.together)
                rest, segment = divmod(rest, self.segments)
                chunk, line = divmod(rest, lines)
                z, y = divmod(line, high.places)
                tile = chunk * self.together + number
                with k.when(self.chunks * self.together == self.tiles or tile < self.tiles):
                    group, share = divmod(tile, shares.count)
                    first = shares.start(share)
                    row = group * weights.rows + first
                    place = (z * deep.every + deep.first) * self.target.sizes[1] + y * high.every + high.first
                    channels = source + group * (weights.depth * self.images)
                    own = weight + weights.start(group, first)
                    out = target + (place * (self.target.sizes[2] * self.target.pitch) + row) * self.images
                    for rows, chosen in shares.kinds(share):
                        with k.when(chosen):
                            self._line(
                                _Line(deep, high, z, y, segment, number, rows, row, channels, own, out)
                            )

    def _line(self, line: _Line) -> None:
        """The interior in tiles, then what they leave over, then the rim place by place."""
        k, step = self.k, self.tile.places
        later, ends = _from(k, line.segment, 1), _from(k, line.segment, self.segments - 1)
        for wide in self.wide:
            inner, all_taps = wide.interior, (0, wide.taps)
            rest = len(inner) % step
            if len(inner) >= step:
                with k.loop(*self._whole(line, wide), step, unroll=1) as i:
                    self._sums(line, wide, i, step, all_taps)
            if rest:
                with k.when(ends > 0):
                    self._sums(line, wide, inner.stop - rest, rest, all_taps)
            if wide.padded:
                front, back = inner.start, wide.places - inner.stop
                with k.loop(later * front, ends * back + front, unroll=1) as rim:
                    i = rim + _from(k, rim, front) * len(inner)  # past the interior
                    self._sums(line, wide, i, 1, wide.taps_at(i))
        if self.end.curve:
            self._activate(line, self.end.curve)

    def _whole(self, line: _Line, wide: Reach) -> tuple[Index, Index]:
        """Where the segment's whole tiles begin and end. What comes before and behind these in a line is the
        first and the last segment's.
        """
        count = len(wide.interior) // self.tile.places
        first, last = cut(count, line.segment, self.segments)
        return first * self.tile.places + wide.interior.start, last * self.tile.places + wide.interior.start

    def _sums(self, line: _Line, wide: Reach, i: Index, places: int, taps: tuple[Index, Index]) -> None:
        """One tile: the line's rows at so many places, from place i on."""
        k, images, width, rows = self.k, self.images, self.tile.vectors, range(line.rows)
        _, _, to_row = self.weights.steps(line.rows)
        from_place, to_place = self.source.pitch * images, self.target.pitch * images
        columns = [(place, v * k.lanes) for place in range(places) for v in range(width)]
        soon = (lower(line.turn, places - 1) + self.ahead) * (wide.step * from_place)
        with k.loop(0, images, width * k.lanes, unroll=1) as some:
            first = line.target + ((i * wide.every + wide.first) * to_place + some)
            outs = [
                [first + (p * wide.every * to_place + row * images + v) for p, v in columns] for row in rows
            ]
            for out in itertools.chain(*outs) if self.end.addend else ():
                k.prefetch(out)  # it comes while the sums are made
            sums = [[k.register(self.end.begin(line.row + row)) for _ in columns] for row in rows]
            with self._terms(line, wide, taps) as (source, weight):
                at = source + ((i * wide.step + wide.start) * from_place + some)
                vectors = [k.vector(at, p * wide.step * from_place + v) for p, v in columns]
                for v in range(width) if self.ahead else ():
                    k.prefetch(at, soon + v * k.lanes)
                for row in rows:
                    scalar = k.splat(weight, row * to_row)
                    for each, vector in zip(sums[row], vectors, strict=True):
                        each.set(k.fma(scalar, vector, each.get()))
            for each, out in zip(itertools.chain(*sums), itertools.chain(*outs), strict=True):
                k.store(self.end.finish(each.get(), out), out)

    @contextmanager
    def _terms(
        self, line: _Line, wide: Reach, taps: tuple[Index, Index]
    ) -> Iterator[tuple[Pointer, Pointer]]:
        """The loops over taps and depth: where the source would be read for place 0, and the first row's
        weight.
        """
        k, deep, high, weights, source = self.k, line.deep, line.high, self.weights, self.source
        to_tap, to_depth, _ = weights.steps(line.rows)
        one_run = (
            wide.apart == wide.tap_step == weights.groups == 1
            and weights.depth == source.pitch
            and weights.depth * to_depth == to_tap
        )
        with (
            k.loop(*deep.taps_at(line.z), unroll=1) as a,
            k.loop(*high.taps_at(line.y), unroll=1) as b,
        ):
            z = line.z * deep.step + deep.start + a * deep.apart
            y = line.y * high.step + high.start + b * high.apart
            from_line = line.source + (z * source.sizes[1] + y) * (
                source.sizes[2] * source.pitch * self.images
            )
            plane = (deep.tap + a * deep.tap_step) * weights.window[1] + high.tap + b * high.tap_step
            weight = line.weight + (plane * weights.window[2] + wide.tap) * to_tap
            if one_run:
                first, last = (tap * weights.depth for tap in taps)
                with k.loop(first, last, unroll=1) as d:
                    yield from_line + d * self.images, weight + d * to_depth
            else:
                with k.loop(*taps, unroll=1) as c, k.loop(weights.depth, unroll=1) as d:
                    yield (
                        from_line + (c * (wide.apart * source.pitch) + d) * self.images,
                        weight + (c * (wide.tap_step * to_tap) + d * to_depth),
                    )

    def _activate(self, line: _Line, curve: Activation) -> None:
        """Over the finished segment."""
        k, (wide,) = self.k, self.wide
        (first, last), inner = self._whole(line, wide), wide.interior
        front, behind = inner.start, wide.places - inner.stop + len(inner) % self.tile.places
        begin = first - front + _from(k, line.segment, 1) * front
        end = last + _from(k, line.segment, self.segments - 1) * behind
        with k.loop(begin, end, unroll=1) as i, k.loop(0, line.rows * self.images, k.lanes, unroll=1) as v:
            at = line.target + (i * (self.target.pitch * self.images) + v)
            k.store(curve.value(k.vector(at)), at)


def _from(k: Kernel, index: Index, bound: int) -> Index:
    """1 from the bound on, before it 0."""
    return k.index((index >= bound).to(I64)) if isinstance(index, Int) else int(index >= bound)
