"""Local response normalisation within maps, in either layout: y = x u^-beta with u = k + alpha S, where S is
the sum of x^2 over a window of the same map; it reaches as far to both sides, so that the way back has the
same windows.
"""

from __future__ import annotations

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.mathematics import power
from kitnet.kernels.response_norm import Response
from kitnet.kernels.sliding import axes, window_sums
from kitnet.kernels.spec import Batch, Volume, Window, lanewise
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index
from kitnet.kernels.walk import Vectors, each_position, each_tile, each_vector, over, place_offset, put


def response_within(
    name: str,
    cpu: Cpu,
    batch: Batch,
    norm: Response,
    window: Window,
    x: Volume,
    y: Volume,
    shares: Volume | None = None,
    blocks: int = 1,
) -> Kernel:
    """x -> y, and with the volume `shares` 1 / u, for the way back. Rows are cut into blocks."""
    batch, (x, y, shares_or_y) = lanewise(batch, x, y, shares or y)
    slides = axes(window, x, y)
    k = over(name, cpu, batch, blocks, x=x.type, y=y.type, **({} if shares is None else {"shares": F32}))
    px, py, *kept = k.pointers
    with each_position(k, batch, x.sizes) as (group, position):
        at_x, at_y, at_share = (
            group * volume.group_stride(batch) + place_offset(volume, batch, position)
            for volume in (x, y, shares_or_y)
        )

        def tile(vectors: Vectors) -> None:
            sums = window_sums(k, batch, slides, x, px, group, position, vectors, lambda value: value * value)
            for total, (_, v) in zip(sums, vectors, strict=True):
                share = norm.share(total)
                for pointer in kept:
                    k.store(share, pointer, at_share + v)
                k.store(k.vector(px, at_x + v) * power(share, norm.beta), py, at_y + v)

        each_tile(k, batch, x.channels, tile)
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
    with each_position(k, batch, x.sizes) as (group, position):
        at_x, at_share, at_dy, at_dx = (
            group * volume.group_stride(batch) + place_offset(volume, batch, position)
            for volume in (x, shares, dy, dx)
        )

        def tile(vectors: Vectors) -> None:
            sums = window_sums(k, batch, slides, shares, sent, group, position, vectors)
            for total, (_, v) in zip(sums, vectors, strict=True):
                straight = k.vector(pdy, at_dy + v) * power(k.vector(kept, at_share + v), norm.beta)
                through = k.vector(px, at_x + v) * (-2 * norm.alpha * norm.beta)
                put(k, k.fma(through, total, straight), pdx, at_dx + v, accumulate)

        each_tile(k, batch, x.channels, tile)
    return k
