"""Softmax over the channels of every position, and its gradient; where images lie in the lanes each lane
is an image of its own.
"""

from __future__ import annotations

from kitnet.kernels.channels.softmax import softmax_channels
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.mathematics import exp
from kitnet.kernels.spec import Batch, Volume
from kitnet.kernels.values import Index
from kitnet.kernels.walk import each_position, over, place_offset, put


def softmax(name: str, cpu: Cpu, batch: Batch, x: Volume, y: Volume, blocks: int = 1) -> Kernel:
    """x -> y = e^x / sum e^x, the largest x taken off first; y may be x. Rows are cut into blocks."""
    if x.lanes == "channels":
        return softmax_channels(name, cpu, batch, x, y, blocks)
    k = over(name, cpu, batch, blocks, x=x.type, y=y.type)
    px, py = k.pointers
    with each_position(k, batch, x.sizes) as (group, place), k.loop(0, batch.images, k.lanes) as v:
        source = px + group * x.group_stride(batch) + place_offset(x, batch, place) + v
        target = py + group * y.group_stride(batch) + place_offset(y, batch, place) + v
        top = k.register(k.vector(source))
        with k.loop(1, x.channels) as c:
            top.set(k.max(top.get(), k.vector(source, c * batch.images)))
        total = k.register(k.zero())
        with k.loop(x.channels) as c:
            e = exp(k.vector(source, c * batch.images) - top.get())
            k.store(e, target, c * batch.images)
            total.set(total.get() + e)
        share = 1.0 / total.get()
        with k.loop(x.channels) as c:
            k.store(k.vector(target, c * batch.images) * share, target, c * batch.images)
    return k


def softmax_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    y: Volume,
    dy: Volume,
    dx: Volume,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """y, dy -> dx = y (dy - sum dy y); dx may be dy. Rows are cut into blocks."""
    k = over(name, cpu, batch, blocks, y=y.type, dy=dy.type, dx=dx.type)
    with each_position(k, batch, y.sizes) as (group, place), k.loop(0, batch.images, k.lanes) as v:
        py, pdy, pdx = (
            pointer + group * volume.group_stride(batch) + place_offset(volume, batch, place) + v
            for pointer, volume in zip(k.pointers, (y, dy, dx), strict=True)
        )

        def at(c: Index) -> Index:
            return c * batch.images

        dot = k.register(k.zero())
        with k.loop(y.channels) as c:
            dot.set(k.fma(k.vector(py, at(c)), k.vector(pdy, at(c)), dot.get()))
        with k.loop(y.channels) as c:
            put(k, k.vector(py, at(c)) * (k.vector(pdy, at(c)) - dot.get()), pdx, at(c), accumulate)
    return k
