"""Euclidean radial basis units with the batch in the lanes: how far the numbers of an image are from each
unit's bitmap, y_i = sum_j (x_j - w_ij)^2.
"""

from __future__ import annotations

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index
from kitnet.kernels.walk import over, put, share

_TOGETHER = 10  # units whose sums are in registers while the numbers go by


def rbf(name: str, cpu: Cpu, batch: Batch, x: Volume, y: Volume, blocks: int = 1) -> Kernel:
    """x, bitmaps (units, numbers) -> y, a volume of one position with a channel a unit. Images are cut into
    blocks.
    """
    k = over(name, cpu, batch, blocks, x=x.type, bitmaps=F32, y=y.type)
    px, bitmaps, py = k.pointers
    numbers, units = x.positions * x.channels, y.channels
    group, first, last = share(k, batch, batch.images // k.lanes)
    with k.loop(first * k.lanes, last * k.lanes, k.lanes) as v:
        for start in range(0, units, _TOGETHER):
            some = range(start, min(start + _TOGETHER, units))
            sums = [k.register(k.zero()) for _ in some]
            with k.loop(x.positions) as p, k.loop(x.channels) as c:
                value = k.vector(px, _at(group, x, batch, p, c) + v)
                for i, total in zip(some, sums, strict=True):
                    d = value - k.splat(bitmaps, p * x.channels + c + i * numbers)
                    total.set(k.fma(d, d, total.get()))
            for i, total in zip(some, sums, strict=True):
                k.store(total.get(), py, _at(group, y, batch, 0, i) + v)
    return k


def rbf_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    dy: Volume,
    dx: Volume,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """x, bitmaps, dy -> dx_j = 2 sum_i dy_i (x_j - w_ij); dx has x's shape. Images are cut into blocks."""
    k = over(name, cpu, batch, blocks, x=x.type, bitmaps=F32, dy=dy.type, dx=dx.type)
    px, bitmaps, pdy, pdx = k.pointers
    numbers, units = x.positions * x.channels, dy.channels
    group, first, last = share(k, batch, batch.images // k.lanes)
    with (
        k.loop(first * k.lanes, last * k.lanes, k.lanes) as v,
        k.loop(x.positions) as p,
        k.loop(x.channels) as c,
    ):
        value = k.vector(px, _at(group, x, batch, p, c) + v)
        total = k.register(k.zero())
        with k.loop(units) as i:
            d = value - k.splat(bitmaps, i * numbers + p * x.channels + c)
            total.set(k.fma(k.vector(pdy, _at(group, dy, batch, 0, i) + v), d, total.get()))
        put(k, total.get() * 2.0, pdx, _at(group, dx, batch, p, c) + v, accumulate)
    return k


def _at(group: Index, volume: Volume, batch: Batch, position: Index, channel: Index) -> Index:
    return group * volume.group_stride(batch) + (position * volume.pitch + channel) * batch.images
