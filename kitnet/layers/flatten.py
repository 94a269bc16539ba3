"""Flatten: (H, W, C) becomes one row of H*W*C values, channels innermost; dx is dy as (H, W, C)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms


@dataclass(frozen=True)
class Flatten(Layer):
    """`flatten`: y = x as one row, channels innermost (fully connected layers do it by themselves)."""

    word = "flatten"
    keeps = frozenset()

    def output_shape(self, *x: Shape) -> Shape:
        return (math.prod(x[0]),)

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0].reshape(len(x[0]), *self.output_shape(x[0].shape[1:])).copy())

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((dy.reshape(kept.shapes[0]),))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is the number of x0 at its place in the row, and its dy goes there."""
        n, *place = at.index
        sizes = run.x[0].shape[1:]
        if at.of == "y":
            return Terms((run.term(("x0", (n, *map(int, np.unravel_index(place[0], sizes))))),))
        return Terms((run.term(("dy", (n, int(np.ravel_multi_index(tuple(place), sizes))))),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty((len(x[0]), x[0][0].size), x[0].dtype)
        for index in np.ndindex(*x[0].shape):
            place = 0
            for i, size in zip(index[1:], x[0].shape[1:], strict=True):
                place = place * size + i
            y[index[0], place] = x[0][index]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(), ((5,),), batch=1)
