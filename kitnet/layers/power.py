"""Absolute value, powers, and the straight line, the first four neurons of cuda-convnet (Krizhevsky 2012):

    abs         y = |x|              dx = dy where x > 0, -dy where x < 0
    square      y = x^2              dx = 2 x dy
    sqrt        y = sqrt x           dx = dy / (2 y)
    scale       y = factor x + shift dx = factor dy
    power       y = x^p              dx = p x^(p - 1) dy
    reciprocal  y = 1 / x            dx = -y^2 dy

A gradient at 0 is 0 where there is none, or none that is finite.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pointwise import Pointwise


@dataclass(frozen=True)
class AbsoluteValue(Pointwise):
    """`abs`: y = |x|, as Jarrett et al. 2009 rectify."""

    word = "abs"

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.abs(x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((np.sign(kept.x[0]) * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: max(v, -v), otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(), ((7,),), batch=1)


@dataclass(frozen=True)
class Square(Pointwise):
    """`square`: y = x^2."""

    word = "square"

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0] ** 2)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((2 * kept.x[0] * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: v * v, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(), ((7,),), batch=1)


@dataclass(frozen=True)
class SquareRoot(Pointwise):
    """`sqrt`: y = sqrt x, which has no value below 0."""

    word = "sqrt"
    keeps = frozenset({"y"})

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        with np.errstate(invalid="ignore"):  # below 0 it is not a number
            return Forward(np.sqrt(x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((np.divide(0.5 * dy, kept.y, out=np.zeros_like(dy), where=kept.y != 0),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(math.sqrt, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        def above(random: np.random.Generator, shapes: tuple[Shape, ...]) -> tuple[Array, ...]:
            return (random.uniform(0.5, 9, shapes[0]),)

        yield Case(cls(), ((3, 4, 2),), draw=above)
        yield Case(cls(), ((7,),), batch=1, draw=above)


@dataclass(frozen=True)
class Scale(Pointwise):
    """`scale factor=1 shift=0`: y = factor x + shift, with numbers that are not learned."""

    word = "scale"
    keeps = frozenset()

    factor: float = 1.0
    shift: float = 0.0

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(self.factor * x[0] + self.shift)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((self.factor * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: v * self.factor + self.shift, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(2.5, -0.5), ((3, 4, 2),))
        yield Case(cls(), ((7,),), batch=1)


@dataclass(frozen=True)
class Power(Pointwise):
    """`power exponent=3`: y = x^exponent. Below 0 only whole exponents have a value."""

    word = "power"

    exponent: float

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        with np.errstate(divide="ignore", invalid="ignore"):
            return Forward(x[0] ** self.exponent)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = self.exponent * kept.x[0] ** (self.exponent - 1)
        return Backward((np.where(np.isfinite(slope), slope, 0) * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: float(v) ** self.exponent, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(3.0), ((2, 3, 2),))
        yield Case(cls(-1.5), ((7,),), 1, lambda random, shapes: (random.uniform(0.5, 3, shapes[0]),))


@dataclass(frozen=True)
class Reciprocal(Pointwise):
    """`reciprocal`: y = 1 / x, infinite at 0."""

    word = "reciprocal"
    keeps = frozenset({"y"})

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        with np.errstate(divide="ignore"):
            return Forward(1 / x[0])

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((np.where(np.isinf(kept.y), 0, -kept.y * kept.y * dy),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: v**-1.0, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 2),))
        yield Case(cls(), ((7,),), batch=1)
