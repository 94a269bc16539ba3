"""A layer of many units on values with the batch in the lanes, where memory sets the pace.

Each weight (inputs, units) is used once for a vector of images, so nothing is gained by going back to it,
and all by reading it in long runs. Some inputs stay in registers while their rows of weights go by, one unit
after the other; the units' sums lie in the target, which the cache holds. A sum still takes its terms in
order.
"""

from __future__ import annotations

from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.epilogue import Epilogue
from kitnet.kernels.spec import Batch, Volume
from kitnet.kernels.tiling import cut
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Pointer
from kitnet.kernels.walk import over

TOGETHER = 8  # rows of weights: more runs than that are not fetched ahead of their use


def forward(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    y: Volume,
    *,
    bias: bool = True,
    activation: Activation | None = None,
    blocks: int = 1,
) -> Kernel:
    """y = activation(bias + x weight), all numbers of x flat and each an input. `bias=False` leaves that
    pointer unread.

    The units are cut into at most so many blocks for each group of the batch.
    """
    if x.pitch != x.channels or y.positions > 1:
        raise ValueError(f"kernel {name} takes one run of inputs and gives one position")
    inputs, units, images = x.positions * x.channels, y.channels, batch.images
    blocks = min(blocks, units)
    k = over(name, cpu, batch, blocks, x=x.type, weight=F32, bias=F32, y=y.type)
    group, block = divmod(k.task, blocks)
    source, weight, biases, target = k.pointers
    epilogue = Epilogue(k, biases if bias else None, activation)
    source += group * x.group_stride(batch)
    target += group * y.group_stride(batch)
    begin, end = cut(units, block, blocks)
    places = range(0, images, k.lanes)
    together = max(1, min(TOGETHER, cpu.registers // 2 // len(places)))

    def add(first: Index, count: int) -> None:
        """So many inputs to the sums of all units."""
        values = [[k.vector(source, (first + i) * images + place) for place in places] for i in range(count)]
        rows: list[Pointer] = [weight + (first + i) * units for i in range(count)]
        with k.loop(begin, end, unroll=1) as unit:
            out = target + unit * images
            sums = [k.vector(out, place) for place in places]
            for row, value in zip(rows, values, strict=True):
                scalar = k.splat(row, unit)
                sums = [k.fma(scalar, *pair) for pair in zip(value, sums, strict=True)]
            for place, each in zip(places, sums, strict=True):
                k.store(each, out, place)

    with k.loop(begin, end, unroll=1) as unit:
        for place in places:
            k.store(epilogue.begin(unit), target, unit * images + place)
    whole = inputs - inputs % together
    with k.loop(0, whole, together, unroll=1) as first:
        add(first, together)
    if whole < inputs:
        add(whole, inputs - whole)
    if activation:
        with k.loop(begin * images, end * images, k.lanes, unroll=1) as i:
            k.store(activation.value(k.vector(target, i)), target, i)
    return k
