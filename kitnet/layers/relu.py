"""The rectified linear unit: y = max(x, 0), dx = dy where y > 0 (Nair & Hinton 2010). The gradient at 0 is
0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pointwise import Pointwise


@dataclass(frozen=True)
class Relu(Pointwise):
    """`relu`: y = max(x, 0)."""

    word = "relu"
    keeps = frozenset({"y"})

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.maximum(x[0], 0))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((np.where(kept.y > 0, dy, 0).astype(dy.dtype),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: v if v > 0 else 0, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(), ((7,),), batch=1)
