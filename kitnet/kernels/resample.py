"""Padding and upsampling, forward and back, in either layout: along each axis a number of y is a sum of
shares of numbers of x, which tables name.

The table of an axis is three arrays: where the sources of each place of y begin, the sources, and their
shares.
"""

from __future__ import annotations

from contextlib import ExitStack

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume, lanewise
from kitnet.kernels.types import F32, I32, Type
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import Vectors, each_position, each_tile, over, place_offset, put

TABLE: dict[str, Type] = {"starts": I32, "sources": I32, "shares": F32}


def resample(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    y: Volume,
    tables: tuple[int, ...],
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """x and, for each axis in `tables`, its table (starts0, sources0, shares0, ...) -> y; along the other
    axes x is taken as it is. Rows of y are cut into blocks.
    """
    batch, (x, y) = lanewise(batch, x, y)
    given = {f"{what}{axis}": type for axis in tables for what, type in TABLE.items()}
    k = over(name, cpu, batch, blocks, x=x.type, **given, y=y.type)
    px, *pointers, py = k.pointers
    table = {axis: tuple(pointers[3 * i : 3 * i + 3]) for i, axis in enumerate(tables)}
    with each_position(k, batch, y.sizes) as (group, place):
        source = px + group * x.group_stride(batch)
        out = group * y.group_stride(batch) + place_offset(y, batch, place)

        def tile(vectors: Vectors) -> None:
            sums = [k.register(k.zero()) for _ in vectors]
            with ExitStack() as loops:
                where, share = list(place), None
                for axis, pointers in table.items():
                    where[axis], own = _term(k, loops, pointers, place[axis])
                    share = own if share is None else share * own
                here = source + place_offset(x, batch, (where[0], where[1], where[2]))
                for total, (_, v) in zip(sums, vectors, strict=True):
                    value = k.vector(here, v)
                    total.set(value + total.get() if share is None else k.fma(share, value, total.get()))
            for total, (_, v) in zip(sums, vectors, strict=True):
                put(k, total.get(), py, out + v, accumulate)

        each_tile(k, batch, y.channels, tile)
    return k


def _term(k: Kernel, loops: ExitStack, table: tuple[Pointer, ...], place: Index) -> tuple[Index, Value]:
    """The loop over the sources of a place: the source, and its share."""
    starts, sources, shares = table
    first, end = (k.index(k.scalar(starts, place + i)) for i in range(2))
    n = loops.enter_context(k.loop(first, end, unroll=1))
    return k.index(k.scalar(sources, n)), k.scalar(shares, n)
