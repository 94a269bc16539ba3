"""A threshold for each map: y[o, c] = 1 where x[o, c] >= t[c], 0 elsewhere (McCulloch & Pitts, "A logical
calculus of the ideas immanent in nervous activity", 1943).

It has no slope, so that nothing goes back: dx = 0, dt = 0. Rules without gradients set the thresholds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array, Param
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer


@dataclass(frozen=True)
class Step(Layer):
    """`step`: y = 1 where x reaches the threshold of its map, 0 elsewhere."""

    word = "step"
    keeps = frozenset()

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def params(self, *x: Shape) -> dict[str, Param]:
        return {"threshold": Param(x[0][-1:], decay=False)}

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward((x[0] >= w["threshold"]).astype(x[0].dtype))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((None,), {"threshold": np.zeros(dy.shape[-1:], dy.dtype)})

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.array(np.heaviside(x[0] - w["threshold"], 1), x[0].dtype)

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 2, 4),))
        yield Case(cls(), ((5,),), batch=3)
