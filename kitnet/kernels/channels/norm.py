"""Batch normalisation by running statistics with channels in the lanes."""

from __future__ import annotations

from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import F32, Index, Kernel
from kitnet.kernels.spec import Batch, Volume
from kitnet.kernels.walk import share


def normalise(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    y: Volume,
    activation: Activation | None = None,
    blocks: int = 1,
) -> Kernel:
    """x, mean, factor, shift -> y = f((x - mean) * factor + shift). Positions are cut into blocks."""
    k = Kernel(name, cpu, batch.groups * blocks, x=F32, mean=F32, factor=F32, shift=F32, y=F32)
    px, mean, factor, shift, py = k.pointers
    sample, first, last = share(k, batch, x.positions)
    source, target = px + sample * x.group_stride(batch), py + sample * y.group_stride(batch)
    with k.loop(first, last) as position:

        def some(c: Index, count: Index) -> None:
            middle, slope, level = (k.vector(each, c, count) for each in (mean, factor, shift))
            value = k.fma(k.vector(source, position * x.pitch + c, count) - middle, slope, level)
            # Lanes beyond the channels are written as well, or they would hold anything.
            k.store(activation.value(value) if activation else value, target, position * y.pitch + c)

        k.sweep(x.channels, some)
    return k
