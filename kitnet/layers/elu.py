"""Exponential linear units, which fall to a limit below 0:

    elu    y = x where x > 0, alpha (e^x - 1) elsewhere
           dx = dy where y > 0, (y + alpha) dy elsewhere
    selu   y = scale elu(x), with an alpha and a scale of its own
           dx = scale dy where y > 0, (y + scale alpha) dy elsewhere
    celu   y = x where x > 0, alpha (e^(x / alpha) - 1) elsewhere
           dx = dy where y > 0, (y / alpha + 1) dy elsewhere

Clevert, Unterthiner & Hochreiter 2016, equation 15 (elu); Klambauer et al. 2017, "Self-normalizing neural
networks", equation 2 and the numbers behind equation 14 (selu); Barron 2017, "Continuously differentiable
exponential linear units", equation 1 (celu), whose slope is 1 on both sides of 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pointwise import Pointwise


@dataclass(frozen=True)
class Elu(Pointwise):
    """`elu alpha=1`: y = x where x > 0, y = alpha (e^x - 1) elsewhere."""

    word = "elu"
    keeps = frozenset({"y"})

    alpha: float = 1.0

    def output_shape(self, *x: Shape) -> Shape:
        if not 0 <= self.alpha < math.inf:
            raise ShapeError(f"an alpha of {self.alpha:g} is not possible", "use 0 or more, such as 1")
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.where(x[0] > 0, x[0], self.alpha * np.expm1(np.minimum(x[0], 0))))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((np.where(kept.y > 0, dy, (kept.y + self.alpha) * dy),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: v if v > 0 else self.alpha * math.expm1(v), otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(0.3), ((7,),), batch=1)
        yield Case(cls(2.0), ((5, 2),), draw=lambda random, shapes: (random.uniform(-30, 30, shapes[0]),))


@dataclass(frozen=True)
class Selu(Pointwise):
    """`selu`: y = scale x where x > 0, y = scale alpha (e^x - 1) elsewhere, with the alpha of 1.673 and the
    scale of 1.051 that keep a mean of 0 and a variance of 1."""

    word = "selu"
    keeps = frozenset({"y"})

    alpha: float = 1.6732632423543772
    scale: float = 1.0507009873554805

    def output_shape(self, *x: Shape) -> Shape:
        for name, given in (("alpha", self.alpha), ("scale", self.scale)):
            if given < 0:
                raise ShapeError(f"{name} of selu is not below 0, but {given:g}", "use 0 or more")
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        below = self.alpha * np.expm1(np.minimum(x[0], 0))
        return Forward(self.scale * np.where(x[0] > 0, x[0], below))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((np.where(kept.y > 0, self.scale, kept.y + self.scale * self.alpha) * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        def one(v: float) -> float:
            return self.scale * v if v > 0 else self.scale * self.alpha * math.expm1(v)

        return np.vectorize(one, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 2),))
        yield Case(cls(2.0, 3.0), ((7,),), batch=1)


@dataclass(frozen=True)
class Celu(Pointwise):
    """`celu alpha=1`: y = x where x > 0, y = alpha (e^(x / alpha) - 1) elsewhere."""

    word = "celu"
    keeps = frozenset({"y"})

    alpha: float = 1.0

    def output_shape(self, *x: Shape) -> Shape:
        if not self.alpha > 0:
            raise ShapeError(f"an alpha of {self.alpha:g} is not possible", "use a number above 0, such as 1")
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        below = self.alpha * np.expm1(np.minimum(x[0], 0) / self.alpha)
        return Forward(np.where(x[0] > 0, x[0], below))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((np.where(kept.y > 0, 1, kept.y / self.alpha + 1) * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        def one(v: float) -> float:
            return max(0, v) + min(0, self.alpha * math.expm1(v / self.alpha))

        return np.vectorize(one, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 2),))
        yield Case(cls(2.5), ((7,),), batch=1)
