"""Dropout: in training each number is 0 with the probability `drop`, and divided by 1 - drop otherwise.

The expected value of y is then x, so that evaluation changes nothing ("inverted" dropout). Srivastava,
Hinton, Krizhevsky, Sutskever & Salakhutdinov 2014, section 10. What is dropped as one may be more:

    units     each number by itself
    maps      a whole map, at all positions (Tompson, Goroshin, Jain, LeCun & Bregler 2015, section 3.2)
    samples   all of a sample: at the end of a residual's body this is stochastic depth, which skips the body
              (Huang, Sun, Liu, Sedra & Weinberger 2016, equation 2, with a survival of 1 - drop)

dx is dy times the same factors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array, Buffer
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms
from kitnet.layers.value import argument, choice


@dataclass(frozen=True)
class Dropout(Layer):
    """`dropout drop=0.5`: in training y = 0 with the probability `drop` and x / (1 - drop) otherwise; in
    evaluation y = x. `dropout drop=0.2 maps` drops whole maps, and `samples` all of a sample."""

    word = "dropout"
    keeps = frozenset()

    drop: float = 0.5
    of: Literal["units", "maps", "samples"] = argument(choice("units", "maps", "samples", bare=True), "units")

    def output_shape(self, *x: Shape) -> Shape:
        if not 0 <= self.drop < 1:
            raise ShapeError(
                f"a drop of {self.drop:g} is no probability below 1", "use 0 or more, and less than 1"
            )
        return x[0]

    def draws(self, x: Shape) -> Shape:
        """The shape of the factors of a sample, one for each of what is dropped by itself."""
        ones = (1,) * len(x)
        return {"units": x, "maps": (*ones[1:], x[-1]), "samples": ones}[self.of]

    def extras(self, *x: Shape) -> dict[str, Buffer]:
        return {"factor": Buffer(self.draws(x[0]), per_sample=True)}

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        each = self.draws(x[0].shape[1:])
        factor = np.ones((len(x[0]), *each), x[0].dtype)
        if ctx.train:
            bits = ctx.bits(len(x[0]), math.prod(each)).reshape(factor.shape)
            factor = ((bits >= self._threshold()) / (1 - self.drop)).astype(x[0].dtype)
        return Forward(factor * x[0], {"factor": factor})

    def _threshold(self) -> np.uint64:
        """The number of the 2^64 random words that drop."""
        return np.uint64(int(self.drop * 2.0**64))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((kept.extras["factor"] * dy,))

    def terms(self, run: Pass, at: At) -> Terms:
        """y = factor * x0, dx0 = factor * dy."""
        shape = run.array("factor").shape
        drawn = tuple(min(i, n - 1) for i, n in zip(at.index, shape, strict=True))
        return Terms((run.term(("factor", drawn), ("x0" if at.of == "y" else "dy", at.index)),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = x[0].copy()
        channels = y.shape[-1]
        for n in range(len(y) if ctx.train else 0):
            alone = replace(ctx, first_sample=ctx.first_sample + n)
            count = {"units": y[n].size, "maps": channels, "samples": 1}[self.of]
            words = alone.bits(1, count)[0].tolist()
            for i, place in enumerate(np.ndindex(y.shape[1:])):
                word = words[{"units": i, "maps": i % channels, "samples": 0}[self.of]]
                y[n, *place] *= 0 if word / 2**64 < self.drop else 1 / (1 - self.drop)
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(0.2), ((7,),), batch=3)
        yield Case(cls(0.0), ((5, 2),), batch=1)
        yield Case(cls(0.9), ((2, 2, 2, 1),))
        yield Case(cls(0.4, "maps"), ((2, 3, 6),), batch=3)
        yield Case(cls(0.5, "samples"), ((3, 5),), batch=5)
