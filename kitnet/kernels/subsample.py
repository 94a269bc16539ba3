"""LeNet's trainable subsampling in either layout: y = coefficient * (sum over the window) + bias,
one of each a map, and an activation behind it if wanted.
"""

from __future__ import annotations

from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.sliding import Axes, PerTap, axes, send_back, window_sums
from kitnet.kernels.spec import Batch, Volume, Window, lanewise
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Pointer
from kitnet.kernels.walk import Place, Vectors, each_position, each_tile, lower, over, place_offset, put


def subsample(
    name: str,
    cpu: Cpu,
    batch: Batch,
    window: Window,
    x: Volume,
    y: Volume,
    activation: Activation | None = None,
    blocks: int = 1,
) -> Kernel:
    """x, coefficient (channels), bias (channels) -> y. Rows of y are cut into blocks."""
    channels, in_lanes = x.channels, x.lanes == "channels"
    batch, (x, y) = lanewise(batch, x, y)
    slides = axes(window, x, y)
    k = over(name, cpu, batch, blocks, x=x.type, coefficient=F32, bias=F32, y=y.type)
    px, coefficient, bias, py = k.pointers
    with each_position(k, batch, y.sizes) as (group, position):
        out = group * y.group_stride(batch) + place_offset(y, batch, position)

        def tile(vectors: Vectors) -> None:
            sums = window_sums(k, batch, slides, x, px, group, position, vectors)
            for total, (c, v) in zip(sums, vectors, strict=True):
                if in_lanes:
                    count = lower(channels - v, k.lanes)
                    slope, level = (k.vector(each, v, count) for each in (coefficient, bias))
                else:
                    slope, level = k.splat(coefficient, c), k.splat(bias, c)
                value = k.fma(slope, total, level)
                k.store(activation.value(value) if activation else value, py, out + v)

        each_tile(k, batch, y.channels, tile)
    return k


def subsample_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    window: Window,
    x: Volume,
    dy: Volume,
    dx: Volume,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """x, dy, coefficient -> dx, and partial (tasks, 2, channels): each task's part of the gradients of
    coefficients and of biases, for `reduce` to add up.

    Rows of dy, and then of dx where windows do not lie side by side, are cut into blocks.
    """
    slides = axes(window, x, dy)
    k = over(name, cpu, batch, blocks, x=x.type, dy=dy.type, coefficient=F32, dx=dx.type, partial=F32)
    px, pdy, coefficient, pdx, partial = k.pointers
    _parameters(k, batch, slides, x, dy, px, pdy, partial)

    def sends(group: Index, position: Place, vectors: Vectors) -> PerTap:
        here = group * dy.group_stride(batch) + place_offset(dy, batch, position)
        values = [k.splat(coefficient, c) * k.vector(pdy, here + v) for c, v in vectors]
        return lambda tap: values

    send_back(k, batch, slides, dx, pdx, accumulate, sends)
    return k


def _parameters(
    k: Kernel, batch: Batch, slides: Axes, x: Volume, dy: Volume, px: Pointer, pdy: Pointer, partial: Pointer
) -> None:
    """The gradients of coefficients and biases. Every lane has sums of its own while positions go by; they
    are added across the lanes at the end.
    """
    size = dy.channels * batch.images
    of_coefficient, of_bias = sums = k.scratch(F32, size), k.scratch(F32, size)
    with k.loop(0, size, k.lanes) as v:
        for pointer in sums:
            k.store(k.zero(), pointer, v)
    with each_position(k, batch, dy.sizes) as (group, position):
        here = group * dy.group_stride(batch) + place_offset(dy, batch, position)

        def tile(vectors: Vectors) -> None:
            seen = window_sums(k, batch, slides, x, px, group, position, vectors)
            for total, (_, v) in zip(seen, vectors, strict=True):
                d = k.vector(pdy, here + v)
                k.store(k.fma(d, total, k.vector(of_coefficient, v)), of_coefficient, v)
                put(k, d, of_bias, v, accumulate=True)

        each_tile(k, batch, dy.channels, tile)
    with k.loop(dy.channels) as c:
        for i, pointer in enumerate(sums):
            total = k.register(k.zero())
            with k.loop(0, batch.images, k.lanes) as v:
                total.set(total.get() + k.vector(pointer, c * batch.images + v))
            k.store(k.total(total.get()), partial, k.task * (2 * dy.channels) + i * dy.channels + c)
