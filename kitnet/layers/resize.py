"""Resizing to any number of places. Place o of y lies in x at c, by one of five ways to lay the two over each
other, with n places of x, m of y, and a scale f, m / n unless it is given:

    half_pixel             c = (o + 1/2) / f - 1/2         the edges meet
    pytorch_half_pixel     the same, but c = 0 where m = 1
    half_pixel_symmetric   the same plus n / 2 - m / 2f    the middles meet where f n is no whole number
    asymmetric             c = o / f                       the first places meet
    align_corners          c = o (n - 1) / (f n - 1)       the centres of the corners meet
    crop                   c = s (n - 1) + o (e - s) (n - 1) / (f n - 1),  s and e from `region`

Written for one axis, y is then

    nearest          y[o] = x[c], of two places the one that `rounding` says
    linear, cubic    y[o] = sum over i of k(i - c) x[i]

    linear   k(d) = 1 - |d| up to 1
    cubic    k(d) = (a + 2)|d|^3 - (a + 3) d^2 + 1 up to 1, a|d|^3 - 5a d^2 + 8a|d| - 4a up to 2   (Keys 1981)

where x goes on beyond its ends as it is there, or, with `exclude_outside`, the shares that lie outside go to
the others in proportion. With `antialias` a smaller y has a wider k, k(f (i - c)), divided by its sum. Places
that `crop` puts outside of x are 0. With more axes the shares are multiplied; the gradient goes back by the
same shares. The names are those of ONNX's Resize.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, Sizes, per_axis, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Case, Context
from kitnet.layers.resampling import Line, Resampling, Sources
from kitnet.layers.value import REALS, SIZES, argument, choice

CENTRES = (
    *("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric"),
    *("asymmetric", "align_corners", "crop"),
)
ROUNDINGS = ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil")


@dataclass(frozen=True)
class Resize(Resampling):
    """`resize8x6 linear`: y = x on 8x6 places, between the centres of x's places along straight lines;
    `resize8 cubic`: along cubic curves; `resize8`: the nearest number. `centres`, `rounding`, `scale` and
    `region`, one an axis, say where places lie."""

    word = "resize"
    numbers = ("to",)

    to: Sizes = argument(SIZES)
    mode: str = argument(choice("nearest", "linear", "cubic", bare=True), "nearest")
    centres: str = argument(choice(*CENTRES), "half_pixel")
    rounding: str = argument(choice(*ROUNDINGS), "round_prefer_floor")
    scale: tuple[float, ...] | None = argument(REALS, None)  # None: the quotient of the sizes
    region: tuple[float, ...] | None = argument(REALS, None)  # the beginning of each axis, then the ends
    a: float = -0.75  # of cubic curves
    exclude_outside: bool = False
    antialias: bool = False

    def sizes(self, x: Shape) -> Shape:
        axes, to = len(x) - 1, per_axis(self.to, len(x) - 1, "size")
        if min(to) < 1:
            raise ShapeError(f"a size of {say(to)} is not possible", "use 1 or more")
        if self.scale is not None and (len(self.scale) != axes or min(self.scale) <= 0):
            raise ShapeError(
                f"a scale of {REALS.write(self.scale)} does not fit {say(x)}",
                f"give {axes} numbers above 0, one for each axis but the depth",
            )
        if (self.centres == "crop") != (self.region is not None):
            raise ShapeError("centres=crop and a region go together", "give both, or none of them")
        if self.region is not None and len(self.region) != 2 * axes:
            raise ShapeError(
                f"a region of {len(self.region)} numbers does not fit {say(x)}",
                f"give {2 * axes}, the beginning of each axis but the depth, then the ends",
            )
        return to

    def lines(self, x: Shape) -> tuple[Line, ...]:
        return tuple(
            Line(n, tuple(self._sources(c, n, f) for c in self._centres(n, m, f, axis)))
            for axis, (n, m, f) in enumerate(self._axes(x))
        )

    def _axes(self, x: Shape) -> list[tuple[int, int, float]]:
        """The places of x and of y, and the scale, of each axis."""
        to = self.sizes(x)
        scales = self.scale or tuple(m / n for n, m in zip(x[:-1], to, strict=True))
        return list(zip(x[:-1], to, scales, strict=True))

    def _centres(self, n: int, m: int, f: float, axis: int) -> list[float]:
        """Where each place of y lies in x."""
        places, last = range(m), f * n - 1
        match self.centres:
            case "asymmetric":
                return [o / f for o in places]
            case "align_corners":
                return [o * (n - 1) / last if last else 0.0 for o in places]
            case "crop":
                assert self.region is not None
                start, end = self.region[axis], self.region[axis + len(self.region) // 2]
                if not last:
                    return [(start + (end - start) / 2) * (n - 1)] * m
                return [start * (n - 1) + o * (end - start) * (n - 1) / last for o in places]
            case "pytorch_half_pixel" if m == 1:
                return [0.0]
            case "half_pixel_symmetric":
                middle = n / 2 * (1 - m / (f * n))
                return [middle + (o + 0.5) / f - 0.5 for o in places]
        return [(o + 0.5) / f - 0.5 for o in places]

    def _sources(self, c: float, n: int, f: float) -> Sources:
        if self.centres == "crop" and not 0 <= c <= n - 1:
            return ()
        if self.mode == "nearest":
            return ((min(max(self._nearest(c), 0), n - 1), 1.0),)
        narrow = min(f, 1.0) if self.antialias else 1.0
        reach = (1 if self.mode == "linear" else 2) / narrow
        found: dict[int, float] = {}
        for i in range(math.ceil(c - reach), math.floor(c + reach) + 1):
            share = self._share(narrow * (i - c))
            if share and (0 <= i < n or not self.exclude_outside):
                place = min(max(i, 0), n - 1)
                found[place] = found.get(place, 0.0) + share
        total = math.fsum(found.values())
        return tuple((place, share / total) for place, share in sorted(found.items()))

    def _nearest(self, c: float) -> int:
        below, part = math.floor(c), c - math.floor(c)
        match self.rounding:
            case "floor":
                return below
            case "ceil":
                return math.ceil(c)
            case "round_prefer_ceil":
                return below + (part >= 0.5)
        return below + (part > 0.5)

    def _share(self, d: float) -> float:
        """k"""
        d = abs(d)
        if self.mode == "linear":
            return max(1 - d, 0)
        if d <= 1:
            return (self.a + 2) * d**3 - (self.a + 3) * d**2 + 1
        return self.a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0

    def multiplications(self, *x: Shape) -> int:
        if self.mode == "nearest":
            return 0
        taps = [
            2 * math.ceil((1 if self.mode == "linear" else 2) / (min(f, 1.0) if self.antialias else 1))
            for _, _, f in self._axes(x[0])
        ]
        return math.prod(self.output_shape(*x)) * math.prod(taps)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        """Along each axis x with its ends repeated, times a matrix of the shares of all its places."""
        y = x[0]
        for axis, (n, m, f) in enumerate(self._axes(y.shape[1:])):
            centres = np.array(self._centres(n, m, f, axis))[:, None]
            around = math.ceil(2 / min(f, 1.0)) + math.ceil(float(np.abs(centres).max()))
            places = np.arange(-around, n + around)
            if self.mode == "nearest":
                rounded = {
                    "floor": np.floor(centres),
                    "ceil": np.ceil(centres),
                    "round_prefer_floor": np.ceil(centres - 0.5),
                    "round_prefer_ceil": np.floor(centres + 0.5),
                }[self.rounding]
                shares = (places == rounded).astype(float)
            else:
                narrow = min(f, 1.0) if self.antialias else 1.0
                shares = np.vectorize(self._share, otypes=[float])(narrow * (places - centres))
            if self.exclude_outside:
                shares[:, (places < 0) | (places >= n)] = 0
            shares /= shares.sum(1, keepdims=True)
            if self.centres == "crop":
                shares[((centres < 0) | (centres > n - 1))[:, 0]] = 0
            rows = np.moveaxis(y, axis + 1, -1).take(np.clip(places, 0, n - 1), -1)
            y = np.moveaxis(rows @ shares.T.astype(y.dtype), -1, axis + 1)
        return np.ascontiguousarray(y)

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls((3, 2)), ((2, 3, 1),))
        yield Case(cls(3, "linear", "align_corners"), ((2, 2, 1),), batch=1)
        yield Case(cls((2, 3), "cubic", exclude_outside=True), ((3, 2, 1),), batch=1)
        yield Case(cls(2, "linear", antialias=True), ((5, 2),), batch=1)
        yield Case(cls(3, "cubic", "half_pixel_symmetric", scale=(0.7,), a=-0.5), ((5, 1),), batch=1)
        yield Case(cls(3, rounding="ceil", centres="asymmetric"), ((4, 1),), batch=1)
        yield Case(cls(3, "linear", "crop", region=(0.2, 1.1)), ((4, 1),), batch=1)
