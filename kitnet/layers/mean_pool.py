"""Mean pooling: y = the mean of each window, map by map; padding is counted only where `count_pad` says so.

The gradient dy goes to every position of the window in equal shares: without overlap dx is the Kronecker
product of dy with a window of 1/area.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pooling import Pooling
from kitnet.layers.terms import At, Pass, Terms
from kitnet.layers.window import Axes, area, inside, output_sizes, positions_and_taps, send_back, sums


@dataclass(frozen=True)
class MeanPool(Pooling):
    """`meanpool2`: y = the mean of each window, 2x2 and side by side; `meanpool3/2`: windows of 3x3, two
    apart; `meanpool regions=2x3`: of 2x3 parts of the map; `meanpool global`: of all of it. Padding is not
    counted, unless with `count_pad=yes`."""

    word = "meanpool"

    count_pad: bool = False  # whether a mean is over the padding in its window, too

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        axes = self.axes(x[0].shape[1:])
        return Forward(sums(x[0], axes) / self._counts(axes, x[0].dtype))

    def _counts(self, axes: Axes, dtype: Any) -> Array:
        """(*output, 1): how many numbers each mean is over."""
        counts = np.full(output_sizes(axes), area(axes)) if self.count_pad else inside(axes)
        return counts[..., None].astype(dtype)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        axes = self.axes(kept.shapes[0][1:])
        return Backward((send_back(dy / self._counts(axes, dy.dtype), axes),))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is the sum of equal shares of x0 in the window, dx0 of the shares of dy that reach it."""
        axes = self.axes(run.x[0].shape[1:])
        shares = 1 / self._counts(axes, float)[..., 0]
        match at:
            case At("y", (n, *position, c)):
                met = positions_and_taps(axes, position=tuple(position))
                share = shares[*position]
                return Terms(tuple(run.term(("x0", (n, *place, c)), times=share) for _, _, place in met))
            case At("dx0", (n, *place, c)):
                met = positions_and_taps(axes, place=tuple(place))
                return Terms(tuple(run.term(("dy", (n, *o, c)), times=float(shares[o])) for o, _, _ in met))
        return super().terms(run, at)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        axes = self.axes(x[0].shape[1:])
        y = np.zeros((len(x[0]), *output_sizes(axes), x[0].shape[-1]), x[0].dtype)
        seen = np.zeros(output_sizes(axes), int)
        for position, _, place in positions_and_taps(axes):
            seen[position] += 1
            y[:, *position] += (x[0][:, *place] - y[:, *position]) / seen[position]  # the running mean
        if self.count_pad:
            y *= (seen / area(axes))[..., None].astype(y.dtype)
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(2), ((4, 6, 3),))
        yield Case(cls(3, 2), ((7, 5, 2),))
        yield Case(cls(2, 3, on_misfit="floor"), ((6, 9, 2),))
        yield Case(cls(3, 2, on_misfit="ceil"), ((6, 8, 2),))
        yield Case(cls(2, 4, on_misfit="crop"), ((8, 9, 1),))
        yield Case(cls((3, 2), (2, 1), pad=1), ((5, 4, 1),))
        yield Case(cls(3, 1, pad="same"), ((3, 4, 2),), batch=1)
        yield Case(cls(3, 2), ((9, 2),))
        yield Case(cls(2), ((2, 4, 2, 2),))
        yield Case(cls((2, 3), 1, pad=1, dilation=(1, 2), count_pad=True), ((4, 6, 2),))
        yield Case(cls(regions=(2, 3)), ((5, 7, 2),))  # which share places
        yield Case(cls(regions=1), ((3, 2, 5),))
