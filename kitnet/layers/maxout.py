"""Maxout: y[c] = the largest of k maps that follow each other, x[k c] to x[k c + k - 1] (Goodfellow,
Warde-Farley, Mirza, Courville & Bengio 2013, equation 1).

The gradient dy goes to the winner alone; of equal values the first wins. A convolution or a linear layer
before it makes it a function of its own choice: the largest of k straight lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array, Buffer
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms


@dataclass(frozen=True)
class Maxout(Layer):
    """`maxout2`: y[c] = max(x[2 c], x[2 c + 1]), the larger of two maps side by side; `maxout5` of five."""

    word = "maxout"
    numbers = ("pieces",)
    keeps = frozenset()

    pieces: int

    def output_shape(self, *x: Shape) -> Shape:
        channels = x[0][-1]
        if self.pieces < 1 or channels % self.pieces:
            raise ShapeError(
                f"the {channels} channels of {say(x[0])} are no whole number of runs of {self.pieces}",
                "use a divisor, or other filters before it",
            )
        return *x[0][:-1], channels // self.pieces

    def extras(self, *x: Shape) -> dict[str, Buffer]:
        return {"indices": Buffer(self.output_shape(*x), "int32", per_sample=True)}

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        runs = self._runs(x[0])
        winners = runs.argmax(-1, keepdims=True)
        y = np.take_along_axis(runs, winners, -1)
        return Forward(y[..., 0], {"indices": winners[..., 0].astype(np.int32)})

    def _runs(self, x: Array) -> Array:
        """(..., C) -> (..., C / k, k)"""
        return x.reshape(*x.shape[:-1], x.shape[-1] // self.pieces, self.pieces)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        won = kept.extras["indices"][..., None] == np.arange(self.pieces)
        return Backward((np.where(won, dy[..., None], 0).reshape(kept.shapes[0]),))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is one number of x0, the winner; dx0 is dy where it won."""
        *place, channel = at.index
        if at.of == "y":
            winner = self.pieces * channel + int(run.array("indices")[at.index])
            return Terms((run.term(("x0", (*place, winner))),))
        run_of, piece = divmod(channel, self.pieces)
        index = (*place, run_of)
        won = run.array("indices")[index] == piece
        return Terms((run.term(("dy", index)),) if won else ())

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty((len(x[0]), *self.output_shape(x[0].shape[1:])), x[0].dtype)
        for *place, c in np.ndindex(*y.shape):
            y[*place, c] = max(x[0][*place, self.pieces * c + j] for j in range(self.pieces))
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(2), ((3, 2, 6),))
        yield Case(cls(3), ((9,),), batch=3)
        yield Case(cls(2), ((2, 2, 36),), batch=1)
        yield Case(cls(1), ((4, 3),))
