"""The sigmoid linear unit, or swish: y = x s(x) with s(x) = 1 / (1 + e^-x); dx = (s + y (1 - s)) dy (Elfwing,
Uchibe & Doya 2018; Ramachandran, Zoph & Le 2017, "Searching for activation functions")."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.sigmoid import sigmoid


@dataclass(frozen=True)
class Silu(Layer):
    """`silu`: y = x / (1 + e^-x)."""

    word = "silu"
    keeps = frozenset({"x"})

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0] * sigmoid(x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        x = kept.x[0]
        s = sigmoid(x)
        return Backward(((s + x * s * (1 - s)) * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: v / (1 + math.exp(-v)), otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(), ((5,),), batch=1, draw=lambda random, shapes: (random.uniform(-80, 80, shapes[0]),))
