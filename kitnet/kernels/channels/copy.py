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
    stays. One of them may have a single position and as many numbers: the flat form of the other. Positions
    are cut into blocks.
    """
    if x.positions * x.channels != y.positions * y.channels:
        raise ValueError(f"kernel {name}: {x.sizes} of {x.channels} are not {y.sizes} of {y.channels}")
    k = Kernel(name, cpu, samples_of(batch, x, y) * blocks, x=x.type, y=y.type)
    px, py = k.pointers
    positions, channels = max((x.positions, x.channels), (y.positions, y.channels))
    from_step, to_step = (v.pitch if v.positions == positions else channels for v in (x, y))
    sample, first, last = share(k, batch, positions)
    source, target = px + sample * x.group_stride(batch), py + sample * y.group_stride(batch)
    with k.loop(first, last) as position:
        here, there = source + position * from_step, target + position * to_step
        k.sweep(channels, lambda c, count: put(k, k.vector(here, c, count), there, c, accumulate, count))
    return k
