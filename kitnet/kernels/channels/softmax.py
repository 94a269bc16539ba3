"""Softmax over the channels of every position, which lie in the lanes."""

from __future__ import annotations

import math

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.mathematics import exp
from kitnet.kernels.spec import Batch, Volume, samples_of
from kitnet.kernels.values import Index, Value
from kitnet.kernels.walk import share


def softmax_channels(name: str, cpu: Cpu, batch: Batch, x: Volume, y: Volume, blocks: int = 1) -> Kernel:
    """x -> y = e^x / sum e^x, the largest x taken off first, and 0 in lanes beyond the channels. Positions
    are cut into blocks.
    """
    k = Kernel(name, cpu, samples_of(batch, x, y) * blocks, x=x.type, y=y.type)
    px, py = k.pointers
    sample, first, last = share(k, batch, x.positions)
    source, target = px + sample * x.group_stride(batch), py + sample * y.group_stride(batch)
    nothing = k.constant(-math.inf)
    with k.loop(first, last) as position:

        def numbers(c: Index, count: Index) -> Value:
            value = k.vector(source, position * x.pitch + c, count)
            return value if count == k.lanes else k.select(k.iota() < x.channels % k.lanes, value, nothing)

        top = k.register(nothing)
        k.sweep(x.channels, lambda c, count: top.set(k.max(top.get(), numbers(c, count))))
        most, total = k.highest(top.get()), k.register(k.zero())

        def power(c: Index, count: Index) -> None:
            e = exp(numbers(c, count) - most)
            k.store(e, target, position * y.pitch + c)
            total.set(total.get() + e)

        k.sweep(x.channels, power)
        part = 1.0 / k.total(total.get())

        def divide(c: Index, _: Index) -> None:
            k.store(k.vector(target, position * y.pitch + c) * part, target, position * y.pitch + c)

        k.sweep(x.channels, divide)
    return k
