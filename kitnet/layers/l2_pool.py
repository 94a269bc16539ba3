"""Pooling by norms: y = the p-norm of each window, map by map; with p = 2 L2 pooling, the Euclidean norm.

    y  = (sum of |x|^p over the window)^(1 / p)
    dx = sign(x) |x|^(p - 1) * sum of dy / y^(p - 1) over the windows that cover x

A window of zeros sends 0, as it has no slope. L2 pooling is a square, a sum pool and a root (Hyvärinen &
Hoyer 2000, norms of independent subspaces; Le et al. 2012; ONNX calls the family LpPool). The language writes
`normpool`, as its words hold no digits.
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
from kitnet.layers.pooling import Pooling
from kitnet.layers.terms import At, Closing, Pass, Terms
from kitnet.layers.window import output_sizes, positions_and_taps, send_back, sums


@dataclass(frozen=True)
class L2Pool(Pooling):
    """`normpool2`: y = the root of the sum of the squares of each window (L2 pooling), 2x2 and side by side;
    `normpool3/2`: windows of 3x3, two apart; `normpool regions=2x3`: of 2x3 parts of the map; `normpool
    global`: of all of it; `p=3`: another norm."""

    word = "normpool"
    keeps = frozenset({"x", "y"})

    p: float = 2.0

    def output_shape(self, *x: Shape) -> Shape:
        if not self.p >= 1:
            raise ShapeError(f"there is no norm of p = {self.p:g}", "use a number from 1 on, such as 2")
        return super().output_shape(*x)

    def multiplications(self, *x: Shape) -> int:
        return self.connections(*x)

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        axes = self.axes(x[0].shape[1:])
        if self.p == 2:
            return Forward(np.sqrt(sums(x[0] * x[0], axes)))
        return Forward(sums(np.abs(x[0]) ** self.p, axes) ** (1 / self.p))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (x,), y = kept.x, kept.y
        slope = np.divide(dy, y ** (self.p - 1), out=np.zeros_like(y), where=y > 0)
        power = x if self.p == 2 else np.sign(x) * np.abs(x) ** (self.p - 1)
        return Backward((power * send_back(slope, self.axes(x.shape[1:])),))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is the root of the sum of x0 * x0 over the window, dx0 the sum of 1/y * x0 * dy over the windows
        that cover it."""
        if self.p != 2:
            return super().terms(run, at)
        axes = self.axes(run.x[0].shape[1:])
        match at:
            case At("y", (n, *position, c)):
                met = positions_and_taps(axes, position=tuple(position))
                squares = (run.term(*[("x0", (n, *place, c))] * 2) for _, _, place in met)
                return Terms(tuple(squares), Closing("sqrt", math.sqrt))
            case At("dx0", (n, *place, c)):
                windows = [(n, *o, c) for o, _, _ in positions_and_taps(axes, place=tuple(place))]
                y = run.array("y")
                slopes = (run.term(("x0", at.index), ("dy", o), times=1 / y[o]) for o in windows if y[o] > 0)
                return Terms(tuple(slopes))
        return super().terms(run, at)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        axes = self.axes(x[0].shape[1:])
        y = np.zeros((len(x[0]), *output_sizes(axes), x[0].shape[-1]), x[0].dtype)
        for position, _, place in positions_and_taps(axes):
            if self.p == 2:
                y[:, *position] = np.hypot(y[:, *position], x[0][:, *place])
            else:
                y[:, *position] += np.exp(self.p * np.log(np.abs(x[0][:, *place])))
        return y if self.p == 2 else np.exp(np.log(y) / self.p)

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(2), ((4, 6, 3),))
        yield Case(cls((3, 2), (2, 1), pad=1), ((5, 4, 1),), batch=1)
        yield Case(cls(2, 3, dilation=2, on_misfit="floor"), ((8, 2),))
        yield Case(cls(regions=(2, 1, 3)), ((3, 2, 4, 2),))
        yield Case(cls(2, 1, p=3.0), ((3, 1),), batch=1)
