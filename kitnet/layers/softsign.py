"""Softsign: y = x / (1 + |x|), dx = (1 - |y|)^2 dy (Bergstra, Desjardins, Lamblin & Bengio 2009)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pointwise import Pointwise


@dataclass(frozen=True)
class Softsign(Pointwise):
    """`softsign`: y = x / (1 + |x|)."""

    word = "softsign"
    keeps = frozenset({"y"})

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0] / (1 + np.abs(x[0])))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward(((1 - np.abs(kept.y)) ** 2 * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: v / (1 + v) if v > 0 else v / (1 - v), otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(), ((7,),), batch=1)
