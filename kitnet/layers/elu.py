"""The exponential linear unit (Clevert, Unterthiner & Hochreiter 2016, equation 15):

y = x where x > 0, alpha (e^x - 1) elsewhere
dx = dy where y > 0, (y + alpha) dy elsewhere
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
