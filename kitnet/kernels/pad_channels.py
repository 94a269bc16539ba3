"""Maps of zeros behind those that are there, in either layout."""

from __future__ import annotations

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume
from kitnet.kernels.walk import share


def pad_channels(name: str, cpu: Cpu, batch: Batch, x: Volume, y: Volume, blocks: int = 1) -> Kernel:
    """x -> y = x in its first channels and 0 in the others, and in lanes that no channel fills. Positions are
    cut into blocks.
    """
    k = Kernel(name, cpu, batch.groups * blocks, x=x.type, y=y.type)
    px, py = k.pointers
    group, first, last = share(k, batch, x.positions)
    source, target = px + group * x.group_stride(batch), py + group * y.group_stride(batch)
    given = x.channels * batch.images
    room = (y.pitch if y.lanes == "channels" else y.channels) * batch.images
    zero = k.constant(0.0, y.type, k.lanes)
    with k.loop(first, last) as position:
        here = source + position * (x.pitch * batch.images)
        there = target + position * (y.pitch * batch.images)
        k.sweep(given, lambda i, count: k.store(k.vector(here, i, count), there, i, count))
        k.sweep(room - given, lambda i, count: k.store(zero, there + given, i, count))
    return k
