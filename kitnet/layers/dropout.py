"""Dropout: in training each number is 0 with the probability `drop`, and divided by 1 - drop otherwise.

The expected value of y is then x, so that evaluation changes nothing ("inverted" dropout). Srivastava,
Hinton, Krizhevsky, Sutskever & Salakhutdinov 2014, section 10. dx is dy times the same factors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array, Buffer
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms


@dataclass(frozen=True)
class Dropout(Layer):
    """`dropout drop=0.5`: in training y = 0 with the probability `drop` and x / (1 - drop) otherwise; in
    evaluation y = x."""

    word = "dropout"
    keeps = frozenset()

    drop: float = 0.5

    def output_shape(self, *x: Shape) -> Shape:
        if not 0 <= self.drop < 1:
            raise ShapeError(f"a drop of {self.drop:g} is no probability below 1", "use 0 to 0.9")
        return x[0]

    def extras(self, *x: Shape) -> dict[str, Buffer]:
        return {"factor": Buffer(x[0], per_sample=True)}

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        factor = np.ones_like(x[0])
        if ctx.train:
            bits = ctx.bits(len(x[0]), math.prod(x[0].shape[1:])).reshape(x[0].shape)
            factor = ((bits >= self._threshold()) / (1 - self.drop)).astype(x[0].dtype)
        return Forward(factor * x[0], {"factor": factor})

    def _threshold(self) -> np.uint64:
        """The number of the 2^64 random words that drop."""
        return np.uint64(int(self.drop * 2.0**64))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((kept.extras["factor"] * dy,))

    def terms(self, run: Pass, at: At) -> Terms:
        """y = factor * x0, dx0 = factor * dy."""
        return Terms((run.term(("factor", at.index), ("x0" if at.of == "y" else "dy", at.index)),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = x[0].copy()
        for n in range(len(y) if ctx.train else 0):
            alone = replace(ctx, first_sample=ctx.first_sample + n)
            words = alone.bits(1, y[n].size)[0].tolist()
            for place, word in zip(np.ndindex(y.shape[1:]), words, strict=True):
                y[n, *place] *= 0 if word / 2**64 < self.drop else 1 / (1 - self.drop)
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(0.2), ((7,),), batch=3)
        yield Case(cls(0.0), ((5, 2),), batch=1)
        yield Case(cls(0.9), ((2, 2, 2, 1),))
