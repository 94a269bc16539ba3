"""Upsampling by whole factors. Places are little squares, and y has f of them in one of x; the centre of
place o of y lies in x at

    c = (o + 1/2) / f - 1/2

(half-pixel centres: PyTorch's align_corners=False, the only way that does not depend on the size; with
align_corners=True the centres of the corners would meet, c = o * (n - 1) / (f * n - 1)). Written for one
axis:

    nearest    y[o] = x[floor(o / f)]
    bilinear   y[o] = (1 - t) * x[i] + t * x[i + 1],  i = floor(c), t = c - i

where x goes on beyond its first and its last place as it is there. With more axes the shares are multiplied:
linear, bilinear, trilinear. The gradient goes back by the same shares.
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
from kitnet.layers.value import SIZES, argument, choice


@dataclass(frozen=True)
class Upsample(Resampling):
    """`upsample2`: y[o] = x[floor(o / 2)], each number of x twice along each axis; `upsample2 bilinear`:
    between the centres of x's places y is linear along each axis (half-pixel centres). The factor is one
    number, or one an axis."""

    word = "upsample"
    numbers = ("factor",)

    factor: Sizes = argument(SIZES)
    mode: str = argument(choice("nearest", "bilinear", bare=True), "nearest")

    def sizes(self, x: Shape) -> Shape:
        factors = self._factors(x)
        if min(factors) < 1:
            raise ShapeError(f"a factor of {say(factors)} is not possible", "use 1 or more")
        return tuple(n * f for n, f in zip(x[:-1], factors, strict=True))

    def _factors(self, x: Shape) -> Shape:
        return per_axis(self.factor, len(x) - 1, "factor")

    def lines(self, x: Shape) -> tuple[Line, ...]:
        return tuple(
            Line(n, tuple(self._sources(o, n, f) for o in range(n * f)))
            for n, f in zip(x[:-1], self._factors(x), strict=True)
        )

    def _sources(self, o: int, n: int, f: int) -> Sources:
        if self.mode == "nearest":
            return ((o // f, 1.0),)
        c = (o + 0.5) / f - 0.5
        i = math.floor(c)
        lower, upper, t = max(i, 0), min(i + 1, n - 1), c - i
        if lower == upper or not t:
            return ((lower, 1.0),)
        return (lower, 1 - t), (upper, t)

    def multiplications(self, *x: Shape) -> int:
        if self.mode == "nearest":
            return 0
        return math.prod(self.output_shape(*x)) * 2 ** (len(x[0]) - 1)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        """By repetition, and by hats: each number of x counts less the further y's place is from it."""
        y = x[0]
        for axis, f in enumerate(self._factors(y.shape[1:]), start=1):
            if self.mode == "nearest":
                y = np.repeat(y, f, axis)
                continue
            n = y.shape[axis]
            centres = np.clip((np.arange(n * f) + 0.5) / f - 0.5, 0, n - 1)
            hats = np.maximum(0, 1 - abs(centres[:, None] - np.arange(n)))
            y = np.moveaxis(np.moveaxis(y, axis, -1) @ hats.T.astype(y.dtype), -1, axis)
        return np.ascontiguousarray(y)

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(2), ((2, 3, 2),))
        yield Case(cls(2, "bilinear"), ((3, 2, 3),))
        yield Case(cls((3, 1), "bilinear"), ((2, 2, 1),), batch=1)
        yield Case(cls(4, "bilinear"), ((3, 2),))
