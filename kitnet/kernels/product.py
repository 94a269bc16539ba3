"""Products of values, number by number, in either layout. An operand of one position is read at every
position of the others: one number a map.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume, lanewise
from kitnet.kernels.types import F32, Type
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import over, put, share

_UNROLLED = 4  # of a loop that does little


def multiply(
    name: str,
    cpu: Cpu,
    batch: Batch,
    xs: Sequence[Volume],
    y: Volume,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """x0, x1, ... -> y = x0 * x1 * ..., from left to right. Positions of y are cut into blocks."""
    batch, (*xs, y) = lanewise(batch, *xs, y)
    k = over(name, cpu, batch, blocks, **_named(xs), y=y.type)
    *factors, py = k.pointers
    group, first, last = share(k, batch, y.positions)
    with k.loop(first, last) as position:
        *at, out = (_row(batch, volume, group, position) for volume in (*xs, y))
        with k.loop(0, y.channels * batch.images, k.lanes, _UNROLLED) as i:
            put(k, _product(k, factors, [row + i for row in at]), py, out + i, accumulate)
    return k


def sum_of_products(
    name: str,
    cpu: Cpu,
    batch: Batch,
    xs: Sequence[Volume],
    y: Volume,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """x0, x1, ... -> y, of one position: the sum of x0 * x1 * ... over all positions. Vectors of a position
    are cut into blocks, so that they change no sum.
    """
    batch, (*xs, y) = lanewise(batch, *xs, y)
    k = over(name, cpu, batch, blocks, **_named(xs), y=y.type)
    *factors, py = k.pointers
    vectors = y.channels * batch.images // k.lanes
    sums = k.scratch(F32, y.channels * batch.images)
    group, first, last = share(k, batch, vectors)

    def each(body: Callable[[Index], None]) -> None:
        with k.loop(first * k.lanes, last * k.lanes, k.lanes, _UNROLLED) as i:
            body(i)

    each(lambda i: k.store(k.zero(), sums, i))
    with k.loop(max(x.positions for x in xs)) as position:
        at = [_row(batch, volume, group, position) for volume in xs]
        each(lambda i: put(k, _product(k, factors, [row + i for row in at]), sums, i, accumulate=True))
    out = _row(batch, y, group, 0)
    each(lambda i: put(k, k.vector(sums, i), py, out + i, accumulate))
    return k


def _named(xs: Sequence[Volume]) -> dict[str, Type]:
    return {f"x{i}": x.type for i, x in enumerate(xs)}


def _row(batch: Batch, volume: Volume, group: Index, position: Index) -> Index:
    """Where the numbers of a position begin, or of the only one."""
    start = group * volume.group_stride(batch)
    return start + position * (volume.pitch * batch.images) if volume.positions > 1 else start


def _product(k: Kernel, factors: Sequence[Pointer], at: Sequence[Index]) -> Value:
    return math.prod(
        (k.vector(pointer, i) for pointer, i in zip(factors[1:], at[1:], strict=True)),
        start=k.vector(factors[0], at[0]),
    )
