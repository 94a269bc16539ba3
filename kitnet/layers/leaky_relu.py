"""The leaky rectified linear unit: y = x where x > 0, y = slope x elsewhere; dx = dy and slope dy (Maas,
Hannun & Ng 2013, "Rectifier nonlinearities improve neural network acoustic models"). The gradient at 0 is
slope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer


@dataclass(frozen=True)
class LeakyRelu(Layer):
    """`leakyrelu slope=0.01`: y = x where x > 0, y = slope x elsewhere."""

    word = "leakyrelu"
    keeps = frozenset({"x"})

    slope: float = 0.01

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.where(x[0] > 0, x[0], self.slope * x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((np.where(kept.x[0] > 0, dy, self.slope * dy),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: v if v > 0 else self.slope * v, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(0.2), ((7,),), batch=1)
        yield Case(cls(-0.5), ((5, 2),), batch=3)
        yield Case(cls(0.0), ((4,),))
