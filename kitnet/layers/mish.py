"""Mish (Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020, equation 1):

y = x t,  t = tanh(log(1 + e^x))
dx = (t + x (1 - t^2) / (1 + e^-x)) dy
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pointwise import Pointwise
from kitnet.layers.sigmoid import sigmoid


@dataclass(frozen=True)
class Mish(Pointwise):
    """`mish`: y = x tanh(log(1 + e^x))."""

    word = "mish"

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0] * np.tanh(np.logaddexp(0, x[0])))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (x,) = kept.x
        softplus = np.logaddexp(0, x)
        with np.errstate(over="ignore"):  # 1 / inf
            slope = 1 / np.cosh(softplus) ** 2  # 1 - t^2, which keeps its digits where t is nearly 1
        return Backward(((np.tanh(softplus) + x * slope * sigmoid(x)) * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        """With u = e^x, tanh(log(1 + u)) = (u^2 + 2u) / (u^2 + 2u + 2)."""

        def one(v: float) -> float:
            u = math.exp(v)
            return v * (u * u + 2 * u) / (u * u + 2 * u + 2)

        return np.vectorize(one, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 2),))
        yield Case(cls(), ((7,),), 1, lambda random, shapes: (random.uniform(-9, 9, shapes[0]),))
