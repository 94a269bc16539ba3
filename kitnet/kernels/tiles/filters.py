"""Filters as bf16 tiles of rows: 16 of them by 32 channels, in the order in which a product reads them."""

from __future__ import annotations

import math

from kitnet.base.precision import Precision
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel, once
from kitnet.kernels.tiles.unit import DEEP, SIDE, TILE, Unit, unit_of
from kitnet.kernels.tiling import cut
from kitnet.kernels.types import F32, U32
from kitnet.kernels.values import Index, Int, Pointer, Value


def size(taps: int, depth: int, rows: int, precision: Precision) -> int:
    """Elements of 4 bytes of the tiles of so many filters (rows)."""
    return -(-rows // SIDE) * taps * -(-depth // DEEP) * precision.parts * TILE


@once
def pack(
    name: str,
    cpu: Cpu,
    taps: int,
    depth: int,
    filters: int,
    precision: Precision,
    *,
    turned: bool = False,
    scaled: bool = False,
    tasks: int = 1,
) -> Kernel:
    """weight (taps, depth, filters) -> u (tiles of 16 filters, taps, blocks of 32 channels, parts, 16, 32),
    with zeros where there is no filter or channel. `scaled` filters are multiplied by their `factor`.

    `turned` is for the way back, where nothing is scaled: rows are channels, sums go over filters and taps
    from the last to the first.
    """
    rows, deep = (depth, filters) if turned else (filters, depth)
    tiles, steps = -(-rows // SIDE), -(-deep // DEEP)
    tasks = min(tasks, tiles)
    k = Kernel(name, cpu, tasks, weight=F32, **({"factor": F32} if scaled else {}), u=U32)
    source, *factors, target = k.pointers
    unit = unit_of(k)
    with (
        k.loop(*cut(tiles, k.task, tasks), unroll=1) as tile,
        k.loop(taps, unroll=1) as tap,
        k.loop(steps, unroll=1) as step,
    ):
        there = target + ((tile * taps + tap) * steps + step) * (precision.parts * TILE)
        here = source + (taps - 1 - tap if turned else tap) * (depth * filters)
        first = tile * SIDE, step * DEEP
        if turned:
            _turned(unit, here, there, first, depth, filters, precision.parts)
        else:
            _squares(unit, here, factors, there, first, depth, filters, precision.parts)
    return k


def _squares(
    unit: Unit,
    source: Pointer,
    factors: list[Pointer],
    target: Pointer,
    first: tuple[Index, Index],
    depth: int,
    filters: int,
    parts: int,
) -> None:
    """A tile of filters whose vectors lie along the filters: squares of pairs are transposed."""
    k = unit.k
    for f in range(0, SIDE, k.lanes):
        row = first[0] + f
        width = _left(filters, row, k.lanes)
        scales = [_some(k, factor, row, width) for factor in factors]
        for p in range(0, SIDE, k.lanes):
            pairs = []
            for i in range(k.lanes):
                low, high = (
                    math.prod(scales, start=_some(k, source, channel * filters + row, count))
                    for channel in (first[1] + 2 * (p + i), first[1] + (2 * (p + i) + 1))
                    for count in [width * _left(depth, channel, 1)]
                )
                pairs.append(unit.split(low, high, parts))
            for part, square in enumerate(zip(*pairs, strict=True)):
                for i, vector in enumerate(k.transpose(square)):
                    k.store(vector, target, part * TILE + (f + i) * SIDE + p)


def _turned(
    unit: Unit,
    source: Pointer,
    target: Pointer,
    first: tuple[Index, Index],
    depth: int,
    filters: int,
    parts: int,
) -> None:
    """A tile of channels whose vectors lie along the sum over filters: neighbours become pairs."""
    k = unit.k
    evens, odds = range(0, 2 * k.lanes, 2), range(1, 2 * k.lanes, 2)
    with k.loop(SIDE, unroll=1) as i:
        channel = first[0] + i
        there = _left(depth, channel, 1)
        for p in range(0, SIDE, k.lanes):
            one, other = (
                _some(k, source, channel * filters + filter, count)
                for filter in (first[1] + 2 * p, first[1] + (2 * p + k.lanes))
                for count in [there * _left(filters, filter, k.lanes)]
            )
            pairs = unit.split(k.shuffle(one, other, evens), k.shuffle(one, other, odds), parts)
            for part, vector in enumerate(pairs):
                k.store(vector, target, i * SIDE + (part * TILE + p))


def _some(k: Kernel, pointer: Pointer, offset: Index, count: Index) -> Value:
    """The first so many elements of a vector, and zeros; there may be none."""
    return k.zero() if isinstance(count, int) and not count else k.vector(pointer, offset, count)


def _left(of: int, here: Index, most: int) -> Index:
    """How many of so many there are from here on, 0 to `most`."""
    if isinstance(here, Int):
        return (of - here).at_most(most).at_least(0)
    return max(0, min(of - here, most))
