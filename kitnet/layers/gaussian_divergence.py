"""How far one normal distribution is from another: the Kullback-Leibler divergence of N(m, exp(l)) from
N(t, exp(r)), number by number:

    C = 1/2 sum_k exp(l - r) + (m - t)^2 exp(-r) - 1 - l + r

and its gradient:

    dm = (m - t) exp(-r)                   dt = -dm
    dl = (exp(l - r) - 1) / 2              dr = (1 - exp(l - r) - (m - t)^2 exp(-r)) / 2

Scores hold m and behind it l along their last axis, the target t and r; a target of zeros is the standard
normal prior of variational autoencoders (Kingma & Welling, "Auto-encoding variational Bayes", ICLR 2014,
appendix B).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Loss


@dataclass(frozen=True)
class GaussianDivergence(Loss):
    """C = KL(N(m, exp(l)) || N(t, exp(r))), with m and l the halves of the scores, t and r those of the
    target."""

    word = "gaussian_divergence"
    targets = ("values",)

    def target_shape(self, scores: Shape) -> Shape:
        if scores[-1] % 2:
            raise ShapeError(
                "means and as many log variances are read from the depth, "
                f"but {say(scores)} has {scores[-1]}",
                "make the depth even",
            )
        return scores

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        (m, l), (t, r) = (np.split(one, 2, -1) for one in x)
        each = np.exp(l - r) + (m - t) ** 2 * np.exp(-r) - 1 - l + r
        return Forward(each.sum(tuple(range(1, m.ndim))) / 2)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (m, l), (t, r) = (np.split(one, 2, -1) for one in kept.x)
        dy = dy.reshape(-1, *(1,) * (m.ndim - 1))
        dm, ratio = (m - t) * np.exp(-r), np.exp(l - r)
        scores = np.concatenate([dm, (ratio - 1) / 2], -1)
        target = np.concatenate([-dm, (1 - ratio - (m - t) * dm) / 2], -1)
        return Backward((dy * scores, dy * target))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.zeros(len(x[0]), x[0].dtype)
        depth = x[0].shape[-1] // 2
        for *place, k in np.ndindex(*x[0].shape[:-1], depth):
            m, t = float(x[0][*place, k]), float(x[1][*place, k])
            variance, other = (math.exp(float(one[*place, depth + k])) for one in x)
            y[place[0]] += (variance + (m - t) ** 2) / (2 * other) - 0.5 - math.log(variance / other) / 2
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((6,), (6,)))
        yield Case(cls(), ((2, 3, 4), (2, 3, 4)), batch=1)
