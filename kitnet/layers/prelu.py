"""The parametric rectified linear unit: a leaky ReLU that learns its slope, one for each map c (He, Zhang,
Ren & Sun 2015, "Delving deep into rectifiers", equations 1, 7 and 8):

    y = x where x > 0, a[c] x elsewhere
    dx = dy where x > 0, a[c] dy elsewhere
    da[c] = sum of x dy over all samples and positions with x <= 0

The slopes begin at 0.25, and weight decay leaves them alone, as in the paper.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array, Param
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms


@dataclass(frozen=True)
class ParametricRelu(Layer):
    """`prelu`: y = x where x > 0, y = slope x elsewhere, with one learned slope a map."""

    word = "prelu"

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def params(self, *x: Shape) -> dict[str, Param]:
        return {"slope": Param(x[0][-1:], "quarter", decay=False)}

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.where(x[0] > 0, x[0], w["slope"] * x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        x = kept.x[0]
        slope = np.where(x > 0, 0, x * dy).sum(tuple(range(x.ndim - 1)))
        return Backward((np.where(x > 0, dy, w["slope"] * dy),), {"slope": slope})

    def terms(self, run: Pass, at: At) -> Terms:
        """y is x0 or slope * x0, dx0 is dy or slope * dy, dslope the sum of x0 * dy where x0 is not above
        0."""
        (x,) = run.x
        if at.of == "dslope":
            places = [(*place, *at.index) for place in np.ndindex(x.shape[:-1])]
            return Terms(tuple(run.term(("x0", one), ("dy", one)) for one in places if not x[one] > 0))
        scale = () if x[at.index] > 0 else (("slope", at.index[-1:]),)
        return Terms((run.term(*scale, ("x0" if at.of == "y" else "dy", at.index)),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = x[0].copy()
        for place in np.ndindex(*y.shape):
            y[place] *= 1 if y[place] > 0 else w["slope"][place[-1]]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(), ((7,),), batch=1)
        yield Case(cls(), ((2, 3, 17),), batch=3)
