"""Batch normalisation by running statistics with channels in the lanes."""

from __future__ import annotations

from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume, samples_of
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index
from kitnet.kernels.walk import share


def normalise_channels(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    y: Volume,
    activation: Activation | None = None,
    blocks: int = 1,
    addend: Volume | None = None,
) -> Kernel:
    """x, mean, factor, shift and perhaps addend -> y = f((x - mean) * factor + shift + addend). Positions are
    cut into blocks.
    """
    added = {} if addend is None else {"addend": addend.type}
    tasks = samples_of(batch, x, y, addend or y) * blocks
    k = Kernel(name, cpu, tasks, x=x.type, mean=F32, factor=F32, shift=F32, **added, y=y.type)
    px, mean, factor, shift, *others, py = k.pointers
    sample, first, last = share(k, batch, x.positions)
    source, target = px + sample * x.group_stride(batch), py + sample * y.group_stride(batch)
    others = [other + sample * (addend or y).group_stride(batch) for other in others]
    with k.loop(first, last) as position:

        def some(c: Index, count: Index) -> None:
            middle, slope, level = (k.vector(each, c, count) for each in (mean, factor, shift))
            value = k.fma(k.vector(source, position * x.pitch + c, count) - middle, slope, level)
            for other in others:
                value = value + k.vector(other, position * (addend or y).pitch + c, count)
            # Lanes beyond the channels are written as well, or they would hold anything.
            k.store(activation.value(value) if activation else value, target, position * y.pitch + c)

        k.sweep(x.channels, some)
    return k
