"""The hyperbolic tangent, plain and as LeCun scales it.

`tanh`: y = tanh x, dx = (1 - y^2) dy. `lecuntanh`: y = A tanh(S x) with A = 1.7159 and S = 2/3, so that f(1)
= 1 and f(-1) = -1 (LeCun et al. 1998, section II.B and appendix A); dx = S (A - y^2 / A) dy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.lecun import AMPLITUDE, SLOPE
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer


@dataclass(frozen=True)
class Tanh(Layer):
    """`tanh`: y = tanh x."""

    word = "tanh"
    keeps = frozenset({"y"})

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.tanh(x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward(((1 - kept.y**2) * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(math.tanh, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(), ((5,),), batch=1)


@dataclass(frozen=True)
class LecunTanh(Layer):
    """`lecuntanh`: y = 1.7159 tanh(2/3 x), so that f(1) = 1 and f(-1) = -1."""

    word = "lecuntanh"
    keeps = frozenset({"y"})

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(AMPLITUDE * np.tanh(SLOPE * x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((SLOPE * (AMPLITUDE - kept.y**2 / AMPLITUDE) * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: AMPLITUDE * math.tanh(SLOPE * v), otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(), ((5,),), batch=1)
