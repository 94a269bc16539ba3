"""Softmax over the last axis, and its logarithm:

softmax      y_i = e^x_i / sum_j e^x_j         dx_i = y_i (dy_i - sum_j dy_j y_j)
logsoftmax   y_i = x_i - log sum_j e^x_j       dx_i = dy_i - e^y_i sum_j dy_j
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Closing, Number, Pass, Term, Terms


def softmax(x: Array) -> Array:
    """e^x / sum e^x. The largest x is subtracted first, which keeps e^x from overflowing and changes nothing.

    Where the largest x is infinite, y is not a number, since the quotient has no value.
    """
    with np.errstate(invalid="ignore"):  # inf - inf
        e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def log_sum_exp(x: Array) -> Array:
    """log of the sum of e^x over the last axis, (..., K) -> (..., 1).

    It is inf where an x is inf, and -inf where every x is.
    """
    top = x.max(-1, keepdims=True)
    top = np.where(np.isinf(top), 0, top)  # inf - inf is not a number
    with np.errstate(divide="ignore", over="ignore"):  # the log of 0, and large x beside an infinite one
        return top + np.log(np.exp(x - top).sum(-1, keepdims=True))


@dataclass(frozen=True)
class Softmax(Layer):
    """`softmax`: y_i = e^x_i / sum_j e^x_j over the depth, the probabilities of the classes."""

    word = "softmax"
    exact = True
    keeps = frozenset({"y"})

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(softmax(x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        y = kept.y
        return Backward((y * (dy - (dy * y).sum(-1, keepdims=True)),))

    def terms(self, run: Pass, at: At) -> Terms:
        """y_i = exp(x_i - log sum e^x), dx_i = y_i dy_i - y_i sum_j y_j dy_j."""
        if at.of == "y":
            row = at.index[:-1]
            log = Number("log_sum_exp", row, log_sum_exp(run.x[0][row]).item())
            return Terms((run.term(("x0", at.index)), Term((log,), -1.0)), Closing("exp", math.exp))
        if at.of == "dx0":
            y_i, classes = ("y", at.index), [(*at.index[:-1], j) for j in range(run.x[0].shape[-1])]
            through = [run.term(y_i, ("y", j), ("dy", j), times=-1) for j in classes]
            return Terms((run.term(y_i, ("dy", at.index)), *through))
        return super().terms(run, at)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty_like(x[0])
        for place in np.ndindex(*x[0].shape[:-1]):
            powers = [math.exp(v) for v in x[0][place]]
            y[place] = [p / math.fsum(powers) for p in powers]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((10,),))
        yield Case(cls(), ((1,),), batch=1)
        yield Case(cls(), ((2, 3, 4),), draw=lambda random, shapes: (random.uniform(-30, 30, shapes[0]),))


@dataclass(frozen=True)
class LogSoftmax(Layer):
    """`logsoftmax`: y_i = x_i - log sum_j e^x_j over the depth, the logarithms of softmax's probabilities."""

    word = "logsoftmax"
    exact = True
    keeps = frozenset({"y"})

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0] - log_sum_exp(x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((dy - np.exp(kept.y) * dy.sum(-1, keepdims=True),))

    def terms(self, run: Pass, at: At) -> Terms:
        """y_i = x_i - log sum e^x, dx_i = dy_i - e^y_i sum_j dy_j."""
        row = at.index[:-1]
        if at.of == "y":
            log = Number("log_sum_exp", row, log_sum_exp(run.x[0][row]).item())
            return Terms((run.term(("x0", at.index)), Term((log,), -1.0)))
        share = Number("softmax", at.index, math.exp(run.number("y", at.index).value))
        through = (run.term(("dy", (*row, j)), times=-1).by(share) for j in range(run.x[0].shape[-1]))
        return Terms((run.term(("dy", at.index)), *through))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty_like(x[0])
        for place in np.ndindex(*x[0].shape[:-1]):
            powers = [math.exp(v) for v in x[0][place]]
            y[place] = [math.log(p / math.fsum(powers)) for p in powers]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((5,),), batch=1)
        yield Case(cls(), ((2, 1, 4),))
