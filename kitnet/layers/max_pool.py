"""Max pooling: y = the largest value of each window, map by map; the winner's index in its window is kept.

The gradient dy goes to the winner alone; where windows overlap, dx is the sum of what they send.
Padding never wins, not even over minus infinity, and of equal values the first wins. Overlapping pooling:
Krizhevsky et al. 2012, section 3.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array, Buffer
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pooling import Pooling
from kitnet.layers.terms import At, Pass, Terms
from kitnet.layers.window import area, output_sizes, overlap_add, positions_and_taps, windows


@dataclass(frozen=True)
class MaxPool(Pooling):
    """`maxpool2`: y = the largest value of each window, 2x2 and side by side; `maxpool3/2`: windows of 3x3,
    two apart; `maxpool regions=2x3`: of 2x3 parts of the map; `maxpool global`: of all of it."""

    word = "maxpool"

    def extras(self, *x: Shape) -> dict[str, Buffer]:
        taps = area(self.axes(x[0]))
        return {
            "indices": Buffer(self.output_shape(*x), "uint8" if taps <= 256 else "int32", per_sample=True)
        }

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        shape = x[0].shape[1:]
        axes = self.axes(shape)
        seen = windows(x[0], axes, fill=-np.inf)
        seen = seen.reshape(len(seen), *output_sizes(axes), area(axes), shape[-1])
        winners = seen.argmax(-2, keepdims=True)
        y = np.take_along_axis(seen, winners, -2)
        real = windows(np.ones((1, *shape[:-1], 1)), axes).reshape(1, *output_sizes(axes), area(axes), 1)
        winners = np.where(y == -np.inf, real.argmax(-2, keepdims=True), winners)  # where all are equal
        return Forward(
            y.squeeze(-2), {"indices": winners.squeeze(-2).astype(self.extras(shape)["indices"].dtype)}
        )

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        axes = self.axes(kept.shapes[0][1:])
        winners = kept.extras["indices"][..., None, :].astype(np.intp)
        d = np.zeros((*dy.shape[:-1], area(axes), dy.shape[-1]), dy.dtype)
        np.put_along_axis(d, winners, dy[..., None, :], -2)
        d = d.reshape(*dy.shape[:-1], *(a.window for a in axes), dy.shape[-1])
        return Backward((overlap_add(d, axes),))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is one number of x0, the winner; dx0 is the sum of dy over the windows that it wins."""
        axes = self.axes(run.x[0].shape[1:])
        sizes = tuple(a.window for a in axes)
        match at:
            case At("y", (n, *position, c)):
                tap = np.unravel_index(run.array("indices")[at.index], sizes)
                ((_, _, place),) = positions_and_taps(axes, position=tuple(position), tap=tap)
                return Terms((run.term(("x0", (n, *place, c))),))
            case At("dx0", (n, *place, c)):
                won = [
                    (n, *position, c)
                    for position, tap, _ in positions_and_taps(axes, place=tuple(place))
                    if run.array("indices")[n, *position, c] == np.ravel_multi_index(tap, sizes)
                ]
                return Terms(tuple(run.term(("dy", index)) for index in won))
        return super().terms(run, at)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        axes = self.axes(x[0].shape[1:])
        y = np.full((len(x[0]), *output_sizes(axes), x[0].shape[-1]), -np.inf, x[0].dtype)
        for position, _, place in positions_and_taps(axes):
            y[:, *position] = np.maximum(y[:, *position], x[0][:, *place])
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(2), ((4, 6, 3),))
        yield Case(cls(3, 2), ((7, 5, 2),))  # overlapping
        yield Case(cls(2, 3, on_misfit="floor"), ((6, 9, 2),))  # places between the windows
        yield Case(cls((3, 2), (2, 1), pad=1), ((5, 4, 1),))
        yield Case(cls(3, 2, pad="same"), ((6, 7, 2),), batch=1)
        yield Case(cls(2, on_misfit="floor"), ((5, 7, 3),))
        yield Case(cls(3, 2, on_misfit="ceil"), ((6, 8, 2),))
        yield Case(cls(2, 4, on_misfit="crop"), ((8, 9, 1),))
        yield Case(cls(17), ((17, 17, 1),))  # more taps than a byte counts
        yield Case(cls(3, 2), ((9, 2),))
        yield Case(cls(2), ((2, 4, 2, 2),))
        yield Case(cls((2, 3), 1, pad=1, dilation=(1, 2)), ((4, 6, 2),))
        yield Case(cls(regions=(2, 3)), ((5, 7, 2),))  # which share places
