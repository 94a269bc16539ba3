"""The exponential function, the natural logarithm, and the error function:

    exp   y = e^x                                        dx = y dy
    log   y = ln x                                       dx = dy / x
    erf   y = (2 / sqrt pi) integral of e^-t^2, 0 to x   dx = (2 / sqrt pi) e^-x^2 dy

A logarithm of 0 is -inf, and of less it is no number; the gradient at 0, where there is none, is 0.
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
class Exponential(Pointwise):
    """`exp`: y = e^x."""

    word = "exp"
    keeps = frozenset({"y"})

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        with np.errstate(over="ignore"):  # inf
            return Forward(np.exp(x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((kept.y * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: math.e**v, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 2),))
        yield Case(cls(), ((7,),), batch=1)


@dataclass(frozen=True)
class Logarithm(Pointwise):
    """`log`: y = ln x, the natural logarithm."""

    word = "log"

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        with np.errstate(divide="ignore", invalid="ignore"):
            return Forward(np.log(x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (x,) = kept.x
        return Backward((np.divide(dy, x, out=np.zeros_like(dy), where=x != 0),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: math.log2(v) * math.log(2), otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 2),), draw=_above)
        yield Case(cls(), ((7,),), batch=1, draw=_above)


@dataclass(frozen=True)
class ErrorFunction(Pointwise):
    """`erf`: y = (2 / sqrt pi) times the integral of e^-t^2 from 0 to x."""

    word = "erf"

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.vectorize(math.erf, otypes=[x[0].dtype])(x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((2 / math.sqrt(math.pi) * np.exp(-(kept.x[0] ** 2)) * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        """The integral in eight pieces, by Gauss's rule."""
        nodes, weights = np.polynomial.legendre.leggauss(12)

        def one(v: float) -> float:
            places = v / 8 * (np.arange(8)[:, None] + (1 + nodes) / 2)
            return 2 / math.sqrt(math.pi) * v / 16 * math.fsum((weights * np.exp(-(places**2))).flat)

        return np.vectorize(one, otypes=[x[0].dtype])(x[0].astype(float))

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 2),))
        yield Case(cls(), ((7,),), 1, lambda random, shapes: (random.uniform(-5, 5, shapes[0]),))


def _above(random: np.random.Generator, shapes: tuple[Shape, ...]) -> tuple[Array, ...]:
    """Numbers above 0, on both sides of 1."""
    return (random.uniform(0.2, 4, shapes[0]),)
