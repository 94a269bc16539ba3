"""The fully connected layer: y[n, k] = b[k] + sum over j of x[n, j] * w[j, k], x taken as one long row.

It is a convolution whose window covers the whole input: w (inputs, units) is the filters (*sizes, C, units)
in one block.

    dx[n, j] = sum over k of dy[n, k] * w[j, k]
    dw[j, k] = sum over n of x[n, j] * dy[n, k]
    db[k]    = sum over n of dy[n, k]

(Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", 1986.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import INITIALISERS, Array, Param
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms
from kitnet.layers.tracing import sum_of_dy
from kitnet.layers.value import argument, choice


@dataclass(frozen=True)
class Linear(Layer):
    """`fc120`: y[k] = b[k] + sum over j of x[j] * w[j, k]: 120 units, each connected with every value of an
    input of any shape, taken row by row, channels innermost: j = (h * W + w) * C + c."""

    word = "fc"
    numbers = ("units",)
    products = frozenset({"weight"})

    units: int
    bias: bool = True
    init: str = argument(choice(*INITIALISERS), "he")

    def output_shape(self, *x: Shape) -> Shape:
        if self.units < 1:
            raise ShapeError(f"{self.units} units are not possible", "use 1 or more")
        return (self.units,)

    def params(self, *x: Shape) -> dict[str, Param]:
        inputs = math.prod(x[0])
        found = {"weight": Param((inputs, self.units), self.init, inputs, self.units)}
        return found | ({"bias": Param((self.units,), decay=False)} if self.bias else {})

    def connections(self, *x: Shape) -> int:
        return sum(p.size for p in self.params(*x).values())

    def multiply_adds(self, *x: Shape) -> int:
        return math.prod(x[0]) * self.units

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        rows = x[0].reshape(len(x[0]), len(w["weight"]))
        y = rows @ w["weight"]
        return Forward(y + w["bias"] if self.bias else y)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        rows = kept.x[0].reshape(len(dy), len(w["weight"]))
        dx = (dy @ w["weight"].T).reshape(kept.shapes[0]) if all(kept.wants) else None
        bias = {"bias": dy.sum(0)} if self.bias else {}
        return Backward((dx,), {"weight": rows.T @ dy, **bias})

    def terms(self, run: Pass, at: At) -> Terms:
        """y is bias + sum of x0 * weight, dx0 the sum of dy * weight, dweight of x0 * dy, and dbias of dy."""
        (x,) = run.x
        sizes, samples = x.shape[1:], range(len(x))
        match at:
            case At("y", (n, k)):
                bias = [run.term(("bias", (k,)))] if self.bias else []
                places = np.indices((1, *sizes)).reshape(1 + len(sizes), -1).T
                places[:, 0] = n
                weights = np.stack([np.arange(len(places)), np.full(len(places), k)], -1)
                products, rest = run.largest(("x0", places), ("weight", weights))
                return Terms((*bias, *products), rest=rest)
            case At("dx0", (n, *place)):
                j = int(np.ravel_multi_index(tuple(place), sizes))
                units = range(self.units)
                return Terms(tuple(run.term(("dy", (n, k)), ("weight", (j, k))) for k in units))
            case At("dweight", (j, k)):
                input = tuple(map(int, np.unravel_index(j, sizes)))
                return Terms(tuple(run.term(("x0", (n, *input)), ("dy", (n, k))) for n in samples))
            case At("dbias", (k,)):
                return sum_of_dy(run, k)
        return super().terms(run, at)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.zeros((len(x[0]), self.units), x[0].dtype)
        for n, k in np.ndindex(*y.shape):
            y[n, k] = w["bias"][k] if self.bias else 0
            for j, value in enumerate(x[0][n].flat):
                y[n, k] += value * w["weight"][j, k]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(5), ((7,),))
        yield Case(cls(1, bias=False), ((3,),), batch=1)
        yield Case(cls(4), ((2, 3, 2),))
