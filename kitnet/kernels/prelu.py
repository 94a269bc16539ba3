"""The parametric ReLU, with one slope a map: forward in either layout, and back, with the gradients of the
slopes, with the batch in the lanes.
"""

from __future__ import annotations

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume, lanewise
from kitnet.kernels.types import F32
from kitnet.kernels.walk import Vectors, each_position, each_tile, lower, over, place_offset, put


def prelu(name: str, cpu: Cpu, batch: Batch, x: Volume, y: Volume, blocks: int = 1) -> Kernel:
    """x, slope (channels) -> y = x where x > 0, else slope * x. Rows are cut into blocks."""
    channels, in_lanes = x.channels, x.lanes == "channels"
    batch, (x, y) = lanewise(batch, x, y)
    k = over(name, cpu, batch, blocks, x=x.type, slope=F32, y=y.type)
    px, slope, py = k.pointers
    with each_position(k, batch, y.sizes) as (group, position):
        source, target = (
            group * volume.group_stride(batch) + place_offset(volume, batch, position) for volume in (x, y)
        )

        def tile(vectors: Vectors) -> None:
            for c, v in vectors:
                count = lower(channels - v, k.lanes) if in_lanes else None
                a = k.vector(slope, v, count) if in_lanes else k.splat(slope, c)
                value = k.vector(px, source + v)
                k.store(k.select(value > 0.0, value, a * value), py, target + v)

        each_tile(k, batch, y.channels, tile)
    return k


def prelu_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    dy: Volume,
    dx: Volume,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """x, slope, dy -> dx = dy where x > 0, else slope * dy, and partial (tasks, channels): each task's part
    of the gradients of the slopes, for `reduce` to add up. Rows are cut into blocks.

    Every lane has sums of its own while positions go by; they are added across the lanes at the end.
    """
    k = over(name, cpu, batch, blocks, x=x.type, slope=F32, dy=dy.type, dx=dx.type, partial=F32)
    px, slope, pdy, pdx, partial = k.pointers
    size = x.channels * batch.images
    sums = k.scratch(F32, size)
    with k.loop(0, size, k.lanes) as v:
        k.store(k.zero(), sums, v)
    with each_position(k, batch, x.sizes) as (group, position):
        at_x, at_dy, at_dx = (
            group * volume.group_stride(batch) + place_offset(volume, batch, position)
            for volume in (x, dy, dx)
        )

        def tile(vectors: Vectors) -> None:
            for c, v in vectors:
                value, d = k.vector(px, at_x + v), k.vector(pdy, at_dy + v)
                above = value > 0.0
                put(k, k.select(above, d, k.splat(slope, c) * d), pdx, at_dx + v, accumulate)
                put(k, k.select(above, k.zero(), value * d), sums, v, accumulate=True)

        each_tile(k, batch, x.channels, tile)
    with k.loop(x.channels) as c:
        total = k.register(k.zero())
        with k.loop(0, batch.images, k.lanes) as i:
            total.set(total.get() + k.vector(sums, c * batch.images + i))
        k.store(k.total(total.get()), partial, k.task * x.channels + c)
    return k
