"""Softplus, a smooth ReLU: y = log(1 + e^x), dx = (1 - e^-y) dy, which is s(x) dy with s the sigmoid (Dugas,
Bengio, Bélisle, Nadeau & Garcia 2001)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pointwise import Pointwise


def softplus(z: Array) -> Array:
    """log(1 + e^z), written with e^-|z|, which cannot overflow."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


@dataclass(frozen=True)
class Softplus(Pointwise):
    """`softplus`: y = log(1 + e^x)."""

    word = "softplus"
    keeps = frozenset({"y"})

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(softplus(x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((-np.expm1(-kept.y) * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        """Either logarithm is exact where the other loses digits."""

        def one(v: float) -> float:
            return math.log1p(math.exp(v)) if v < 0 else v - math.log(1 / (1 + math.exp(-v)))

        return np.vectorize(one, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(), ((5,),), batch=1, draw=lambda random, shapes: (random.uniform(-80, 80, shapes[0]),))
