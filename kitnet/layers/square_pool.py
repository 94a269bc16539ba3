"""Square pooling: y = the sum of the squares of each window, map by map; L2 pooling without its root.

The energy of a quadrature pair of filters is such a sum (Adelson & Bergen 1985). Each number of the window
gets the gradient 2 x dy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pooling import Pooling
from kitnet.layers.terms import At, Pass, Terms
from kitnet.layers.window import output_sizes, positions_and_taps, send_back, sums


@dataclass(frozen=True)
class SquarePool(Pooling):
    """`squarepool2`: y = the sum of the squares of each window, 2x2 and side by side; `squarepool3/2`:
    windows of 3x3, two apart; `squarepool regions=2x3`: of 2x3 parts of the map; `squarepool global`: of all
    of it."""

    word = "squarepool"
    keeps = frozenset({"x"})

    def multiplications(self, *x: Shape) -> int:
        return self.connections(*x)

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(sums(x[0] * x[0], self.axes(x[0].shape[1:])))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (x,) = kept.x
        return Backward((2 * x * send_back(dy, self.axes(x.shape[1:])),))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is the sum of x0 * x0 over the window, dx0 the sum of 2 * x0 * dy over the windows that cover
        it."""
        axes = self.axes(run.x[0].shape[1:])
        match at:
            case At("y", (n, *position, c)):
                met = positions_and_taps(axes, position=tuple(position))
                return Terms(tuple(run.term(*[("x0", (n, *place, c))] * 2) for _, _, place in met))
            case At("dx0", (n, *place, c)):
                met = positions_and_taps(axes, place=tuple(place))
                return Terms(
                    tuple(run.term(("x0", at.index), ("dy", (n, *o, c)), times=2) for o, _, _ in met)
                )
        return super().terms(run, at)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        axes = self.axes(x[0].shape[1:])
        y = np.zeros((len(x[0]), *output_sizes(axes), x[0].shape[-1]), x[0].dtype)
        for position, _, place in positions_and_taps(axes):
            y[:, *position] += x[0][:, *place] ** 2
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(2), ((4, 6, 3),))
        yield Case(cls((3, 2), (2, 1), pad=1), ((5, 4, 1),), batch=1)
        yield Case(cls(2, 3, dilation=2, on_misfit="floor"), ((8, 2),))
        yield Case(cls(regions=(2, 1, 3)), ((3, 2, 4, 2),))
