"""Layer, group and instance normalisation. With the batch in the lanes, which is what stands here, each lane
has the statistics of its own image, and nothing goes across lanes but the gradients of scale and shift.

    forward   the statistics of a task's sets, then one pass that applies them
    backward  the means of each set and the gradients of scale and shift, then one pass that makes dx

Lanes beyond the batch repeat the last image; their dy is 0, and so is what they give.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from kitnet.kernels.activation import Activation
from kitnet.kernels.channels.sample_norm import sample_norm_channels
from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.sets import Sets
from kitnet.kernels.spec import Batch, Volume
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Pointer, Register, Value
from kitnet.kernels.walk import over, put, share


def sample_norm(
    name: str,
    cpu: Cpu,
    batch: Batch,
    sets: Sets,
    x: Volume,
    y: Volume,
    eps: float,
    activation: Activation | None = None,
    keeps: bool = False,
    blocks: int = 1,
) -> Kernel:
    """x, perhaps scale and shift -> y = f(scale * (x - mean) / sqrt(var + eps) + shift), in either layout. If
    it `keeps` them for the way back, mean and inverse = 1 / sqrt(var + eps) as well, each (groups, sets,
    images). The pieces of the sets are cut into blocks.
    """
    if x.lanes == "channels":
        return sample_norm_channels(name, cpu, batch, sets, x, y, eps, activation, blocks)
    kept = dict.fromkeys(("mean", "inverse") if keeps else (), F32)
    k = over(name, cpu, batch, blocks, x=x.type, **sets.named("scale", "shift"), y=y.type, **kept)
    px, *affine = k.pointers[: 3 if sets.affine else 1]
    py, *saved = k.pointers[1 + len(affine) :]
    found = [k.scratch(F32, sets.groups * batch.images) for _ in range(2)]
    with _task(k, batch, sets, x) as part:
        _statistics(k, part, x, px, eps, found)
        with k.loop(*part.groups) as g:
            for source, target in zip(found, saved, strict=False):
                for v in part.vectors:
                    k.store(k.vector(source, part.own(g) + v), target, part.kept(g) + v)
        with k.loop(*part.positions) as position, k.loop(*part.groups) as g:
            mean, inverse = ([k.vector(each, part.own(g) + v) for v in part.vectors] for each in found)
            with part.channels(g) as c:
                at_x, at_y = (part.at(volume, position, c) for volume in (x, y))
                weights = [k.splat(each, part.weight(position, c)) for each in affine]
                for i, v in enumerate(part.vectors):
                    value = (k.vector(px, at_x + v) - mean[i]) * inverse[i]
                    value = k.fma(value, *weights) if weights else value
                    k.store(activation.value(value) if activation else value, py, at_y + v)
    return k


def sample_norm_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    sets: Sets,
    x: Volume,
    dy: Volume,
    dx: Volume,
    accumulate: bool = False,
    blocks: int = 1,
) -> Kernel:
    """x, mean, inverse, perhaps scale, dy -> dx, which may be the memory of dy, and perhaps the parts of
    dscale and dshift, each (chunks, numbers of a scale). Blocks as of `sample_norm`; each is a chunk where
    positions are cut, otherwise the blocks of a group write one chunk together.
    """
    given = {"x": x.type, "mean": F32, "inverse": F32, **sets.named("scale"), "dy": dy.type, "dx": dx.type}
    k = over(name, cpu, batch, blocks, **given, **sets.named("dscale", "dshift"))
    px, *kept = k.pointers[:3]
    *affine, pdy, pdx = k.pointers[3 : len(given)]
    sums = [k.scratch(F32, sets.groups * batch.images) for _ in range(2)]
    parameters = _Parameters(k, batch, sets, x, k.pointers[len(given) :])
    parameters.begin()
    with _task(k, batch, sets, x) as part:

        def statistics(g: Index) -> list[list[Value]]:
            return [[k.vector(each, part.kept(g) + v) for v in part.vectors] for each in kept]

        def numbers(position: Index, c: Index, v: int, mean: Value, inverse: Value) -> tuple[Value, ...]:
            """normalised, dy, and dy times the scale."""
            normalised = (k.vector(px, part.at(x, position, c) + v) - mean) * inverse
            d = k.vector(pdy, part.at(dy, position, c) + v)
            return normalised, d, d * k.splat(affine[0], part.weight(position, c)) if affine else d

        part.clear(sums)
        with k.loop(*part.positions) as position, k.loop(*part.groups) as g:
            mean, inverse = statistics(g)
            totals = [[k.register(k.zero()) for _ in part.vectors] for _ in sums]
            with part.channels(g) as c:
                of_weights: list[tuple[Value, Value]] = []
                for i, v in enumerate(part.vectors):
                    normalised, d, scaled = numbers(position, c, v, mean[i], inverse[i])
                    totals[0][i].set(totals[0][i].get() + scaled)
                    totals[1][i].set(k.fma(scaled, normalised, totals[1][i].get()))
                    of_weights.append((d * normalised, d))
                parameters.add(part, position, c, of_weights)
            part.add(sums, g, totals)
        share_of_each = 1.0 / sets.size(x)
        with k.loop(*part.positions) as position, k.loop(*part.groups) as g:
            mean, inverse = statistics(g)
            means = [[k.vector(each, part.own(g) + v) * share_of_each for v in part.vectors] for each in sums]
            with part.channels(g) as c:
                for i, v in enumerate(part.vectors):
                    normalised, _, scaled = numbers(position, c, v, mean[i], inverse[i])
                    far = k.fma(-normalised, means[1][i], scaled - means[0][i])
                    put(k, far * inverse[i], pdx, part.at(dx, position, c) + v, accumulate)
    parameters.end()
    return k


def _statistics(k: Kernel, part: _Part, x: Volume, px: Pointer, eps: float, found: Sequence[Pointer]) -> None:
    """mean and inverse of every set, into `found`.

    Distances are from a pivot, the mean of the set at its first position, so that squares do not cancel
    however far the numbers are from 0. A position's sums are added to those of all, which rounds less often.
    """
    pivots = k.scratch(F32, part.sets.groups * part.batch.images)
    width, size = part.sets.width(x), part.sets.size(x)
    part.clear(found)
    with k.loop(*part.groups) as g:
        firsts = [k.register(k.zero()) for _ in part.vectors]
        with part.channels(g) as c:
            for first, v in zip(firsts, part.vectors, strict=True):
                first.set(first.get() + k.vector(px, part.at(x, part.positions[0], c) + v))
        for first, v in zip(firsts, part.vectors, strict=True):
            k.store(first.get() * (1.0 / width), pivots, part.own(g) + v)
    with k.loop(*part.positions) as position, k.loop(*part.groups) as g:
        pivot = [k.vector(pivots, part.own(g) + v) for v in part.vectors]
        totals, squares = sums = [[k.register(k.zero()) for _ in part.vectors] for _ in found]
        with part.channels(g) as c:
            for i, v in enumerate(part.vectors):
                d = k.vector(px, part.at(x, position, c) + v) - pivot[i]
                totals[i].set(totals[i].get() + d)
                squares[i].set(k.fma(d, d, squares[i].get()))
        part.add(found, g, sums)
    with k.loop(*part.groups) as g:
        for v in part.vectors:
            at = part.own(g) + v
            far, square = k.vector(found[0], at) * (1.0 / size), k.vector(found[1], at) * (1.0 / size)
            var = k.max(k.fma(-far, far, square), 0.0)
            k.store(k.vector(pivots, at) + far, found[0], at)
            k.store(1.0 / k.sqrt(var + eps), found[1], at)


@dataclass(frozen=True)
class _Part:
    """The sets that a task does at once: groups of channels at some positions, of a group of images."""

    k: Kernel
    batch: Batch
    sets: Sets
    x: Volume
    group: Index
    positions: tuple[Index, Index]
    groups: tuple[Index, Index]

    @property
    def vectors(self) -> range:
        """The first image of each vector."""
        return range(0, self.batch.images, self.k.lanes)

    @contextmanager
    def channels(self, g: Index) -> Iterator[Index]:
        """Every channel of a group."""
        width = self.sets.width(self.x)
        with self.k.loop(width) as c:
            yield g * width + c

    def at(self, volume: Volume, position: Index, channel: Index) -> Index:
        """Where the images of a number lie in a value."""
        place = self.group * volume.group_stride(self.batch) + position * (volume.pitch * self.batch.images)
        return place + channel * self.batch.images

    def own(self, g: Index) -> Index:
        """Where the images of a set lie in scratch memory."""
        return g * self.batch.images

    def kept(self, g: Index) -> Index:
        """Where they lie in what forward keeps."""
        number = self.positions[0] if self.sets.apart else g
        return (self.group * self.sets.count(self.x) + number) * self.batch.images

    def weight(self, position: Index, channel: Index) -> Index:
        """The number of a scale."""
        return position * self.x.channels + channel if self.sets.affine == "numbers" else channel

    def clear(self, sums: Sequence[Pointer]) -> None:
        with self.k.loop(*self.groups) as g:
            for pointer in sums:
                for v in self.vectors:
                    self.k.store(self.k.zero(), pointer, self.own(g) + v)

    def add(self, sums: Sequence[Pointer], g: Index, more: Sequence[Sequence[Register]]) -> None:
        for pointer, registers in zip(sums, more, strict=True):
            for register, v in zip(registers, self.vectors, strict=True):
                put(self.k, register.get(), pointer, self.own(g) + v, accumulate=True)


@contextmanager
def _task(k: Kernel, batch: Batch, sets: Sets, x: Volume) -> Iterator[_Part]:
    """The parts of a task."""
    group, first, last = share(k, batch, sets.pieces(x, k.lanes))
    if not sets.apart:
        yield _Part(k, batch, sets, x, group, (0, x.positions), (first, last))
        return
    with k.loop(first, last) as position:
        yield _Part(k, batch, sets, x, group, (position, position + 1), (0, 1))


class _Parameters:
    """The gradients of scale and shift: one for each number of a sample is added up across the lanes at once;
    one a channel has sums of its own in every lane while positions go by.
    """

    def __init__(self, k: Kernel, batch: Batch, sets: Sets, x: Volume, targets: Sequence[Pointer]) -> None:
        self._k, self._batch, self._sets, self._x, self._targets = k, batch, sets, x, targets
        self._group, first, last = share(k, batch, sets.pieces(x, k.lanes))
        self._chunk = k.task if sets.apart else self._group
        width = sets.width(x)
        self._channels = (0, x.channels) if sets.apart else (first * width, last * width)
        lanewise = targets and sets.affine == "channels"
        self._sums = [k.scratch(F32, x.channels * batch.images) for _ in targets] if lanewise else []

    def begin(self) -> None:
        k, images = self._k, self._batch.images
        for pointer in self._sums:
            with k.loop(self._channels[0] * images, self._channels[1] * images, k.lanes) as v:
                k.store(k.zero(), pointer, v)

    def add(self, part: _Part, position: Index, channel: Index, more: Sequence[tuple[Value, Value]]) -> None:
        k = self._k
        for values, v in zip(more, part.vectors, strict=True):
            for value, pointer in zip(values, self._sums, strict=False):
                put(k, value, pointer, channel * self._batch.images + v, accumulate=True)
        if self._sets.affine == "numbers":
            at = self._chunk * self._sets.weights(self._x) + part.weight(position, channel)
            for values, target in zip(zip(*more, strict=True), self._targets, strict=True):
                k.store(k.total(sum(values[1:], values[0])), target, at)

    def end(self) -> None:
        """The sums across the lanes."""
        k, images = self._k, self._batch.images
        with k.loop(*self._channels) as c:
            for pointer, target in zip(self._sums, self._targets, strict=False):
                first, *others = (k.vector(pointer, c * images + v) for v in range(0, images, k.lanes))
                k.store(k.total(sum(others, first)), target, self._chunk * self._x.channels + c)
