"""Local contrast normalisation with the batch in the lanes. What is taken off and what divides are a number
for each position and image, in scratch memory, so that the maps are read three times, and twice on the way
back.

Weighted means go along one axis after the other: `weights` holds the matrix of each of the three axes, one
behind the other, and is 0 beyond `reach` places from the diagonal.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
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
    one, two, three, middle = part.room(), part.room(), part.room(), k.scratch(F32, batch.images)
    with part.each() as (position, own):
        totals = part.totals(lambda c, v: [k.vector(px, part.at(x, position, c) + v)])
        for v, (total,) in totals.items():
            k.store(total * (1.0 / x.channels), one, own + v)
    mean, square = part.blur(one, two)
    with part.each() as (position, own):
        levels = part.numbers(mean, own)

        def far_squared(c: Index, v: int) -> list[Value]:
            far = k.vector(px, part.at(x, position, c) + v) - levels[v]
            return [far * far]

        for v, (total,) in part.totals(far_squared).items():
            k.store(total * (1.0 / x.channels), square, own + v)
    sigma, _ = part.blur(square, three)
    with part.each() as (position, own):
        for v, var in part.numbers(sigma, own).items():
            for target, at in ((sigma, own), *((each, part.kept(position)) for each in kept)):
                k.store(k.sqrt(var), target, at + v)
    part.mean(sigma, 0, middle)
    with part.each() as (position, own):
        levels, roots, middles = part.numbers(mean, own), part.numbers(sigma, own), part.numbers(middle, 0)
        shares = {v: 1.0 / k.max(k.max(roots[v], middles[v]), norm.floor) for v in roots}
        with k.loop(x.channels) as c:
            for v, share in shares.items():
                far = k.vector(px, part.at(x, position, c) + v) - levels[v]
                k.store(far * share, py, part.at(y, position, c) + v)
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
    through, one, two, direct, level = (part.room() for _ in range(5))
    middle = k.scratch(F32, batch.images)
    part.mean(kept, part.kept(0), middle)

    def read(position: Index, c: Index, v: int) -> tuple[Value, Value]:
        """dy and y."""
        return k.vector(pdy, part.at(dy, position, c) + v), k.vector(py, part.at(y, position, c) + v)

    def divisors(position: Index) -> dict[int, tuple[Value, Value, Value]]:
        """sigma, its mean, and what divides."""
        found = {}
        for v, sigma in part.numbers(kept, part.kept(position)).items():
            over_all = k.vector(middle, v)
            found[v] = sigma, over_all, k.max(k.max(sigma, over_all), norm.floor)
        return found

    with part.each() as (position, own):

        def terms(c: Index, v: int) -> list[Value]:
            d, value = read(position, c, v)
            return [d, value, d * value]

        divided = divisors(position)
        for v, (of_dy, of_y, of_both) in part.totals(terms, 3).items():
            sigma, over_all, divisor = divided[v]
            ddivisor = -of_both / divisor
            by_sigma = k.select((sigma >= over_all) & (sigma >= norm.floor), ddivisor, 0.0)
            by_mean = k.select((over_all > sigma) & (over_all >= norm.floor), ddivisor, 0.0)
            values = by_sigma, by_mean, of_dy / divisor, of_y * divisor
            for value, target in zip(values, (one, two, direct, level), strict=True):
                k.store(value, target, own + v)
    taken = _taken(part, kept, (through, one, two, direct, level))
    with part.each() as (position, own):
        slopes, off = part.numbers(through, own), part.numbers(taken, own)
        divided = divisors(position)
        shares = {v: 1.0 / divisor for v, (_, _, divisor) in divided.items()}
        slopes = {v: slopes[v] * divisor for v, (_, _, divisor) in divided.items()}
        with k.loop(y.channels) as c:
            for v, share in shares.items():
                d, value = read(position, c, v)
                result = k.fma(d, share, k.fma(value, slopes[v], -off[v]))
                put(k, result, pdx, part.at(dx, position, c) + v, accumulate)
    return k


def _taken(part: _Part, kept: Pointer, rooms: tuple[Pointer, ...]) -> Pointer:
    """What dx lacks to dv at each position; `through` becomes 2 * the gradient of the squares of v, a map."""
    (through, one, two, direct, level), k = rooms, part.k
    by_mean, maps = k.scratch(F32, part.batch.images), part.x.channels
    part.mean(two, 0, by_mean)
    with part.each() as (position, own):
        for v, sigma in part.numbers(kept, part.kept(position)).items():
            dsigma = k.vector(one, own + v) + k.vector(by_mean, v)
            k.store(k.select(sigma > 0.0, dsigma / (sigma + sigma), 0.0), one, own + v)
    dsquare, other = part.blur(one, two, adjoint=True)
    with part.each() as (_, own):
        for v, value in part.numbers(dsquare, own).items():
            twice = value * (2.0 / maps)
            k.store(twice, through, own + v)
            dv = k.fma(twice, k.vector(level, own + v), k.vector(direct, own + v))  # of all maps
            k.store(dv * (1.0 / maps), other, own + v)
    return part.blur(other, dsquare, adjoint=True)[0]


@dataclass(frozen=True)
class _Part:
    """The positions of the task's group of images."""

    k: Kernel
    batch: Batch
    norm: Contrast
    x: Volume
    weights: Pointer

    @property
    def vectors(self) -> range:
        """The first image of each vector."""
        return range(0, self.batch.images, self.k.lanes)

    def room(self) -> Pointer:
        """For a number for each position and image."""
        return self.k.scratch(F32, self.x.positions * self.batch.images)

    @contextmanager
    def each(self) -> Iterator[tuple[Index, Index]]:
        """Every position, and where its images lie in a room."""
        with self.k.loop(self.x.positions) as position:
            yield position, position * self.batch.images

    def at(self, volume: Volume, position: Index, channel: Index) -> Index:
        """Where the images of a number lie in a value."""
        place = self.k.task * volume.group_stride(self.batch) + position * (volume.pitch * self.batch.images)
        return place + channel * self.batch.images

    def kept(self, position: Index) -> Index:
        """Where the images of a position lie in what forward keeps."""
        return (self.k.task * self.x.positions + position) * self.batch.images

    def numbers(self, of: Pointer, first: Index) -> dict[int, Value]:
        """A number for each image, by the first image of each vector."""
        return {v: self.k.vector(of, first + v) for v in self.vectors}

    def totals(self, terms: Callable[[Index, int], list[Value]], many: int = 1) -> dict[int, list[Value]]:
        """Sums over all channels, by the first image of each vector: of each of terms(channel, image)."""
        k = self.k
        sums = {v: [k.register(k.zero()) for _ in range(many)] for v in self.vectors}
        with k.loop(self.x.channels) as c:
            for v, registers in sums.items():
                for register, value in zip(registers, terms(c, v), strict=True):
                    register.set(register.get() + value)
        return {v: [register.get() for register in registers] for v, registers in sums.items()}

    def mean(self, of: Pointer, first: Index, target: Pointer) -> None:
        """Of all positions, for each image."""
        k = self.k
        totals = {v: k.register(k.zero()) for v in self.vectors}
        with self.each() as (_, own):
            for v, total in totals.items():
                total.set(total.get() + k.vector(of, first + own + v))
        for v, total in totals.items():
            k.store(total.get() * (1.0 / self.x.positions), target, v)

    def blur(self, source: Pointer, target: Pointer, adjoint: bool = False) -> tuple[Pointer, Pointer]:
        """The weighted mean around every position, or the adjoint. Both rooms are written; the first that is
        returned holds the result.
        """
        k, sizes, reach, first = self.k, self.x.sizes, self.norm.reach, 0
        for axis, places in enumerate(sizes):
            inner = math.prod(sizes[axis + 1 :])
            if places > 1:
                with self.each() as (position, own):
                    outer, rest = divmod(position, places * inner)
                    p, i = divmod(rest, inner)
                    totals = {v: k.register(k.zero()) for v in self.vectors}
                    with k.loop(higher(p - reach, 0), lower(p + reach + 1, places)) as q:
                        row, column = (q, p) if adjoint else (p, q)
                        weight = k.splat(self.weights, first + row * places + column)
                        there = (outer * (places * inner) + q * inner + i) * self.batch.images
                        for v, total in totals.items():
                            total.set(k.fma(weight, k.vector(source, there + v), total.get()))
                    for v, total in totals.items():
                        k.store(total.get(), target, own + v)
                source, target = target, source
            first += places * places
        return source, target
