"""Activations made of straight lines, which stop at two bounds:

    hardtanh      y = min(max(x, low), high)                 dx = dy where low < y < high
    hardsigmoid   y = min(max(slope x + 1/2, 0), 1)          dx = slope dy where 0 < y < 1
    hardswish     y = x min(max(x / 6 + 1/2, 0), 1)          dx = (x / 3 + 1/2) dy between -3 and 3, 0 below,
                                                             dy above

Collobert 2004 (hard tanh); Courbariaux, Bengio & David 2015 (a hard sigmoid of slope 1/2); Howard et al.
2019, "Searching for MobileNetV3", section 5.2 (slope 1/6, and hard swish).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pointwise import Pointwise


@dataclass(frozen=True)
class HardTanh(Pointwise):
    """`hardtanh low=-1 high=1`: y = min(max(x, low), high)."""

    word = "hardtanh"
    keeps = frozenset({"y"})

    low: float = -1.0
    high: float = 1.0

    def output_shape(self, *x: Shape) -> Shape:
        if not self.low < self.high:
            raise ShapeError(
                f"a low of {self.low:g} is not below a high of {self.high:g}", "use low=-1 high=1, or others"
            )
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.minimum(np.maximum(x[0], self.low), self.high))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        inside = (kept.y > self.low) & (kept.y < self.high)
        return Backward((np.where(inside, dy, 0),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: sorted((self.low, v, self.high))[1], otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(0.0, 0.75), ((7,),), batch=3)


@dataclass(frozen=True)
class HardSigmoid(Pointwise):
    """`hardsigmoid`: y = min(max(slope x + 1/2, 0), 1), with a slope of 1/6 unless `slope` says otherwise."""

    word = "hardsigmoid"
    keeps = frozenset({"y"})

    slope: float = 1 / 6

    def output_shape(self, *x: Shape) -> Shape:
        if not 0 < self.slope < math.inf:
            raise ShapeError(
                f"a slope of {self.slope:g} is not possible", "use a number above 0, such as 0.2"
            )
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.clip(self.slope * x[0] + 0.5, 0, 1))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        inside = (kept.y > 0) & (kept.y < 1)
        return Backward((np.where(inside, self.slope * dy, 0),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        end = 0.5 / self.slope

        def one(v: float) -> float:
            return 0 if v <= -end else 1 if v >= end else (v + end) / (2 * end)

        return np.vectorize(one, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),), draw=_wide)
        yield Case(cls(0.5), ((7,),), batch=3)


@dataclass(frozen=True)
class HardSwish(Pointwise):
    """`hardswish`: y = x min(max(x / 6 + 1/2, 0), 1)."""

    word = "hardswish"

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0] * np.clip(x[0] / 6 + 0.5, 0, 1))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        x = kept.x[0]
        slope = np.where(x <= -3, 0, np.where(x >= 3, 1, x / 3 + 0.5))
        return Backward((slope * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        def one(v: float) -> float:
            return 0 if v <= -3 else v if v >= 3 else v * (v + 3) / 6

        return np.vectorize(one, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),), draw=_wide)
        yield Case(cls(), ((7,),), batch=1)


def _wide(random: np.random.Generator, shapes: tuple[Shape, ...]) -> tuple[Array, ...]:
    """Numbers on both sides of the bounds."""
    return (random.uniform(-6, 6, shapes[0]),)
