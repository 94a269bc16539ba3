"""Layer, group and instance normalisation with channels in the lanes, for scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kitnet.kernels.activation import Activation
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.sets import Sets
from kitnet.kernels.spec import Batch, Volume, samples_of, whole_vectors
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import share

Numbers = Callable[[Index, Index], Value]


def sample_norm_channels(
    name: str,
    cpu: Cpu,
    batch: Batch,
    sets: Sets,
    x: Volume,
    y: Volume,
    eps: float,
    activation: Activation | None = None,
    blocks: int = 1,
) -> Kernel:
    """x, perhaps scale and shift -> y = f(scale * (x - mean) / sqrt(var + eps) + shift). The pieces of the
    sets are cut into blocks.
    """
    width, step = sets.width(x), sets.step(x, cpu.lanes)
    tasks = samples_of(batch, x, y) * blocks
    k = Kernel(name, cpu, tasks, x=x.type, **sets.named("scale", "shift"), y=y.type)
    px, *affine, py = k.pointers
    sample, first, last = share(k, batch, sets.pieces(x, k.lanes))
    source, target = px + sample * x.group_stride(batch), py + sample * y.group_stride(batch)
    size = whole_vectors(x.channels, k.lanes)
    found = mean, inverse = k.scratch(F32, size), k.scratch(F32, size)

    def write(position: Index, begin: Index, channels: Index) -> None:
        def some(i: Index, count: Index) -> None:
            c = begin + i
            value = k.vector(source, position * x.pitch + c, count) - k.vector(mean, c, count)
            value = value * k.vector(inverse, c, count)
            if affine:
                at = position * x.channels + c if sets.affine == "numbers" else c
                value = k.fma(value, *(k.vector(each, at, count) for each in affine))
            # Lanes beyond the channels are written as well, or they would hold anything.
            k.store(activation.value(value) if activation else value, target, position * y.pitch + c)

        k.sweep(channels, some)

    if sets.apart:
        with k.loop(first, last) as position:
            _at_a_position(k, x.channels, source + position * x.pitch, eps, found)
            write(position, 0, x.channels)
    else:
        begin, channels = first * step, (last - first) * step
        _at_all_positions(k, x, source, begin, channels, found)
        with k.loop(begin, begin + channels, width) as group:
            _join(k, group, width, x.positions, eps, found)
        with k.loop(x.positions) as position:
            write(position, begin, channels)
    return k


def _at_a_position(k: Kernel, channels: int, row: Pointer, eps: float, found: Sequence[Pointer]) -> None:
    """The mean and inverse of a row of channels, for each of them."""
    middle = _mean_of(k, channels, lambda c, count: k.vector(row, c, count))

    def square(c: Index, count: Index) -> Value:
        d = k.vector(row, c, count) - middle
        return d * d

    inverse = 1.0 / k.sqrt(_mean_of(k, channels, square) + eps)
    _spread(k, 0, channels, (middle, inverse), found)


def _at_all_positions(
    k: Kernel, x: Volume, source: Pointer, begin: Index, channels: Index, found: Sequence[Pointer]
) -> None:
    """The mean and variance of each channel, of distances from its first number, a pivot, so that squares do
    not cancel.
    """
    total, square = found
    pivot = k.scratch(F32, whole_vectors(x.channels, k.lanes))
    each = 1.0 / x.positions

    def first(i: Index, count: Index) -> None:
        k.store(k.vector(source, begin + i, count), pivot, begin + i)
        for pointer in found:
            k.store(k.zero(), pointer, begin + i)

    def add(position: Index) -> Callable[[Index, Index], None]:
        def some(i: Index, count: Index) -> None:
            c = begin + i
            d = k.vector(source, position * x.pitch + c, count) - k.vector(pivot, c)
            k.store(k.vector(total, c) + d, total, c)
            k.store(k.fma(d, d, k.vector(square, c)), square, c)

        return some

    def close(i: Index, _: Index) -> None:
        c = begin + i
        far = k.vector(total, c) * each
        k.store(k.vector(pivot, c) + far, total, c)
        k.store(k.max(k.fma(-far, far, k.vector(square, c) * each), 0.0), square, c)

    k.sweep(channels, first)
    with k.loop(1, x.positions) as position:
        k.sweep(channels, add(position))
    k.sweep(channels, close)


def _join(k: Kernel, begin: Index, width: int, positions: int, eps: float, found: Sequence[Pointer]) -> None:
    """The mean and inverse of a group, for each of its channels, of the means and variances of these."""
    means, variances = found
    middle = _mean_of(k, width, lambda c, count: k.vector(means, begin + c, count))

    def spread(c: Index, count: Index) -> Value:
        far = k.vector(means, begin + c, count) - middle
        return k.fma(far, far, k.vector(variances, begin + c, count))

    inverse = 1.0 / k.sqrt(_mean_of(k, width, spread) + eps)
    _spread(k, begin, width, (middle, inverse), found)


def _mean_of(k: Kernel, channels: int, numbers: Numbers) -> Value:
    """A scalar; lanes beyond the channels count for nothing."""
    total = k.register(k.zero())

    def add(c: Index, count: Index) -> None:
        value = numbers(c, count)
        if count != k.lanes:
            value = k.select(k.iota() < channels % k.lanes, value, 0.0)
        total.set(total.get() + value)

    k.sweep(channels, add)
    return k.total(total.get()) * (1.0 / channels)


def _spread(
    k: Kernel, begin: Index, channels: int, values: Sequence[Value], targets: Sequence[Pointer]
) -> None:
    rows = [k.spread(value, k.lanes) for value in values]

    def some(c: Index, count: Index) -> None:
        for row, pointer in zip(rows, targets, strict=True):
            k.store(row, pointer, begin + c, count)

    k.sweep(channels, some)
