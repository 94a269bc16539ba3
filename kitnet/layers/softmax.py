"""Softmax over the last axis: y_i = e^x_i / sum_j e^x_j, dx_i = y_i (dy_i - sum_j dy_j y_j)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer


def softmax(x: Array) -> Array:
    """The largest value is taken off first, which changes nothing but keeps e^x from overflowing.

    Where it is infinite, y is not a number: e^x / sum e^x has no value there.
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
    keeps = frozenset({"y"})

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(softmax(x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        y = kept.y
        return Backward((y * (dy - (dy * y).sum(-1, keepdims=True)),))

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
