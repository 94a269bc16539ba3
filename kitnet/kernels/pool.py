"""Max pooling in either layout: each output vector is the largest of those that its window sees."""

from __future__ import annotations

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.sliding import (
    Axes,
    PerTap,
    axes,
    each,
    send_back,
    tap_number,
    tap_place,
    taps_inside,
)
from kitnet.kernels.spec import Batch, Volume, Window, lanewise
from kitnet.kernels.types import I32, U8, Type
from kitnet.kernels.values import Index, Value
from kitnet.kernels.walk import Place, Vectors, each_position, each_tile, over, place_offset


def switch_type(window: Window) -> Type:
    """Of the winning taps' numbers, and one more for none."""
    return U8 if window.taps < 256 else I32


def max_pool(
    name: str,
    cpu: Cpu,
    batch: Batch,
    window: Window,
    x: Volume,
    y: Volume,
    switches: bool = True,
    blocks: int = 1,
    rectified: bool = False,
) -> Kernel:
    """x -> y and, with `switches`, a dense volume of y's shape: the number of the tap that won. Padding never
    wins, of equal values the first does, and so does the first NaN. Rows of y are cut into blocks.

    `rectified` says that a ReLU made x, through which the way back leads as well: where y is not above zero
    the switch is the number of no tap. The winner's value is y, so x is needed no more.
    """
    batch, (x, y) = lanewise(batch, x, y)
    slides = axes(window, x, y)
    kept = {"switches": switch_type(window)} if switches else {}
    k = over(name, cpu, batch, blocks, x=x.type, y=y.type, **kept)
    (px, py, *pointers), dense = k.pointers, y.dense
    with each_position(k, batch, y.sizes) as (group, position):
        source = px + group * x.group_stride(batch)
        out = group * y.group_stride(batch) + place_offset(y, batch, position)
        switch = group * dense.group_stride(batch) + place_offset(dense, batch, position)
        bounds = [taps_inside(a, p) for a, p in zip(slides, position, strict=True)]
        first: Place = bounds[0][0], bounds[1][0], bounds[2][0]

        def tile(vectors: Vectors) -> None:
            def seen(tap: Place) -> list[Value]:
                start = source + place_offset(x, batch, tap_place(slides, position, tap))
                return [k.vector(start, v) for _, v in vectors]

            best = [k.register(value) for value in seen(first)]
            winners = [k.register(_number(k, slides, first)) for _ in vectors]

            def compare(tap: Place) -> None:
                if tap == first:
                    return
                number = _number(k, slides, tap)
                for value, top, winner in zip(seen(tap), best, winners, strict=True):
                    old = top.get()
                    if not switches:
                        top.set(k.max(old, value))
                        continue
                    wins = ~(value <= old) & ~old.is_nan()  # greater, or the first NaN
                    top.set(k.select(wins, value, old))
                    winner.set(k.select(wins, number, winner.get()))

            each(k, bounds, compare)
            for top, winner, (_, v) in zip(best, winners, vectors, strict=True):
                k.store(top.get(), py, out + v)
                if rectified:
                    winner.set(k.select(top.get() > 0.0, winner.get(), k.constant(window.taps, I32)))
                for pointer in pointers:
                    k.store(winner.get().to(pointer.type), pointer, switch + v)

        each_tile(k, batch, y.channels, tile)
    return k


def _number(k: Kernel, slides: Axes, tap: Place) -> Value:
    """A tap's number in every lane."""
    number = tap_number(slides, tap)
    return k.constant(number, I32) if isinstance(number, int) else k.spread(number.value.to(I32), k.lanes)


def max_pool_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    window: Window,
    dy: Volume,
    dx: Volume,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """switches, dy -> dx: each dy goes to the place that won. Rows of dx (of dy where windows lie side by
    side) are cut into blocks.
    """
    batch, (dy, dx) = lanewise(batch, dy, dx)
    slides = axes(window, dx, dy)
    k = over(name, cpu, batch, blocks, switches=switch_type(window), dy=dy.type, dx=dx.type)
    switches, source, target = k.pointers
    dense = dy.dense

    def sends(group: Index, position: Place, vectors: Vectors) -> PerTap:
        here = group * dy.group_stride(batch) + place_offset(dy, batch, position)
        switch = group * dense.group_stride(batch) + place_offset(dense, batch, position)
        values = [k.vector(source, here + v) for _, v in vectors]
        winners = [k.vector(switches, switch + v).to(I32) for _, v in vectors]

        def to(tap: Place) -> list[Value]:
            number = _number(k, slides, tap)
            return [
                k.select(winner.equals(number), value, 0.0)
                for winner, value in zip(winners, values, strict=True)
            ]

        return to

    send_back(k, batch, slides, dx, target, accumulate, sends)
    return k
