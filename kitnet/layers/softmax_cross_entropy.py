"""Softmax followed by cross-entropy, as one formula, with p = softmax(z):

    C = - sum_i t_i log p_i = sum_i t_i (log sum_j e^z_j - z_i)

    dz = p sum_i t_i - t
    dt = log sum_j e^z_j - z

The target t is usually 1 at the class and 0 elsewhere, but any weights are allowed. A class with t = 0 adds
nothing, even where its score is minus infinity. Other axes than the last are summed.

Smoothed labels give a share `smooth` of the target to all K classes alike, so that no score is driven to
infinity (Szegedy, Vanhoucke, Ioffe, Shlens & Wojna 2016, section 7): in the place of t_i stands

    (1 - smooth) t_i + smooth / K sum_j t_j
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Loss
from kitnet.layers.softmax import log_sum_exp, softmax
from kitnet.layers.target import one_hot_targets, weighted
from kitnet.layers.terms import At, Number, Pass, Term, Terms


def cost(z: Array) -> Array:
    """The cost of each class, - log p with p = softmax(z)."""
    with np.errstate(invalid="ignore"):  # inf - inf: the probabilities are no numbers either
        return log_sum_exp(z) - z


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """C = - sum_i t_i log p_i with p = softmax(z), for exactly one class a sample; the usual loss. `smooth`
    is the share of t that all classes get alike."""

    word = "softmax_cross_entropy"
    absorbs = "softmax"
    suits = frozenset({"softmax"})

    smooth: float = 0.0

    def output_shape(self, *x: Shape) -> Shape:
        if not 0 <= self.smooth < 1:
            raise ShapeError(f"a smooth of {self.smooth:g} is no share below 1", "use 0 to 0.9, such as 0.1")
        return super().output_shape(*x)

    def _smoothed(self, t: Array) -> Array:
        """The target, or in the same way the gradient of the smoothed target as that of the target."""
        if not self.smooth:
            return t
        return (1 - self.smooth) * t + self.smooth * t.mean(-1, keepdims=True)

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        z, t = x
        return Forward(weighted(self._smoothed(t), cost(z)).sum(tuple(range(1, z.ndim))))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        z, t = kept.x
        dy = dy.reshape(-1, *(1,) * (z.ndim - 1))
        dz = softmax(z) * t.sum(-1, keepdims=True) - self._smoothed(t)
        return Backward((dy * dz, dy * self._smoothed(cost(z))))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is the sum of targets times costs, those with a target of 0 left out."""
        if at.of != "y":
            return super().terms(run, at)
        (n,), (z, t) = at.index, run.x
        costs, smoothed = cost(z), self._smoothed(t)
        classes = [(n, *map(int, place)) for place in np.argwhere(smoothed[n])]

        def target(i: tuple[int, ...]) -> Term:
            if not self.smooth:
                return run.term(("x1", i))
            return Term((Number("smoothed target", i, float(smoothed[i])),))

        return Terms(tuple(target(i).by(Number("cost", i, float(costs[i]))) for i in classes))

    def probabilities(self, scores: Array) -> Array:
        return softmax(scores)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        z, t = x
        y = np.zeros(len(z), z.dtype)
        for place in np.ndindex(*z.shape[:-1]):
            powers = [math.exp(v) for v in z[place]]
            total, share = math.fsum(powers), self.smooth * math.fsum(t[place]) / len(powers)
            y[place[0]] -= math.fsum(
                ((1 - self.smooth) * float(u) + share) * math.log(power / total)
                for u, power in zip(t[place], powers, strict=True)
            )
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((5,), (5,)), draw=one_hot_targets)
        yield Case(cls(), ((7,), (7,)), batch=3)
        yield Case(cls(), ((2, 3, 4), (2, 3, 4)), batch=1)
        yield Case(cls(0.1), ((5,), (5,)), batch=3, draw=one_hot_targets)
        yield Case(cls(0.3), ((2, 4), (2, 4)), batch=1)
