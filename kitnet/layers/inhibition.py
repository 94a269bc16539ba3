"""Inhibition between the maps of a position: what is weak beside the strongest is 0,

    y[o, c] = x[o, c]  where  x[o, c] >= low[o] + share (high[o] - low[o]),   0 elsewhere

with low and high the smallest and the largest number at position o. dx is dy where y is x. Source: Mutch &
Lowe, "Multiclass object recognition with sparse, localized features", 2006, section 3.2, share h = 0.5.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer


@dataclass(frozen=True)
class Inhibition(Layer):
    """`inhibit share=0.5`: y = x where x >= low + 0.5 (high - low), 0 elsewhere: of the maps at a position
    those stay that are in the upper half of their span."""

    word = "inhibit"

    share: float = 0.5

    def output_shape(self, *x: Shape) -> Shape:
        if not 0 <= self.share <= 1:
            raise ShapeError(f"a share of {self.share:g} is not possible", "use a number from 0 to 1")
        return x[0]

    def _strong(self, x: Array) -> Array:
        low, high = x.min(-1, keepdims=True), x.max(-1, keepdims=True)
        return x >= low + self.share * (high - low)

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.where(self._strong(x[0]), x[0], 0))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((np.where(self._strong(kept.x[0]), dy, 0),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.zeros_like(x[0])
        for place in np.ndindex(*x[0].shape[:-1]):
            ranked = sorted(x[0][place])
            border = ranked[0] + self.share * (ranked[-1] - ranked[0])
            for c, value in enumerate(x[0][place]):
                y[*place, c] = value if value >= border else 0
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 2, 5),))
        yield Case(cls(0.8), ((4,),), batch=3)
