"""Local response normalisation within maps, in either layout: y = x u^-beta with u = k + alpha S, where S is
the sum of x^2 over a window of the same map; it reaches as far to both sides, so that the way back has the
same windows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.mathematics import power
from kitnet.kernels.response_norm import Response
from kitnet.kernels.sliding import Axes, axes, window_sums
from kitnet.kernels.spec import Batch, Volume, Window, lanewise
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import Place, Vectors, each_tile, each_vector, over, place_offset, put, share


def response_within(
    name: str,
    cpu: Cpu,
    batch: Batch,
    norm: Response,
    window: Window,
    x: Volume,
    y: Volume,
    shares: Volume | None = None,
    d: Volume | None = None,
    blocks: int = 1,
) -> Kernel:
    """x, perhaps d -> y, where S is the sum of x^2 or of d^2, and with the volume `shares` 1 / u, for the way
    back. Rows are cut into blocks.
    """
    batch, (x, y, shares_or_y, d_or_x) = lanewise(batch, x, y, shares or y, d or x)
    slides = axes(window, x, y)
    given = {"x": x.type, **({} if d is None else {"d": F32}), "y": y.type}
    k = over(name, cpu, batch, blocks, **given, **({} if shares is None else {"shares": F32}))
    px, *_, py = k.pointers[: len(given)]
    kept = k.pointers[len(given) :]

    def write(group: Index, position: Place, vectors: Vectors, sums: list[Value]) -> None:
        at_x, at_y, at_share = (
            group * volume.group_stride(batch) + place_offset(volume, batch, position)
            for volume in (x, y, shares_or_y)
        )
        for total, (_, v) in zip(sums, vectors, strict=True):
            share = norm.share(total)
            for pointer in kept:
                k.store(share, pointer, at_share + v)
            k.store(k.vector(px, at_x + v) * power(share, norm.beta), py, at_y + v)

    each_sum(k, batch, slides, d_or_x, k.pointers[len(given) - 2], lambda value: value * value, write)
    return k


def response_sent(
    name: str,
    cpu: Cpu,
    batch: Batch,
    norm: Response,
    x: Volume,
    shares: Volume,
    dy: Volume,
    blocks: int = 1,
) -> Kernel:
    """x, shares, dy -> sent = dy x u^(-beta - 1), which all numbers of a window get of each, a volume like
    shares. Positions are cut into blocks.
    """
    batch, (x, shares, dy) = lanewise(batch, x, shares, dy)
    k = over(name, cpu, batch, blocks, x=x.type, shares=F32, dy=dy.type, sent=F32)
    px, kept, pdy, sent = k.pointers

    def body(at_x: Index, at_share: Index, at_dy: Index) -> None:
        share = k.vector(kept, at_share)
        value = k.vector(pdy, at_dy) * power(share, norm.beta) * k.vector(px, at_x) * share
        k.store(value, sent, at_share)

    each_vector(k, batch, [x, shares, dy], body)
    return k


def response_within_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    norm: Response,
    window: Window,
    x: Volume,
    shares: Volume,
    dy: Volume,
    dx: Volume,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """x, shares, dy, sent -> dx = dy u^-beta - 2 alpha beta x (the sum of `sent` over the window). dx may be
    dy. Rows are cut into blocks.
    """
    batch, (x, shares, dy, dx) = lanewise(batch, x, shares, dy, dx)
    slides = axes(window, shares, x)
    k = over(name, cpu, batch, blocks, x=x.type, shares=F32, dy=dy.type, sent=F32, dx=dx.type)
    px, kept, pdy, sent, pdx = k.pointers

    def write(group: Index, position: Place, vectors: Vectors, sums: list[Value]) -> None:
        at_x, at_share, at_dy, at_dx = (
            group * volume.group_stride(batch) + place_offset(volume, batch, position)
            for volume in (x, shares, dy, dx)
        )
        for total, (_, v) in zip(sums, vectors, strict=True):
            straight = k.vector(pdy, at_dy + v) * power(k.vector(kept, at_share + v), norm.beta)
            through = k.vector(px, at_x + v) * (-2 * norm.alpha * norm.beta)
            put(k, k.fma(through, total, straight), pdx, at_dx + v, accumulate)

    each_sum(k, batch, slides, shares, sent, lambda value: value, write)
    return k


def each_sum(
    k: Kernel,
    batch: Batch,
    slides: Axes,
    x: Volume,
    source: Pointer,
    of: Callable[[Value], Value],
    write: Callable[[Index, Place, Vectors, list[Value]], None],
) -> None:
    """`write(group, position, vectors, sums)` with the sum of each window, for all vectors. The columns of a
    row's windows are added up first, and then along the row, whose ends have room for what lies beyond.
    """
    depth, height, width = x.sizes
    reach, size = min(slides[2].before, width - 1), x.channels * batch.images
    columns = k.scratch(F32, (width + 2 * reach) * size)
    for first in (0, reach + width):
        with k.loop(first * size, (first + reach) * size, k.lanes) as v:
            k.store(k.zero(), columns, v)
    upright = slides[0], slides[1], replace(slides[2], window=1, before=0, after=0)
    group, begin, end = share(k, batch, depth * height)
    with k.loop(begin, end) as row:
        d, h = divmod(row, height) if depth > 1 else (0, row)

        def together(total: Value, value: Value) -> Value:
            return total + of(value)

        def add(w: Index, vectors: Vectors) -> None:
            sums = window_sums(k, batch, upright, x, source, group, (d, h, w), vectors, together)
            for total, (_, v) in zip(sums, vectors, strict=True):
                k.store(total, columns, (w + reach) * size + v)

        def finish(w: Index, vectors: Vectors) -> None:
            sums = [k.register(k.zero()) for _ in vectors]
            with k.loop(2 * reach + 1) as column:
                for total, (_, v) in zip(sums, vectors, strict=True):
                    total.set(total.get() + k.vector(columns, (w + column) * size + v))
            write(group, (d, h, w), vectors, [total.get() for total in sums])

        for step in (add, finish):
            with k.loop(width) as w:
                each_tile(k, batch, x.channels, partial(step, w))
