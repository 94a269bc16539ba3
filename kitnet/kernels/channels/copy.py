"""Values with channels in the lanes, moved: without the lanes that no channel fills, and into a part of a
joined value.
"""

from __future__ import annotations

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import F32, Kernel
from kitnet.kernels.spec import Batch, Volume
from kitnet.kernels.walk import share


def copy(name: str, cpu: Cpu, batch: Batch, x: Volume, y: Volume, blocks: int = 1) -> Kernel:
    """x -> y = x, between volumes of the same sizes and channels but other pitches; what y holds beside them
    stays. A y of one position and as many numbers is the flat form of x. Positions are cut into blocks.
    """
    if x.positions * x.channels != y.positions * y.channels:
        raise ValueError(f"kernel {name}: {x.sizes} of {x.channels} are not {y.sizes} of {y.channels}")
    k = Kernel(name, cpu, batch.groups * blocks, x=F32, y=F32)
    px, py = k.pointers
    to_next = y.pitch if y.positions == x.positions else x.channels
    sample, first, last = share(k, batch, x.positions)
    source, target = px + sample * x.group_stride(batch), py + sample * y.group_stride(batch)
    with k.loop(first, last) as position:
        here, there = source + position * x.pitch, target + position * to_next
        k.sweep(x.channels, lambda c, count: k.store(k.vector(here, c, count), there, c, count))
    return k
