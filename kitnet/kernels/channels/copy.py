"""Values with channels in the lanes, moved: without the lanes that no channel fills, and into a part of a
joined value.
"""

from __future__ import annotations

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume, samples_of
from kitnet.kernels.walk import put, share


def copy_channels(
    name: str, cpu: Cpu, batch: Batch, x: Volume, y: Volume, accumulate: bool = False, blocks: int = 1
) -> Kernel:
    """x -> y = x, between volumes of the same sizes and channels but other pitches; what y holds beside them
    stays. A y of one position and as many numbers is the flat form of x. Positions are cut into blocks.
    """
    if x.positions * x.channels != y.positions * y.channels:
        raise ValueError(f"kernel {name}: {x.sizes} of {x.channels} are not {y.sizes} of {y.channels}")
    k = Kernel(name, cpu, samples_of(batch, x, y) * blocks, x=x.type, y=y.type)
    px, py = k.pointers
    to_next = y.pitch if y.positions == x.positions else x.channels
    sample, first, last = share(k, batch, x.positions)
    source, target = px + sample * x.group_stride(batch), py + sample * y.group_stride(batch)
    with k.loop(first, last) as position:
        here, there = source + position * x.pitch, target + position * to_next
        k.sweep(x.channels, lambda c, count: put(k, k.vector(here, c, count), there, c, accumulate, count))
    return k
