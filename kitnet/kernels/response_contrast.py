"""Local response normalisation of contrasts, in either layout: that within maps, but S is the sum of d^2,
where d = x - m and m is the mean of the window around each number.

    forward   deviations (d) -> response_within (y)
    backward  response_sent -> contrast_sent (e: g divided by the numbers of a window) -> contrast_gradient
"""

from __future__ import annotations

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.mathematics import power
from kitnet.kernels.response_norm import Response
from kitnet.kernels.response_within import each_sum
from kitnet.kernels.sliding import axes, taps_seen
from kitnet.kernels.spec import Batch, Volume, Window, lanewise
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Value
from kitnet.kernels.walk import Place, Vectors, over, place_offset, put


def deviations(
    name: str, cpu: Cpu, batch: Batch, window: Window, x: Volume, d: Volume, blocks: int = 1
) -> Kernel:
    """x -> d = x - the mean of the window. Rows are cut into blocks."""
    batch, (x, d) = lanewise(batch, x, d)
    slides = axes(window, x, d)
    k = over(name, cpu, batch, blocks, x=x.type, d=d.type)
    px, pd = k.pointers

    def write(group: Index, position: Place, vectors: Vectors, sums: list[Value]) -> None:
        share = 1.0 / taps_seen(k, slides, position)
        at_x, at_d = (
            group * volume.group_stride(batch) + place_offset(volume, batch, position) for volume in (x, d)
        )
        for total, (_, v) in zip(sums, vectors, strict=True):
            k.store(k.fma(-total, share, k.vector(px, at_x + v)), pd, at_d + v)

    each_sum(k, batch, slides, x, px, lambda value: value, write)
    return k


def contrast_sent(
    name: str, cpu: Cpu, batch: Batch, norm: Response, window: Window, d: Volume, blocks: int = 1
) -> Kernel:
    """d, sent -> e = -2 alpha beta d (the sum of `sent` over the window) / the numbers of the window; all are
    volumes like d. Rows are cut into blocks.
    """
    batch, (d,) = lanewise(batch, d)
    slides = axes(window, d, d)
    k = over(name, cpu, batch, blocks, d=d.type, sent=F32, e=F32)
    pd, sent, pe = k.pointers

    def write(group: Index, position: Place, vectors: Vectors, sums: list[Value]) -> None:
        share = (-2 * norm.alpha * norm.beta) / taps_seen(k, slides, position)
        at = group * d.group_stride(batch) + place_offset(d, batch, position)
        for total, (_, v) in zip(sums, vectors, strict=True):
            k.store(k.vector(pd, at + v) * total * share, pe, at + v)

    each_sum(k, batch, slides, d, sent, lambda value: value, write)
    return k


def contrast_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    norm: Response,
    window: Window,
    shares: Volume,
    dy: Volume,
    dx: Volume,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """shares, dy, e -> dx = dy u^-beta + e * the numbers of the window - the sum of e over it. dx may be dy.
    Rows are cut into blocks.
    """
    batch, (shares, dy, dx) = lanewise(batch, shares, dy, dx)
    slides = axes(window, shares, dx)
    k = over(name, cpu, batch, blocks, shares=F32, dy=dy.type, e=F32, dx=dx.type)
    kept, pdy, pe, pdx = k.pointers

    def write(group: Index, position: Place, vectors: Vectors, sums: list[Value]) -> None:
        numbers = taps_seen(k, slides, position)
        at, at_dy, at_dx = (
            group * volume.group_stride(batch) + place_offset(volume, batch, position)
            for volume in (shares, dy, dx)
        )
        for total, (_, v) in zip(sums, vectors, strict=True):
            straight = k.vector(pdy, at_dy + v) * power(k.vector(kept, at + v), norm.beta)
            value = straight + k.fma(k.vector(pe, at + v), numbers, -total)
            put(k, value, pdx, at_dx + v, accumulate)

    each_sum(k, batch, slides, shares, pe, lambda value: value, write)
    return k
