"""Losses of numbers that are to be met, beside the quadratic one, with d = y - t:

    absolute   C = sum_i |d_i|                                         dy = sign d
    huber      C = sum_i d_i^2 / 2 where |d_i| <= delta,               dy = d where |d| <= delta,
                         delta (|d_i| - delta / 2) elsewhere                delta sign d elsewhere

Huber 1964, "Robust estimation of a location parameter": quadratic near the target, and outliers count as in
the absolute loss.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Loss


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """C = sum_i |y_i - t_i|."""

    word = "absolute"
    targets = ("values",)

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        a, t = x
        return Forward(np.abs(a - t).sum(tuple(range(1, a.ndim))))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        a, t = kept.x
        d = dy.reshape(-1, *(1,) * (a.ndim - 1)) * np.sign(a - t)
        return Backward((d, -d))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.zeros(len(x[0]), x[0].dtype)
        for index in np.ndindex(*x[0].shape):
            y[index[0]] += max(x[0][index] - x[1][index], x[1][index] - x[0][index])
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((5,), (5,)))
        yield Case(cls(), ((2, 3, 4), (2, 3, 4)), batch=1)


@dataclass(frozen=True)
class Huber(Loss):
    """C = sum_i d_i^2 / 2 where |d_i| <= delta and delta (|d_i| - delta / 2) elsewhere, d = y - t."""

    word = "huber"
    targets = ("values",)

    delta: float = 1.0

    def output_shape(self, *x: Shape) -> Shape:
        if not self.delta > 0:
            raise ShapeError(f"a delta of {self.delta:g} is not possible", "use a number above 0, such as 1")
        return super().output_shape(*x)

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        a, t = x
        size = np.abs(a - t)
        near = np.minimum(size, self.delta)
        return Forward((near * (size - near / 2)).sum(tuple(range(1, a.ndim))))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        a, t = kept.x
        d = dy.reshape(-1, *(1,) * (a.ndim - 1)) * np.clip(a - t, -self.delta, self.delta)
        return Backward((d, -d))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.zeros(len(x[0]), x[0].dtype)
        for index in np.ndindex(*x[0].shape):
            d = math.fabs(float(x[0][index]) - float(x[1][index]))
            y[index[0]] += d * d / 2 if d <= self.delta else self.delta * d - self.delta**2 / 2
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((5,), (5,)))
        yield Case(cls(0.25), ((2, 3, 4), (2, 3, 4)), batch=1)
