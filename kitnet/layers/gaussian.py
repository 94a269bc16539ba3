"""The Gaussian, the curve of a radial basis unit around 0: y = e^(-x^2), dx = -2 x y dy (Broomhead & Lowe
1988)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pointwise import Pointwise


@dataclass(frozen=True)
class Gaussian(Pointwise):
    """`gaussian`: y = e^(-x^2)."""

    word = "gaussian"

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.exp(-(x[0] ** 2)))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        x = kept.x[0]
        return Backward((-2 * x * np.exp(-(x**2)) * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: 1 / math.exp(float(v) * float(v)), otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(), ((7,),), batch=1)
