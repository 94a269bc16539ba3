"""The logistic sigmoid: y = 1 / (1 + e^-x), dx = y (1 - y) dy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pointwise import Pointwise


def sigmoid(x: Array) -> Array:
    """Written with e^-|x|, which cannot overflow."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


@dataclass(frozen=True)
class Sigmoid(Pointwise):
    """`sigmoid`: y = 1 / (1 + e^-x)."""

    word = "sigmoid"
    keeps = frozenset({"y"})

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(sigmoid(x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        y = kept.y
        return Backward((y * (1 - y) * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: 1 / (1 + math.exp(-v)), otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(), ((5,),), batch=1, draw=lambda random, shapes: (random.uniform(-80, 80, shapes[0]),))
