"""Hinge losses, of support vector machines, on scores s of which the largest wins:

    hinge             C = sum_k max(0, 1 - (2 t_k - 1) s_k)                  each class against all others
    multiclass_hinge  C = sum_k t_k max(0, 1 + max_{j != k} s_j - s_k)       against the worst of the others
                      C = sum_k t_k sum_{j != k} max(0, 1 + s_j - s_k)       with `against=all`

with t 1 at the class and 0 elsewhere. In the place of 1 stands the `margin`. Rifkin & Klautau 2004 (one
against all); Crammer & Singer 2001, equation 7 (the worst); Weston & Watkins 1999 (all; the SVM loss of
CS231n). Beyond the margin nothing moves; at a kink the gradient is 0. Other axes than the last are summed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Loss
from kitnet.layers.softmax import softmax
from kitnet.layers.target import one_hot_targets
from kitnet.layers.value import argument, choice


@dataclass(frozen=True)
class Hinge(Loss):
    """C = sum_k max(0, margin - (2 t_k - 1) s_k): each class against all others."""

    word = "hinge"

    margin: float = 1.0

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        s, t = x
        return Forward(np.maximum(0, self._short(s, t)).sum(tuple(range(1, s.ndim))))

    def _short(self, s: Array, t: Array) -> Array:
        """What each score lacks to the margin."""
        return self.margin - (2 * t - 1) * s

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        s, t = kept.x
        d = dy.reshape(-1, *(1,) * (s.ndim - 1)) * (self._short(s, t) > 0)
        return Backward((d * (1 - 2 * t), -2 * d * s))

    def probabilities(self, scores: Array) -> Array:
        """In the order of the scores, which this loss does not make probabilities of."""
        return softmax(scores)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.zeros(len(x[0]), x[0].dtype)
        for index in np.ndindex(*x[0].shape):
            s, t = float(x[0][index]), float(x[1][index])
            y[index[0]] += max(0.0, self.margin + s - 2 * t * s)
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((5,), (5,)), draw=one_hot_targets)
        yield Case(cls(0.5), ((2, 3, 4), (2, 3, 4)), batch=1)


@dataclass(frozen=True)
class MulticlassHinge(Loss):
    """C = sum_k t_k max(0, margin + max_{j != k} s_j - s_k): the right class against the worst of the others;
    with `against=all` the sum over all others."""

    word = "multiclass_hinge"

    margin: float = 1.0
    against: Literal["worst", "all"] = argument(choice("worst", "all"), "worst")

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        s, t = x
        return Forward((t * self._hinges(s).sum(-1)).sum(tuple(range(1, s.ndim))))

    def _hinges(self, s: Array) -> Array:
        """(..., K) -> (..., K, K): for each right class k what each rival j costs, 0 where it does not
        count."""
        own = np.eye(s.shape[-1], dtype=bool)
        short = np.where(own, 0, np.maximum(0, self.margin + s[..., None, :] - s[..., :, None]))
        if self.against == "all":
            return short
        worst = np.arange(s.shape[-1]) == short.argmax(-1)[..., None]
        return np.where(worst, short, 0)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        s, t = kept.x
        dy = dy.reshape(-1, *(1,) * (s.ndim - 1))
        hinges = self._hinges(s)
        pushed = np.where(hinges > 0, t[..., None], 0)  # rivals up, the right class down
        return Backward((dy * (pushed.sum(-2) - pushed.sum(-1)), dy * hinges.sum(-1)))

    def probabilities(self, scores: Array) -> Array:
        """In the order of the scores, which this loss does not make probabilities of."""
        return softmax(scores)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.zeros(len(x[0]), x[0].dtype)
        for *place, k in np.ndindex(*x[0].shape):
            s, t = x[0][*place], x[1][*place, k]
            costs = [max(0.0, self.margin + float(s[j]) - float(s[k])) for j in range(len(s)) if j != k]
            total = math.fsum(costs) if self.against == "all" else max(costs, default=0.0)
            y[place[0]] += float(t) * total
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((5,), (5,)), draw=one_hot_targets)
        yield Case(cls(2.0, "all"), ((4,), (4,)), 3, draw=one_hot_targets)
        yield Case(cls(0.5), ((2, 3, 4), (2, 3, 4)), batch=1)
