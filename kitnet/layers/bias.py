"""A bias of its own for every position of every map: y[n, o, k] = x[n, o, k] + b[o, k].

A convolution has one bias a filter. The network of LeCun et al., "Backpropagation applied to handwritten zip
code recognition", Neural Computation 1, 1989, section 3, shares the weights of a map but not its biases; so
do the locally connected layers of others. Behind a convolution without bias this layer makes it so:

    conv5-12/2 pad=2:1 bias=no -> bias -> tanh

The gradient is db[o, k] = sum over n of dy[n, o, k].
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import INITIALISERS, Array, Param
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms
from kitnet.layers.value import argument, choice


@dataclass(frozen=True)
class Bias(Layer):
    """`bias`: y = x + b, with a number b of its own for every number of x. Source: LeCun et al. 1989, section
    3."""

    word = "bias"
    keeps = frozenset()

    init: str = argument(choice(*INITIALISERS), "zeros")

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def params(self, *x: Shape) -> dict[str, Param]:
        return {"bias": Param(x[0], self.init, decay=False)}

    def connections(self, *x: Shape) -> int:
        return math.prod(x[0])

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0] + w["bias"])

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((dy,), {"bias": dy.sum(0)})

    def terms(self, run: Pass, at: At) -> Terms:
        """y is x0 + bias, dx0 is dy, and dbias the sum of dy over the samples."""
        match at:
            case At("y", (_, *place)):
                return Terms((run.term(("x0", at.index)), run.term(("bias", tuple(place)))))
            case At("dbias", place):
                return Terms(tuple(run.term(("dy", (n, *place))) for n in range(len(run.x[0]))))
        return Terms((run.term(("dy", at.index)),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty_like(x[0])
        for n, *place in np.ndindex(*y.shape):
            y[n, *place] = x[0][n, *place] + w["bias"][*place]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls("glorot"), ((3, 4, 2),))
        yield Case(cls("glorot"), ((5,),), batch=1)
