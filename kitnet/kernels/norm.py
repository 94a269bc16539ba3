"""Batch normalisation with the batch in the lanes: statistics of each channel over all images and positions,
then one pass that applies them, and the same on the way back.

    forward   statistics -> finish (or fold, in evaluation) -> normalise; or fold -> fold_bias, where what is
              before it has its filters multiplied by the factor
    backward  gradient_sums -> finish_gradient -> input_gradient

Tasks write partial results that `finish` and `finish_gradient` join in a fixed order. `count`, one int64,
says how many images there really are; lanes beyond it may hold anything and count for nothing, and dx is 0
there, since other layers sum it over all lanes. An activation behind the norm is done in passing, and on the
way back y is calculated once more, which is cheaper than to read it. So is a sum with another value between
them; then the way back reads y, and leaves the gradient before the activation to both terms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial as of

from kitnet.kernels.activation import Activation
from kitnet.kernels.channels.norm import normalise_channels
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume
from kitnet.kernels.types import F32, I32, I64
from kitnet.kernels.values import Index, Int, Pointer, Value
from kitnet.kernels.walk import over, put, share


def statistics(name: str, cpu: Cpu, batch: Batch, x: Volume, blocks: int = 1) -> Kernel:
    """x, count -> partial (tasks, 3, channels): how many numbers a task has seen, their mean, and the sum of
    their squared distances from it. Positions are cut into blocks.

    Every lane sums distances from the first number that it meets, a pivot that lies among the others, so that
    squares do not cancel however far the mean is from 0; then the lanes are joined.
    """
    k = over(name, cpu, batch, blocks, x=x.type, count=I64, partial=F32)
    px, count, partial = k.pointers
    size = x.channels * batch.images
    pivot, total, square = (k.scratch(F32, size) for _ in range(3))
    group, first, last = share(k, batch, x.positions)
    here = px + group * x.group_stride(batch)
    with k.loop(0, size, k.lanes) as v:
        k.store(k.vector(here, first * (x.pitch * batch.images) + v), pivot, v)
        k.store(k.zero(), total, v)
        k.store(k.zero(), square, v)
    with k.loop(first, last) as position:
        row = here + position * (x.pitch * batch.images)
        with k.loop(0, size, k.lanes, unroll=4) as v:
            d = k.vector(row, v) - k.vector(pivot, v)
            put(k, d, total, v, accumulate=True)
            k.store(k.fma(d, d, k.vector(square, v)), square, v)
    positions, images = _number(k, last - first), _images(k, batch, group, count)
    each, real = 1.0 / k.max(positions, 1.0), _real(k, batch, images)
    with k.loop(x.channels) as c:

        def mean_of(v: Index) -> Value:
            return k.fma(k.vector(total, v), each, k.vector(pivot, v))

        mean = _across(k, batch, c, real, mean_of) / k.max(_number(k, images), 1.0)

        def squares_of(v: Index) -> Value:
            d = k.vector(total, v)
            far = k.fma(d, each, k.vector(pivot, v) - mean)  # not of a mean that is rounded already
            return (k.vector(square, v) - d * d * each) + far * far * positions

        results = positions * _number(k, images), mean, _across(k, batch, c, real, squares_of)
        for i, result in enumerate(results):
            k.store(result, partial, (k.task * 3 + i) * x.channels + c)
    return k


def finish(name: str, cpu: Cpu, chunks: int, channels: int, eps: float, decay: float) -> Kernel:
    """partial (chunks, 3, channels), scale -> mean, inverse = 1 / sqrt(var + eps), factor = scale * inverse;
    running_mean and running_var keep `decay` of what they were.

    Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance", equation 2.1.
    """
    results = ("mean", "inverse", "factor", "running_mean", "running_var")
    k = Kernel(name, cpu, 1, partial=F32, scale=F32, **dict.fromkeys(results, F32))
    partial, scale, mean, inverse, factor, running_mean, running_var = k.pointers

    def body(i: Index, count: Index) -> None:
        many, middle, square = (k.register(k.zero()) for _ in range(3))
        with k.loop(chunks) as chunk:
            n, other, s = (k.vector(partial, (chunk * 3 + j) * channels + i, count) for j in range(3))
            whole = many.get() + n
            part, far = n / k.max(whole, 1.0), other - middle.get()
            middle.set(k.fma(far, part, middle.get()))
            square.set(square.get() + s + far * far * (many.get() * part))
            many.set(whole)
        one = 1.0 / k.sqrt(square.get() / k.max(many.get(), 1.0) + eps)
        k.store(middle.get(), mean, i, count)
        k.store(one, inverse, i, count)
        k.store(k.vector(scale, i, count) * one, factor, i, count)
        unbiased = square.get() / k.max(many.get() - 1.0, 1.0)
        for value, running in ((middle.get(), running_mean), (unbiased, running_var)):
            k.store(k.fma(decay, k.vector(running, i, count), value * (1 - decay)), running, i, count)

    k.sweep(channels, body)
    return k


def fold(name: str, cpu: Cpu, channels: int, eps: float) -> Kernel:
    """scale, var -> factor = scale / sqrt(var + eps)."""
    k = Kernel(name, cpu, 1, scale=F32, var=F32, factor=F32)
    scale, var, factor = k.pointers

    def body(i: Index, count: Index) -> None:
        one = 1.0 / k.sqrt(k.vector(var, i, count) + eps)
        k.store(k.vector(scale, i, count) * one, factor, i, count)

    k.sweep(channels, body)
    return k


def fold_filters(name: str, cpu: Cpu, rows: int, channels: int, tasks: int = 1) -> Kernel:
    """weight (rows, channels), factor -> filters = weight * factor: what a convolution needs, with the bias
    of `fold_bias`, so that no norm need follow it.
    """
    k = Kernel(name, cpu, tasks, weight=F32, factor=F32, filters=F32)
    weight, factor, filters = k.pointers
    with k.loop(k.task * rows // tasks, (k.task + 1) * rows // tasks) as row:

        def body(i: Index, count: Index) -> None:
            at = row * channels + i
            k.store(k.vector(weight, at, count) * k.vector(factor, i, count), filters, at, count)

        k.sweep(channels, body)
    return k


def fold_bias(name: str, cpu: Cpu, channels: int, bias: bool = False) -> Kernel:
    """mean, factor, shift and perhaps bias -> level = shift + (bias - mean) * factor."""
    given = dict.fromkeys(("mean", "factor", "shift", *(["bias"] if bias else [])), F32)
    k = Kernel(name, cpu, 1, **given, level=F32)
    mean, factor, shift, *biases, level = k.pointers

    def body(i: Index, count: Index) -> None:
        far = -k.vector(mean, i, count)
        for pointer in biases:
            far = far + k.vector(pointer, i, count)
        k.store(k.fma(far, k.vector(factor, i, count), k.vector(shift, i, count)), level, i, count)

    k.sweep(channels, body)
    return k


def normalise(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    y: Volume,
    activation: Activation | None = None,
    blocks: int = 1,
    addend: Volume | None = None,
) -> Kernel:
    """x, mean, factor, shift and perhaps addend -> y = f((x - mean) * factor + shift + addend), in either
    layout. Positions are cut into blocks.
    """
    if x.lanes == "channels":
        return normalise_channels(name, cpu, batch, x, y, activation, blocks, addend)
    added = {} if addend is None else {"addend": addend.type}
    k = over(name, cpu, batch, blocks, x=x.type, mean=F32, factor=F32, shift=F32, **added, y=y.type)
    px, mean, factor, shift, *others, py = k.pointers
    with _each_channel(k, batch, (x, y, addend or y)) as (c, (at_x, at_y, at_addend)):
        middle, slope, level = (k.splat(each, c) for each in (mean, factor, shift))
        for v in range(0, batch.images, k.lanes):
            value = k.fma(k.vector(px, at_x + v) - middle, slope, level)
            for other in others:
                value = value + k.vector(other, at_addend + v)
            k.store(activation.value(value) if activation else value, py, at_y + v)
    return k


def gradient_sums(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    dy: Volume,
    activation: Activation | None = None,
    blocks: int = 1,
    stored: tuple[Volume, Volume] | None = None,
) -> Kernel:
    """x, mean, factor, shift, dy, count -> partial (tasks, 2, channels): the sums of d * (x - mean) and of d,
    where d is dy before the activation. Positions are cut into blocks.

    With `stored`, the volumes of y and d, the activation's gradient is taken from y, which is read, and d is
    written, perhaps in place of dy: x, mean, factor, shift, dy, count, y -> partial, d.
    """
    each = {"x": x.type, **dict.fromkeys(("mean", "factor", "shift"), F32), "dy": dy.type}
    more = {} if stored is None else {"y": stored[0].type, "d": stored[1].type}
    k = over(name, cpu, batch, blocks, **each, count=I64, **more, partial=F32)
    px, mean, factor, shift, pdy, count, *others, partial = k.pointers
    size = x.channels * batch.images
    sums = k.scratch(F32, size), k.scratch(F32, size)
    with k.loop(0, size, k.lanes) as v:
        for pointer in sums:
            k.store(k.zero(), pointer, v)
    with _each_channel(k, batch, (x, dy, *(stored or (dy, dy)))) as (c, (at_x, at_dy, at_y, at_d)):
        middle, slope, level = (k.splat(each, c) for each in (mean, factor, shift))
        for v in range(0, batch.images, k.lanes):
            far, d = k.vector(px, at_x + v) - middle, k.vector(pdy, at_dy + v)
            if others and activation:
                py, pd = others
                d = activation.back(k.vector(py, at_y + v), d)
                k.store(d, pd, at_d + v)
            elif activation:
                d = activation.back_from_x(k.fma(far, slope, level), d)
            at = c * batch.images + v
            k.store(k.fma(d, far, k.vector(sums[0], at)), sums[0], at)
            put(k, d, sums[1], at, accumulate=True)
    group, _, _ = share(k, batch, x.positions)
    real = _real(k, batch, _images(k, batch, group, count))
    with k.loop(x.channels) as c:
        for i, pointer in enumerate(sums):
            result = _across(k, batch, c, real, of(k.vector, pointer))
            k.store(result, partial, (k.task * 2 + i) * x.channels + c)
    return k


def finish_gradient(name: str, cpu: Cpu, chunks: int, channels: int, positions: int) -> Kernel:
    """partial (chunks, 2, channels), inverse, factor, count -> dscale, dshift, and what `input_gradient`
    takes off: slope = factor * inverse * dscale / m, level = factor * dshift / m, m the numbers of a channel.
    """
    results = dict.fromkeys(("dscale", "dshift", "slope", "level"), F32)
    k = Kernel(name, cpu, 1, partial=F32, inverse=F32, factor=F32, count=I64, **results)
    partial, inverse, factor, pointer, dscale, dshift, slope, level = k.pointers
    each = 1.0 / (k.scalar(pointer).to(F32) * float(positions))

    def body(i: Index, count: Index) -> None:
        sums = [k.register(k.zero()) for _ in range(2)]
        with k.loop(chunks) as chunk:
            for j, total in enumerate(sums):
                total.set(total.get() + k.vector(partial, (chunk * 2 + j) * channels + i, count))
        one, share = k.vector(inverse, i, count), k.vector(factor, i, count) * each
        of_scale, of_shift = sums[0].get() * one, sums[1].get()
        results = of_scale, of_shift, share * one * of_scale, share * of_shift
        for value, target in zip(results, (dscale, dshift, slope, level), strict=True):
            k.store(value, target, i, count)

    k.sweep(channels, body)
    return k


def input_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    x: Volume,
    dy: Volume,
    dx: Volume,
    activation: Activation | None = None,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """x, mean, factor, shift, slope, level, dy, count -> dx = factor * d - slope * (x - mean) - level, where
    d is dy before the activation, and 0 beyond count. dx may be the memory of dy. Positions are cut into
    blocks.
    """
    vectors = dict.fromkeys(("mean", "factor", "shift", "slope", "level"), F32)
    k = over(name, cpu, batch, blocks, x=x.type, **vectors, dy=dy.type, count=I64, dx=dx.type)
    px, mean, factor, shift, slope, level, pdy, count, pdx = k.pointers
    group, _, _ = share(k, batch, x.positions)
    real = _real(k, batch, _images(k, batch, group, count))
    with _each_channel(k, batch, (x, dy, dx)) as (c, (at_x, at_dy, at_dx)):
        middle, scale, moves, rest = (k.splat(each, c) for each in (mean, factor, slope, level))
        begin = k.splat(shift, c) if activation else k.zero()
        for v, there in zip(range(0, batch.images, k.lanes), real, strict=True):
            far, d = k.vector(px, at_x + v) - middle, k.vector(pdy, at_dy + v)
            if activation:
                d = activation.back_from_x(k.fma(far, scale, begin), d)
            value = k.fma(scale, d, -k.fma(moves, far, rest))
            put(k, k.select(there, value, 0.0), pdx, at_dx + v, accumulate)
    return k


@contextmanager
def _each_channel(
    k: Kernel, batch: Batch, volumes: tuple[Volume, ...]
) -> Iterator[tuple[Index, tuple[Index, ...]]]:
    """Every channel at every position of the task's block, and where its images begin in each volume."""
    group, first, last = share(k, batch, volumes[0].positions)
    with k.loop(first, last) as position:
        rows = [group * v.group_stride(batch) + position * (v.pitch * batch.images) for v in volumes]
        with k.loop(volumes[0].channels) as c:
            yield c, tuple(row + c * batch.images for row in rows)


def _across(k: Kernel, batch: Batch, c: Index, real: list[Value], part: Callable[[Index], Value]) -> Value:
    """The sum of a channel's real lanes, where `part` gives the vector at an offset."""
    total = k.zero()
    for v, there in zip(range(0, batch.images, k.lanes), real, strict=True):
        total = total + k.select(there, part(c * batch.images + v), 0.0)
    return k.total(total)


def _images(k: Kernel, batch: Batch, group: Index, count: Pointer) -> Int:
    """How many images of the group are real."""
    return (k.index(k.scalar(count)) - group * batch.images).at_least(0).at_most(batch.images)


def _real(k: Kernel, batch: Batch, images: Int) -> list[Value]:
    """Which lanes of each vector hold an image that is one."""
    return [k.iota() < (images - v).value.to(I32) for v in range(0, batch.images, k.lanes)]


def _number(k: Kernel, index: Index) -> Value:
    return k.constant(index, F32, 1) if isinstance(index, int) else index.value.to(F32)
