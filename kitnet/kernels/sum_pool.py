"""Pools made of sums over windows, in either layout: the sum, the mean, the sum of squares, and its root."""

from __future__ import annotations

import math
import operator
from typing import Literal

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.sliding import Axes, PerTap, axes, send_back, tap_place, taps_seen, window_sums
from kitnet.kernels.spec import Batch, Volume, Window, lanewise
from kitnet.kernels.values import Index, Value
from kitnet.kernels.walk import Place, Vectors, each_position, each_tile, over, place_offset

Kind = Literal["sum", "mean", "padded_mean", "square", "l2"]  # padded_mean: padding counts, too
_OF_SQUARES = "square", "l2"


def sum_pool(
    name: str, cpu: Cpu, batch: Batch, window: Window, x: Volume, y: Volume, blocks: int = 1, *, kind: Kind
) -> Kernel:
    """x -> y. Rows of y are cut into blocks."""
    batch, (x, y) = lanewise(batch, x, y)
    slides = axes(window, x, y)
    k = over(name, cpu, batch, blocks, x=x.type, y=y.type)
    px, py = k.pointers

    def square_added(total: Value, value: Value) -> Value:
        return k.fma(value, value, total)

    with each_position(k, batch, y.sizes) as (group, position):
        out = group * y.group_stride(batch) + place_offset(y, batch, position)
        share = _share(k, kind, slides, position)

        def tile(vectors: Vectors) -> None:
            add = square_added if kind in _OF_SQUARES else operator.add
            sums = window_sums(k, batch, slides, x, px, group, position, vectors, add)
            for total, (_, v) in zip(sums, vectors, strict=True):
                value = total if share is None else total * share
                k.store(k.sqrt(value) if kind == "l2" else value, py, out + v)

        each_tile(k, batch, y.channels, tile)
    return k


def sum_pool_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    window: Window,
    dy: Volume,
    dx: Volume,
    accumulate: bool = False,
    blocks: int = 1,
    *,
    kind: Kind,
    x: Volume | None = None,
    y: Volume | None = None,
) -> Kernel:
    """dy -> dx: every place of a window gets dy, or its share of it. Of squares also x -> dx, each place gets
    2 x dy; of the L2 norm x, y -> dx, it gets x dy / y, or 0 where y is 0.

    Rows of dx (of dy where windows lie side by side) are cut into blocks.
    """
    batch, (dy, dx, x, y) = lanewise(batch, dy, dx, x or dx, y or dy)
    slides = axes(window, dx, dy)
    more = {"square": {"x": x.type}, "l2": {"x": x.type, "y": y.type}}.get(kind, {})
    k = over(name, cpu, batch, blocks, dy=dy.type, dx=dx.type, **more)
    pointers = dict(zip(k.arguments, k.pointers, strict=True))

    def sends(group: Index, position: Place, vectors: Vectors) -> PerTap:
        def read(name: str, volume: Volume, place: Place) -> list[Value]:
            at = group * volume.group_stride(batch) + place_offset(volume, batch, place)
            return [k.vector(pointers[name], at + v) for _, v in vectors]

        values, share = read("dy", dy, position), _share(k, kind, slides, position)
        if share is not None:
            values = [value * share for value in values]
        if kind == "square":
            values = [value + value for value in values]
        elif kind == "l2":
            pairs = zip(values, read("y", y, position), strict=True)
            values = [k.select(norm > 0.0, value / norm, 0.0) for value, norm in pairs]
        if kind not in _OF_SQUARES:
            return lambda tap: values

        def to(tap: Place) -> list[Value]:
            seen = read("x", x, tap_place(slides, position, tap))
            return [each * value for each, value in zip(seen, values, strict=True)]

        return to

    send_back(k, batch, slides, dx, pointers["dx"], accumulate, sends)
    return k


def _share(k: Kernel, kind: Kind, slides: Axes, position: Place) -> Value | None:
    """Of a mean: one divided by the number of taps that it is over, in every lane."""
    if kind == "padded_mean":
        return k.constant(1.0 / math.prod(axis.window for axis in slides))
    return k.spread(1.0 / taps_seen(k, slides, position), k.lanes) if kind == "mean" else None
