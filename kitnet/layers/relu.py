"""The rectified linear unit: y = max(x, 0), dx = dy where y > 0 (Nair & Hinton 2010). The gradient at 0 is 0.

With a cap y stops there, and dx is 0 from there on: ReLU6 has the cap 6 (Krizhevsky 2010, "Convolutional deep
belief networks on CIFAR-10").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pointwise import Pointwise
from kitnet.layers.value import REAL, argument


@dataclass(frozen=True)
class Relu(Pointwise):
    """`relu`: y = max(x, 0); `relu6`: y = min(max(x, 0), 6)."""

    word = "relu"
    numbers = ("cap",)
    keeps = frozenset({"y"})

    cap: float | None = argument(REAL, None)  # None: no cap

    def output_shape(self, *x: Shape) -> Shape:
        if self.cap is not None and not self.cap > 0:
            raise ShapeError(f"a cap of {self.cap:g} leaves nothing", "use a number above 0, such as relu6")
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        y = np.maximum(x[0], 0)
        return Forward(y if self.cap is None else np.minimum(y, self.cap))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        dx = np.where(kept.y > 0, dy, 0)
        return Backward((dx if self.cap is None else np.where(kept.y < self.cap, dx, 0),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        cap = np.inf if self.cap is None else self.cap
        return np.vectorize(lambda v: 0 if v <= 0 else v if v < cap else cap, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(), ((7,),), batch=1)
        yield Case(cls(0.5), ((3, 5),), batch=3)
