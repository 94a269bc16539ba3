"""Learned numbers that do not depend on the input: y[n] = weight for every sample, dweight = sum_n dy[n].

The input says how many samples there are. Imported networks add, subtract and multiply such numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Shape, Sizes
from kitnet.base.spec import Array, Param
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms
from kitnet.layers.value import SIZES, argument, as_shape


@dataclass(frozen=True)
class Constant(Layer):
    """`constant to=1x1x8`: y = a weight of this shape, the same for every sample, whatever x is."""

    word = "constant"
    keeps = frozenset()

    to: Sizes = argument(SIZES)

    def output_shape(self, *x: Shape) -> Shape:
        return as_shape(self.to)

    def params(self, *x: Shape) -> dict[str, Param]:
        return {"weight": Param(as_shape(self.to), decay=False)}

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.repeat(w["weight"][None], len(x[0]), 0))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((None,), {"weight": dy.sum(0)})

    def terms(self, run: Pass, at: At) -> Terms:
        """y is the weight, whose gradient is the sum of dy over the samples."""
        if at.of == "y":
            return Terms((run.term(("weight", at.index[1:])),))
        return Terms(tuple(run.term(("dy", (n, *at.index))) for n in range(len(run.made.y))))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.zeros((len(x[0]), *as_shape(self.to)), x[0].dtype)
        y += w["weight"]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls((2, 1, 3)), ((2, 2, 1),))
        yield Case(cls(5), ((3,),), batch=1)
