"""Local contrast normalisation with the batch in the lanes. What is taken off and what divides are a number
for each position and image, in scratch memory, so that the maps are read three times, and twice on the way
back.

Weighted means go along one axis after the other: `weights` holds the matrix of each of the three axes, one
behind the other, and is 0 beyond `reach` places from the diagonal.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kitnet.kernels.cpu import Cpu
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume
from kitnet.kernels.types import F32
from kitnet.kernels.values import Index, Pointer, Value
from kitnet.kernels.walk import higher, lower, over, put


@dataclass(frozen=True)
class Contrast:
    """How far a window reaches to both sides, and the least that divides."""

    reach: int
    floor: float


def contrast_norm(
    name: str, cpu: Cpu, batch: Batch, norm: Contrast, x: Volume, y: Volume, keeps: bool = False
) -> Kernel:
    """x, weights -> y, and if it `keeps` it for the way back, sigma (groups, positions, images)."""
    k = over(name, cpu, batch, 1, x=x.type, weights=F32, y=y.type, **({"sigma": F32} if keeps else {}))
    px, weights, py, *kept = k.pointers
    part = _Part(k, batch, norm, x, weights)
    one, two, middle = part.room(), part.room(), k.scratch(F32, batch.images)
    with part.each() as (position, v):
        total = k.register(k.zero())
        with k.loop(x.channels) as c:
            total.set(total.get() + k.vector(px, part.at(x, position, c) + v))
        k.store(total.get() * (1.0 / x.channels), one, part.own(position) + v)
    mean, square = part.blur(one, two)
    with part.each() as (position, v):
        total, level = k.register(k.zero()), k.vector(mean, part.own(position) + v)
        with k.loop(x.channels) as c:
            far = k.vector(px, part.at(x, position, c) + v) - level
            k.store(far, py, part.at(y, position, c) + v)
            total.set(k.fma(far, far, total.get()))
        k.store(total.get() * (1.0 / x.channels), square, part.own(position) + v)
    sigma, _ = part.blur(square, mean)
    with part.each() as (position, v):
        root = k.sqrt(k.vector(sigma, part.own(position) + v))
        for target, at in ((sigma, part.own(position)), *((each, part.kept(position)) for each in kept)):
            k.store(root, target, at + v)
    part.mean(sigma, 0, middle)
    with part.each() as (position, v):
        here = k.vector(sigma, part.own(position) + v)
        share = 1.0 / k.max(k.max(here, k.vector(middle, v)), norm.floor)
        with k.loop(x.channels) as c:
            at = part.at(y, position, c) + v
            k.store(k.vector(py, at) * share, py, at)
    return k


def contrast_norm_gradient(
    name: str,
    cpu: Cpu,
    batch: Batch,
    norm: Contrast,
    y: Volume,
    dy: Volume,
    dx: Volume,
    accumulate: bool = False,
) -> Kernel:
    """y, sigma, weights, dy -> dx, which may be dy. The names are those of the formula's backward, whose v is
    y times the divisor.
    """
    given = {"y": y.type, "sigma": F32, "weights": F32, "dy": dy.type, "dx": dx.type}
    k = over(name, cpu, batch, 1, **given)
    py, kept, weights, pdy, pdx = k.pointers
    part = _Part(k, batch, norm, y, weights)
    middle, by_mean = k.scratch(F32, batch.images), k.scratch(F32, batch.images)
    through, one, two, direct, level = (part.room() for _ in range(5))
    part.mean(kept, part.kept(0), middle)

    def divisor(position: Index, v: Index) -> tuple[Value, Value, Value]:
        sigma, all_of_it = k.vector(kept, part.kept(position) + v), k.vector(middle, v)
        return sigma, all_of_it, k.max(k.max(sigma, all_of_it), norm.floor)

    with part.each() as (position, v):
        sums = of_dy, of_y, of_both = [k.register(k.zero()) for _ in range(3)]
        with k.loop(y.channels) as c:
            d, value = k.vector(pdy, part.at(dy, position, c) + v), k.vector(py, part.at(y, position, c) + v)
            for total, more in zip(sums, (d, value, d * value), strict=True):
                total.set(total.get() + more)
        sigma, all_of_it, divides = divisor(position, v)
        ddivisor, at = -of_both.get() / divides, part.own(position) + v
        k.store(k.select((sigma >= all_of_it) & (sigma >= norm.floor), ddivisor, 0.0), one, at)
        k.store(k.select((all_of_it > sigma) & (all_of_it >= norm.floor), ddivisor, 0.0), two, at)
        k.store(of_dy.get() / divides, direct, at)
        k.store(of_y.get() * divides, level, at)
    part.mean(two, 0, by_mean)
    with part.each() as (position, v):
        at, (sigma, _, _) = part.own(position) + v, divisor(position, v)
        dsigma = k.vector(one, at) + k.vector(by_mean, v)
        k.store(k.select(sigma > 0.0, dsigma / (sigma + sigma), 0.0), one, at)
    dsquare, other = part.blur(one, two, adjoint=True)
    with part.each() as (position, v):
        at = part.own(position) + v
        twice = k.vector(dsquare, at) * (2.0 / y.channels)
        k.store(twice, through, at)
        k.store(k.fma(twice, k.vector(level, at), k.vector(direct, at)), other, at)
    taken, _ = part.blur(other, dsquare, adjoint=True)
    with part.each() as (position, v):
        at, (_, _, divides) = part.own(position) + v, divisor(position, v)
        share, slope = 1.0 / divides, k.vector(through, at) * divides
        off = k.vector(taken, at) * (1.0 / y.channels)
        with k.loop(y.channels) as c:
            d, value = k.vector(pdy, part.at(dy, position, c) + v), k.vector(py, part.at(y, position, c) + v)
            put(k, k.fma(d, share, k.fma(value, slope, -off)), pdx, part.at(dx, position, c) + v, accumulate)
    return k


@dataclass(frozen=True)
class _Part:
    """The positions of the task's group of images."""

    k: Kernel
    batch: Batch
    norm: Contrast
    x: Volume
    weights: Pointer

    def room(self) -> Pointer:
        """For a number for each position and image."""
        return self.k.scratch(F32, self.x.positions * self.batch.images)

    @contextmanager
    def each(self) -> Iterator[tuple[Index, Index]]:
        """Every position, and the first image of every vector."""
        k = self.k
        with k.loop(self.x.positions) as position, k.loop(0, self.batch.images, k.lanes) as v:
            yield position, v

    def at(self, volume: Volume, position: Index, channel: Index) -> Index:
        """Where the images of a number lie in a value."""
        place = self.k.task * volume.group_stride(self.batch) + position * (volume.pitch * self.batch.images)
        return place + channel * self.batch.images

    def own(self, position: Index) -> Index:
        """Where the images of a position lie in scratch memory."""
        return position * self.batch.images

    def kept(self, position: Index) -> Index:
        """Where they lie in what forward keeps."""
        return (self.k.task * self.x.positions + position) * self.batch.images

    def mean(self, of: Pointer, first: Index, target: Pointer) -> None:
        """Of all positions, for each image."""
        k = self.k
        with k.loop(0, self.batch.images, k.lanes) as v:
            total = k.register(k.zero())
            with k.loop(self.x.positions) as position:
                total.set(total.get() + k.vector(of, first + self.own(position) + v))
            k.store(total.get() * (1.0 / self.x.positions), target, v)

    def blur(self, source: Pointer, target: Pointer, adjoint: bool = False) -> tuple[Pointer, Pointer]:
        """The weighted mean around every position, or the adjoint. Both rooms are written; the first that is
        returned holds the result.
        """
        k, sizes, first = self.k, self.x.sizes, 0
        for axis, places in enumerate(sizes):
            inner = 1
            for behind in sizes[axis + 1 :]:
                inner *= behind
            if places > 1:
                with self.each() as (position, v):
                    outer, rest = divmod(position, places * inner)
                    p, i = divmod(rest, inner)
                    total = k.register(k.zero())
                    reach = self.norm.reach
                    with k.loop(higher(p - reach, 0), lower(p + reach + 1, places)) as q:
                        row, column = (q, p) if adjoint else (p, q)
                        weight = k.splat(self.weights, first + row * places + column)
                        there = self.own(outer * (places * inner) + q * inner + i) + v
                        total.set(k.fma(weight, k.vector(source, there), total.get()))
                    k.store(total.get(), target, self.own(position) + v)
                source, target = target, source
            first += places * places
        return source, target
