"""Softmax followed by cross-entropy, as one formula: C = - sum_i t_i log p_i with p = softmax(z).

    C = sum_i t_i (log sum_j e^z_j - z_i),   dz = p sum_i t_i - t,   dt = log sum_j e^z_j - z

The target t is usually 1 at the class and 0 elsewhere, but any weights are allowed. A class with t = 0 adds
nothing, even where its score is minus infinity. Other axes than the last are summed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Loss
from kitnet.layers.softmax import log_sum_exp, softmax
from kitnet.layers.target import one_hot_targets, weighted


def cost(z: Array) -> Array:
    """- log p of each class, with p = softmax(z)."""
    with np.errstate(invalid="ignore"):  # inf - inf: the probabilities are no numbers either
        return log_sum_exp(z) - z


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """C = - sum_i t_i log p_i with p = softmax(z), for exactly one class a sample; the usual loss."""

    word = "softmax_cross_entropy"
    absorbs = "softmax"
    suits = frozenset({"softmax"})

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        z, t = x
        return Forward(weighted(t, cost(z)).sum(tuple(range(1, z.ndim))))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        z, t = kept.x
        dy = dy.reshape(-1, *(1,) * (z.ndim - 1))
        return Backward((dy * (softmax(z) * t.sum(-1, keepdims=True) - t), dy * cost(z)))

    def probabilities(self, scores: Array) -> Array:
        return softmax(scores)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        z, t = x
        y = np.zeros(len(z), z.dtype)
        for place in np.ndindex(*z.shape[:-1]):
            total = math.fsum(math.exp(v) for v in z[place])
            y[place[0]] -= math.fsum(
                float(u) * math.log(math.exp(v) / total) for u, v in zip(t[place], z[place], strict=True)
            )
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((5,), (5,)), draw=one_hot_targets)
        yield Case(cls(), ((7,), (7,)), batch=3)
        yield Case(cls(), ((2, 3, 4), (2, 3, 4)), batch=1)
