"""Convolution with the batch in the lanes: forward, and back to the input.

Both passes gather. Every place of the target gets, for every row, a sum over the taps t of its window and
a depth d:

    target[p, row] = beginning + sum over t, d of  source[p * step + start + t * apart, d] * weight[t, row, d]

Forward the rows are filters and the depth is the input's channels. Back to the input it is the other way
round, the taps are walked towards lower places, and a stride sorts the places into phases: those with the
same remainder have the same taps, so each phase is a dense sum of its own. `Reach` writes this down for
one axis. What the target holds already may be added in the end.

Forward the weights of a tile lie `filters` apart from step to step; where they are many,
`pack` brings them into the order in which they are read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel, once
from kitnet.kernels.epilogue import Epilogue
from kitnet.kernels.gather import Gather, Weights
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.kernels.tiling import Reach, cut
from kitnet.kernels.types import F32
from kitnet.kernels.walk import lower, over

RUN = 16  # steps of the sums that are packed together: what they read and write stays in L1


@once
def forward(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    y: Volume,
    window: Window,
    *,
    groups: int = 1,
    packed: bool = False,
    bias: bool = True,
    activation: Activation | None = None,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """y = activation(bias + correlation of x and weight), with `accumulate` the activation of that and what y
    holds. `bias=False` leaves that pointer unread; `packed` weights come from `pack`.

    The work on each group of the batch is cut into at most so many blocks: tasks = groups of the batch *
    blocks.
    """
    work = _forwards(cpu, batch, x, y, window, groups, packed, blocks)
    k = over(name, cpu, batch, work.blocks, x=x.type, weight=F32, bias=F32, y=y.type)
    source, weight, biases, target = k.pointers
    end = Epilogue(k, biases if bias else None, activation, accumulate)
    work.write(k, source, weight, target, end)
    return k


def _forwards(
    cpu: Cpu, batch: Batch, x: Volume, y: Volume, window: Window, groups: int, packed: bool, blocks: int
) -> Gather:
    rows, depth = y.channels // groups, x.channels // groups
    weights = Weights(window.size, groups, rows, depth, packed=packed)
    return Gather(cpu, batch, x, y, weights, forwards(x, y, window), blocks)


def forwards(x: Volume, y: Volume, window: Window) -> list[list[Reach]]:
    """What the window reads of x along each axis, for the places of y."""
    return [
        [Reach(size, places, taps, stride, -before, dilation)]
        for size, places, taps, stride, dilation, before in zip(
            x.sizes, y.sizes, window.size, window.stride, window.dilation, window.before, strict=True
        )
    ]


@once
def pack(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    y: Volume,
    window: Window,
    *,
    groups: int = 1,
    scaled: bool = False,
    tasks: int = 1,
) -> Kernel:
    """weight -> packed, as large, for the `forward` of the same problem: the weights of each tile's rows as
    one run, (groups, shares of rows, taps, depth, rows of the share). `scaled` weights are multiplied by the
    `factor` of their filter.
    """
    work = _forwards(cpu, batch, x, y, window, groups, packed=True, blocks=1)
    weights, shares, lanes = work.weights, work.tile.rows, cpu.lanes
    steps = weights.taps * weights.depth
    runs = -(-steps // RUN)
    tasks = min(tasks, runs)
    k = Kernel(name, cpu, tasks, weight=F32, **({"factor": F32} if scaled else {}), packed=F32)
    source, *factors, target = k.pointers
    with k.loop(*cut(runs, k.task, tasks), unroll=1) as run, k.loop(groups * shares.count) as tile:
        group, share = divmod(tile, shares.count)
        row = group * weights.rows + shares.start(share)
        for rows, chosen in shares.kinds(share):
            with k.when(chosen):
                pieces = [(i, min(lanes, rows - i)) for i in range(0, rows, lanes)]
                scales = [[k.vector(factor, row + i, count) for factor in factors] for i, count in pieces]
                with k.loop(run * RUN, lower((run + 1) * RUN, steps)) as step:
                    here = source + (step * weights.filters + row)
                    there = target + (row * steps + step * rows)
                    for (i, count), scale in zip(pieces, scales, strict=True):
                        k.store(math.prod(scale, start=k.vector(here, i, count)), there, i, count)
    return k


@once
def input_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    dy: Volume,
    dx: Volume,
    window: Window,
    *,
    groups: int = 1,
    bias: bool = False,
    activation: Activation | None = None,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """dx = full convolution of dy and weight, 0 where no window looked; with `accumulate` added to what
    dx holds. Blocks as in `forward`.

    As the forward pass of a transposed convolution it has a `bias` for each channel of dx, an argument behind
    the weight, and an activation.
    """
    weights = Weights(window.size, groups, dx.channels // groups, dy.channels // groups, back=True)
    work = Gather(cpu, batch, dy, dx, weights, backwards(dy, dx, window), blocks)
    more = {"bias": F32} if bias else {}
    k = over(name, cpu, batch, work.blocks, dy=dy.type, weight=F32, **more, dx=dx.type)
    source, weight, *biases, target = k.pointers
    end = Epilogue(k, biases[0] if bias else None, activation, accumulate, apart=False)
    work.write(k, source, weight, target, end)
    return k


def backwards(dy: Volume, dx: Volume, window: Window) -> list[list[Reach]]:
    """The phases of each axis on the way back: what they read of dy, for the places of dx."""
    return [
        list(_phases(size, places, taps, stride, dilation, before))
        for size, places, taps, stride, dilation, before in zip(
            dy.sizes, dx.sizes, window.size, window.stride, window.dilation, window.before, strict=True
        )
    ]


def _phases(size: int, places: int, taps: int, stride: int, dilation: int, before: int) -> Iterator[Reach]:
    """The input's places along one axis, by their remainder against the stride: place p takes from the
    output's place (p + before - dilation * tap) / stride, for those taps where that is a whole number.
    """
    common = math.gcd(stride, dilation)
    for first in range(min(stride, places)):
        own = [tap for tap in range(taps) if (first + before - dilation * tap) % stride == 0]
        tap = own[0] if own else 0
        start = (first + before - dilation * tap) // stride
        count = -(-(places - first) // stride)
        yield Reach(
            size, count, len(own), 1, start, -dilation // common, first, stride, tap, stride // common
        )
