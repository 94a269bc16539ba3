"""Sigmoid followed by cross-entropy, as one formula, with s = sigmoid(z):

    C = - sum_i t_i log s_i + (1 - t_i) log(1 - s_i)
      = sum_i t_i softplus(-z_i) + (1 - t_i) softplus(z_i)

    softplus(z) = log(1 + e^z) = max(z, 0) + log(1 + e^-|z|)
    dz = s - t
    dt = -z

A term whose factor is 0 adds nothing, even where its score is infinite. Unlike that of the quadratic loss,
the gradient does not fade where the sigmoid saturates on the wrong side (Nielsen, chapter 3).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Loss
from kitnet.layers.sigmoid import sigmoid
from kitnet.layers.softplus import softplus
from kitnet.layers.target import one_hot_targets, weighted
from kitnet.layers.terms import At, Number, Pass, Term, Terms


@dataclass(frozen=True)
class SigmoidCrossEntropy(Loss):
    """C = - sum_i t_i log s_i + (1 - t_i) log(1 - s_i) with s = sigmoid(z), for classes that are judged each
    by itself."""

    word = "sigmoid_cross_entropy"
    absorbs = "sigmoid"
    suits = frozenset({"sigmoid"})

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        z, t = x
        each = weighted(t, softplus(-z)) + weighted(1 - t, softplus(z))
        return Forward(each.sum(tuple(range(1, z.ndim))))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        z, t = kept.x
        dy = dy.reshape(-1, *(1,) * (z.ndim - 1))
        return Backward((dy * (sigmoid(z) - t), -dy * z))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is the sum of t * softplus(-z) and (1 - t) * softplus(z), terms with a factor of 0 left out."""
        if at.of != "y":
            return super().terms(run, at)
        (n,), (z, t) = at.index, run.x
        against, towards = softplus(-z), softplus(z)
        terms = []
        for place in np.ndindex(z.shape[1:]):
            i = (n, *place)
            if t[i] != 0:
                terms.append(run.term(("x1", i)).by(Number("softplus(-x0)", i, float(against[i]))))
            if t[i] != 1:
                rest = Number("1 - x1", i, float(1 - t[i]))
                terms.append(Term((rest, Number("softplus(x0)", i, float(towards[i])))))
        return Terms(tuple(terms))

    def probabilities(self, scores: Array) -> Array:
        return sigmoid(scores)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.zeros(len(x[0]), x[0].dtype)
        for index in np.ndindex(*x[0].shape):
            z, t = float(x[0][index]), float(x[1][index])
            y[index[0]] += t * math.log(1 + math.exp(-z)) + (1 - t) * math.log(1 + math.exp(z))
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((5,), (5,)), draw=one_hot_targets)
        yield Case(cls(), ((2, 3, 4), (2, 3, 4)), batch=1)
