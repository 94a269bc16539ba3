"""The way back of batch normalisation by running statistics, which do not move with x, in either layout:
dx = factor * d with factor = scale / sqrt(var + eps), and the gradients of scale and shift.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.lanes import Lanes
from kitnet.kernels.spec import Batch, Volume, lanewise
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Pointer
from kitnet.kernels.walk import over, put, share


def gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    dy: Volume,
    x: Volume | None = None,
    dx: Volume | None = None,
    activation: Activation | None = None,
    sums: bool = False,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """factor, dy and perhaps x, mean, shift -> perhaps dx = factor * d, perhaps partial (tasks, 2, channels):
    a task's sums of d * (x - mean) and of d, where d is dy before the activation.

    x is read for the activation and for the sums. dx may be the memory of dy. Positions are cut into blocks.
    """
    lanes = Lanes(dy)
    batch, (dy, *others) = lanewise(batch, dy, *(each for each in (x, dx) if each is not None))
    seen = {} if x is None else {"x": others[0].type, "mean": F32, "shift": F32}
    moved = {} if dx is None else {"dx": others[-1].type}
    k = over(
        name,
        cpu,
        batch,
        blocks,
        factor=F32,
        dy=dy.type,
        **seen,
        **moved,
        **({"partial": F32} if sums else {}),
    )
    given = dict(zip(k.arguments, k.pointers, strict=True))
    size = dy.channels * batch.images
    totals = [k.scratch(F32, size) for _ in range(2)] if sums else []
    for total in totals:
        with k.loop(0, size, k.lanes) as v:
            k.store(k.zero(), total, v)
    with _each_vector(k, batch, (dy, *others)) as (vector, (at_dy, *at)):
        factor, d = lanes.parameter(k, given["factor"], 0, vector, batch), k.vector(given["dy"], at_dy)
        if seen:
            middle = lanes.parameter(k, given["mean"], 0, vector, batch)
            far = k.vector(given["x"], at[0]) - middle
            if activation:
                level = lanes.parameter(k, given["shift"], 0, vector, batch)
                d = activation.back_from_x(k.fma(far, factor, level), d)
            for total, addend in zip(totals, (d * far, d), strict=False):
                put(k, addend, total, vector * k.lanes, accumulate=True)
        if moved:
            put(k, factor * d, given["dx"], at[-1], accumulate)
    for row, total in enumerate(totals):
        _add_lanes(k, lanes, batch, total, given["partial"] + (k.task * 2 + row) * lanes.channels)
    return k


@contextmanager
def _each_vector(k: Kernel, batch: Batch, volumes: tuple[Volume, ...]) -> Iterator[tuple[Index, list[Index]]]:
    """The number of each vector of a position, at every position of the task's block, and where it lies in
    each volume."""
    group, first, last = share(k, batch, volumes[0].positions)
    with k.loop(first, last) as position:
        rows = [group * v.group_stride(batch) + position * (v.pitch * batch.images) for v in volumes]
        with k.loop(volumes[0].channels * batch.images // k.lanes, unroll=4) as vector:
            yield vector, [row + vector * k.lanes for row in rows]


def finish(name: str, cpu: Cpu, chunks: int, channels: int, eps: float) -> Kernel:
    """partial (chunks, 2, channels) of `gradient`, var -> dscale, dshift."""
    k = Kernel(name, cpu, 1, partial=F32, var=F32, dscale=F32, dshift=F32)
    partial, var, dscale, dshift = k.pointers

    def body(i: Index, count: Index) -> None:
        sums = [k.register(k.zero()) for _ in range(2)]
        with k.loop(chunks) as chunk:
            for row, total in enumerate(sums):
                total.set(total.get() + k.vector(partial, (chunk * 2 + row) * channels + i, count))
        k.store(sums[0].get() / k.sqrt(k.vector(var, i, count) + eps), dscale, i, count)
        k.store(sums[1].get(), dshift, i, count)

    k.sweep(channels, body)
    return k


def _add_lanes(k: Kernel, lanes: Lanes, batch: Batch, sums: Pointer, target: Pointer) -> None:
    """Sums of every lane -> a sum of each channel."""
    if lanes.hold_channels:
        k.sweep(lanes.channels, lambda c, count: k.store(k.vector(sums, c, count), target, c, count))
        return
    with k.loop(lanes.channels) as c:
        total = k.register(k.zero())
        with k.loop(0, batch.images, k.lanes) as i:
            total.set(total.get() + k.vector(sums, c * batch.images + i))
        k.store(k.total(total.get()), target, c)
