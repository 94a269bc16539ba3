"""Convolution with the batch in the lanes: forward, and back to the input.

Both passes gather. Every place of the target gets, for every row, a sum over the taps t of its window and
a depth d:

    target[p, row] = beginning + sum over t, d of  source[p * step + start + t * apart, d] * weight[t, row, d]

Forward the rows are filters and the depth is the input's channels. Back to the input it is the other way
round, the taps are walked towards lower places, and a stride sorts the places into phases: those with the
same remainder have the same taps, so each phase is a dense sum of its own. `Reach` writes this down for
one axis.

A tile is some rows times some columns, a column being one vector of images at one place. Each step of the
sum loads a vector for each column and a weight for each row, and multiplies all with all. Weights are
read where they lie, and a line of taps whose channels lie side by side is one run. Padding is never read:
places at the rim walk only the taps that fall on the source.

A sum has one accumulator and takes its terms in the order of the loops, whatever the tile: how the work
is cut changes no bit.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kitnet.kernels.activation import ACTIVATIONS
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import F32, I64, Index, Int, Kernel, Pointer, Value
from kitnet.kernels.spec import Batch, Triple, Volume, Window
from kitnet.kernels.tiling import EACH_BODY, Reach, Shares, cost, cut, fits, shares_of
from kitnet.kernels.walk import over

Beginning = Callable[[Index, Pointer], Value]  # of a sum, by its row and its place in the target


def forward(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    y: Volume,
    window: Window,
    *,
    groups: int = 1,
    bias: bool = True,
    activation: str | None = None,
    blocks: int = 1,
) -> Kernel:
    """y = activation(bias + correlation of x and weight). `bias=False` leaves that pointer unread.

    The work on each group of the batch is cut into at most so many blocks: tasks = groups of the batch *
    blocks.
    """
    reaches = [
        [Reach(size, places, taps, stride, -before, dilation)]
        for size, places, taps, stride, dilation, before in zip(
            x.sizes, y.sizes, window.size, window.stride, window.dilation, window.before, strict=True
        )
    ]
    weights = _Weights(window.size, groups, y.channels // groups, x.channels // groups, 1, y.channels)
    work = _Gather(cpu, batch, x, y, weights, reaches, blocks)
    k = over(name, cpu, batch, work.blocks, x=F32, weight=F32, bias=F32, y=F32)
    source, weight, biases, target = k.pointers

    def beginning(row: Index, place: Pointer) -> Value:
        return k.splat(biases, row) if bias else k.zero()

    work.write(k, source, weight, target, beginning, activation)
    return k


def input_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    dy: Volume,
    dx: Volume,
    window: Window,
    *,
    groups: int = 1,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """dx = full convolution of dy and weight, 0 where no window looked; with `accumulate` added to what
    dx holds. Blocks as in `forward`.
    """
    reaches = [
        list(_phases(size, places, taps, stride, dilation, before))
        for size, places, taps, stride, dilation, before in zip(
            dy.sizes, dx.sizes, window.size, window.stride, window.dilation, window.before, strict=True
        )
    ]
    weights = _Weights(window.size, groups, dx.channels // groups, dy.channels // groups, dy.channels, 1)
    work = _Gather(cpu, batch, dy, dx, weights, reaches, blocks)
    k = over(name, cpu, batch, work.blocks, dy=F32, weight=F32, dx=F32)
    source, weight, target = k.pointers

    def beginning(row: Index, place: Pointer) -> Value:
        return k.vector(place) if accumulate else k.zero()

    work.write(k, source, weight, target, beginning)
    return k


def _phases(size: int, places: int, taps: int, stride: int, dilation: int, before: int) -> Iterator[Reach]:
    """The input's places along one axis, by their remainder against the stride: place p takes from the
    output's place (p + before - dilation * tap) / stride, for those taps where that is a whole number.
    """
    common = math.gcd(stride, dilation)
    for first in range(min(stride, places)):
        own = [tap for tap in range(taps) if (first + before - dilation * tap) % stride == 0]
        tap = own[0] if own else 0
        start = (first + before - dilation * tap) // stride
        count = -(-(places - first) // stride)
        yield Reach(
            size, count, len(own), 1, start, -dilation // common, first, stride, tap, stride // common
        )


@dataclass(frozen=True)
class _Weights:
    """kitnet's weights (taps, input channels of a group, filters) as a pass sees them: in each of
    `groups` so many rows and so much depth, with the elements from one row, and from one depth, to the
    next.
    """

    window: Triple
    groups: int
    rows: int
    depth: int
    to_row: int
    to_depth: int

    @property
    def to_tap(self) -> int:
        return self.groups * self.rows * self.depth

    @property
    def to_group(self) -> int:
        """Of the filters, which are those with a step of one."""
        return self.rows if self.to_row == 1 else self.depth


@dataclass(frozen=True)
class _Tile:
    """How much is summed at once: shares of the rows, places, and vectors of each place."""

    rows: Shares
    places: int
    vectors: int


def _tile(cpu: Cpu, rows: int, vectors: int, wide: list[Reach]) -> _Tile:
    """The quickest tile for lines of places."""
    best, least = _Tile(Shares(rows, rows), 1, 1), math.inf
    for width in (v for v in range(1, vectors + 1) if vectors % v == 0):
        for places, shares in itertools.product(range(1, 9), shares_of(rows, cpu.registers)):
            if not fits(cpu, shares.most, places * width):
                continue
            cycles, bodies = 0.0, 0
            for reach in wide:
                whole, rest = divmod(len(reach.interior), places)
                rim = reach.places - len(reach.interior)
                for size, times in shares.sizes().items():
                    parts = (whole, places), (rest > 0, rest), (rim, 1)
                    cycles += times * sum(count * cost(size, each * width) for count, each in parts)
                    bodies += sum(count > 0 for count, _ in parts)
            cycles *= vectors // width * (1 + EACH_BODY * bodies)
            if cycles < least:
                best, least = _Tile(shares, places, width), cycles
    return best


@dataclass(frozen=True)
class _Line:
    """What stays the same along a line of places: where it is, its rows, and the addresses where the
    source's group of channels, the rows' weights and the rows of the line's place 0 begin.
    """

    deep: Reach
    high: Reach
    z: Index
    y: Index
    rows: int
    row: Index
    source: Pointer
    weight: Pointer
    target: Pointer


class _Gather:
    """A pass cut into tasks; `write` puts it into a kernel."""

    def __init__(
        self,
        cpu: Cpu,
        batch: Batch,
        source: Volume,
        target: Volume,
        weights: _Weights,
        reaches: list[list[Reach]],
        blocks: int,
    ) -> None:
        self.images, self.source, self.target, self.weights = batch.images, source, target, weights
        self.deep, self.high, self.wide = reaches
        self.tile = _tile(cpu, weights.rows, batch.images // cpu.lanes, self.wide)
        self.tiles = weights.groups * self.tile.rows.count
        lines = max(reach.places for reach in self.deep) * max(reach.places for reach in self.high)
        self.blocks = min(blocks, lines * self.tiles)
        self.source_stride, self.target_stride = source.group_stride(batch), target.group_stride(batch)

    def write(
        self,
        k: Kernel,
        source: Pointer,
        weight: Pointer,
        target: Pointer,
        beginning: Beginning,
        activation: str | None = None,
    ) -> None:
        """A block is a run of items, each a line of places for one tile of rows; tiles of a line come
        together.
        """
        self.k, self.beginning, self.activation = k, beginning, activation
        shares, weights = self.tile.rows, self.weights
        batch, block = divmod(k.task, self.blocks)
        source += batch * self.source_stride
        target += batch * self.target_stride
        for deep, high in itertools.product(self.deep, self.high):
            with k.loop(*cut(deep.places * high.places * self.tiles, block, self.blocks), unroll=1) as item:
                line, tile = divmod(item, self.tiles)
                z, y = divmod(line, high.places)
                group, share = divmod(tile, shares.count)
                first = shares.start(share)
                row = group * weights.rows + first
                place = (z * deep.every + deep.first) * self.target.sizes[1] + y * high.every + high.first
                channels = source + group * (weights.depth * self.images)
                own = weight + (group * weights.to_group + first * weights.to_row)
                out = target + (place * (self.target.sizes[2] * self.target.pitch) + row) * self.images
                for rows, chosen in shares.kinds(share):
                    with k.when(chosen):
                        self._line(_Line(deep, high, z, y, rows, row, channels, own, out))

    def _line(self, line: _Line) -> None:
        """The interior in tiles, then what they leave over, then the rim place by place."""
        k, step = self.k, self.tile.places
        for wide in self.wide:
            inner, all_taps = wide.interior, (0, wide.taps)
            rest = len(inner) % step
            if len(inner) >= step:
                with k.loop(inner.start, inner.stop - rest, step, unroll=1) as i:
                    self._sums(line, wide, i, step, all_taps)
            if rest:
                self._sums(line, wide, inner.stop - rest, rest, all_taps)
            if wide.padded:
                with k.loop(wide.places - len(inner), unroll=1) as rim:
                    i = rim + _from(k, rim, inner.start) * len(inner)  # past the interior
                    self._sums(line, wide, i, 1, wide.taps_at(i))
        if self.activation and self.activation != "relu":
            self._activate(line)

    def _sums(self, line: _Line, wide: Reach, i: Index, places: int, taps: tuple[Index, Index]) -> None:
        """One tile: the line's rows at so many places, from place i on."""
        k, images, width, rows = self.k, self.images, self.tile.vectors, range(line.rows)
        from_place, to_place = self.source.pitch * images, self.target.pitch * images
        columns = [(place, v * k.lanes) for place in range(places) for v in range(width)]
        with k.loop(0, images, width * k.lanes, unroll=1) as some:
            out = line.target + ((i * wide.every + wide.first) * to_place + some)
            outs = [
                [out + (p * wide.every * to_place + row * images + v) for p, v in columns] for row in rows
            ]
            sums = [[k.register(self.beginning(line.row + row, each)) for each in outs[row]] for row in rows]
            with self._terms(line, wide, taps) as (source, weight):
                at = source + ((i * wide.step + wide.start) * from_place + some)
                vectors = [k.vector(at, p * wide.step * from_place + v) for p, v in columns]
                for row in rows:
                    scalar = k.splat(weight, row * self.weights.to_row)
                    for each, vector in zip(sums[row], vectors, strict=True):
                        each.set(k.fma(scalar, vector, each.get()))
            for each, place in zip(itertools.chain(*sums), itertools.chain(*outs), strict=True):
                k.store(k.max(each.get(), 0.0) if self.activation == "relu" else each.get(), place)

    @contextmanager
    def _terms(
        self, line: _Line, wide: Reach, taps: tuple[Index, Index]
    ) -> Iterator[tuple[Pointer, Pointer]]:
        """The loops over taps and depth: where the source would be read for place 0, and the first row's
        weight.
        """
        k, deep, high, weights, source = self.k, line.deep, line.high, self.weights, self.source
        one_run = (
            wide.apart == wide.tap_step == weights.groups == 1
            and weights.depth == source.pitch
            and weights.depth * weights.to_depth == weights.to_tap
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
            weight = line.weight + (plane * weights.window[2] + wide.tap) * weights.to_tap
            if one_run:
                first, last = (tap * weights.depth for tap in taps)
                with k.loop(first, last, unroll=1) as d:
                    yield from_line + d * self.images, weight + d * weights.to_depth
            else:
                with k.loop(*taps, unroll=1) as c, k.loop(weights.depth, unroll=1) as d:
                    yield (
                        from_line + (c * (wide.apart * source.pitch) + d) * self.images,
                        weight + (c * (wide.tap_step * weights.to_tap) + d * weights.to_depth),
                    )

    def _activate(self, line: _Line) -> None:
        """A curve takes tens of instructions, too many for every sum of a tile: once over the finished
        line.
        """
        k, (wide,), curve = self.k, self.wide, ACTIVATIONS[self.activation or ""].value
        with (
            k.loop(wide.places, unroll=1) as i,
            k.loop(0, line.rows * self.images, k.lanes, unroll=1) as v,
        ):
            at = line.target + (i * (self.target.pitch * self.images) + v)
            k.store(curve(k.vector(at)), at)


def _from(k: Kernel, index: Index, bound: int) -> Index:
    """1 from the bound on, before it 0."""
    return k.index((index >= bound).to(I64)) if isinstance(index, Int) else int(index >= bound)
