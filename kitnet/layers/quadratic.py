"""The quadratic loss: C = 1/2 sum_i (y_i - t_i)^2 for each sample, dy = y - t, dt = t - y."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Loss
from kitnet.layers.terms import At, Number, Pass, Term, Terms


@dataclass(frozen=True)
class Quadratic(Loss):
    """C = 1/2 sum_i (y_i - t_i)^2. Its mean over samples is the 1/2n sum ||y - a||^2 of the textbooks."""

    word = "quadratic"

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        a, t = x
        return Forward(((a - t) ** 2).sum(tuple(range(1, a.ndim))) / 2)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        a, t = kept.x
        d = dy.reshape(-1, *(1,) * (a.ndim - 1)) * (a - t)
        return Backward((d, -d))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is the sum of half the squared differences of scores and target."""
        if at.of != "y":
            return super().terms(run, at)
        (n,), (a, t) = at.index, run.x
        places = [(n, *place) for place in np.ndindex(a.shape[1:])]
        differences = [Number("difference", place, float(a[place] - t[place])) for place in places]
        return Terms(tuple(Term((one, one), 0.5) for one in differences))

    def probabilities(self, scores: Array) -> Array:
        """The least squares fit of 0 and 1 is the probability itself; what lies outside is cut off and the
        rest made to sum to 1."""
        inside = np.clip(scores, np.finfo(scores.dtype).tiny, 1)
        return inside / inside.sum(-1, keepdims=True)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.zeros(len(x[0]), x[0].dtype)
        for index in np.ndindex(*x[0].shape):
            y[index[0]] += 0.5 * (x[0][index] - x[1][index]) ** 2
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((5,), (5,)))
        yield Case(cls(), ((2, 3, 4), (2, 3, 4)), batch=1)
