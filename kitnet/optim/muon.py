"""Muon: momentum whose direction is made orthogonal for the filters of convolutions.

    v <- momentum * v + dw
    u  = dw + momentum * v                       where Nesterov's momentum leads
    o  = sqrt(max(1, K / F)) * orthogonal(u)     for filters, a matrix of F = window x depth rows, K columns
    o  = u                                       for all other parameters
    w <- sqrt(K) * w / |w|                       before, for filters, where they are to `renorm`
    w <- w - rate * (o + decay * w)

`orthogonal` brings the singular values of a matrix near 1 (between about 0.7 and 1.2) and keeps its singular
vectors, by five `steps` of an iteration of Newton and Schulz with a polynomial of degree 5:

    x  = u / |u|;   a = x' x;   x <- 3.4445 x + x (-4.7750 a + 2.0315 a^2)

on the transposed matrix where that has fewer columns. (Jordan, Jin, Boza, You, Cecista, Newhouse & Bernstein,
"Muon: an optimizer for hidden layers in neural networks", 2024. Filters of groups are one matrix there, too.
As in Jordan's networks for CIFAR-10 of 2024, the parameters that are no filters follow Nesterov's momentum;
in language models it is usually AdamW. Jordan's networks of 2024 take three steps, and renorm, since only the
direction of filters before a norm matters: their length decides how fast it turns.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array, Matrix
from kitnet.optim.rate import Rate
from kitnet.optim.rule import Numbers
from kitnet.optim.scalar import count, scalar
from kitnet.optim.sgd import Momentum

LINEAR, CUBIC, QUINTIC = 3.4445, -4.7750, 2.0315
EPS = 1e-7


@dataclass(frozen=True)
class Muon(Momentum):
    """`rate` is the learning rate, `momentum` the share of the old velocity that is kept, `decay` the weight
    decay, which stands apart from the gradient, `steps` those of the iteration; `renorm` 1: filters get their
    length before each update."""

    rate: Rate = scalar(0.02, "a learning rate of", above=0, scheduled=True)
    momentum: float = scalar(0.95, "a momentum of", least=0, below=1)
    steps: int = count(5, "steps", 1, 20)
    renorm: int = count(0, "renorm", 0, 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "orthogonal_steps", self.steps)
        object.__setattr__(self, "renorms", bool(self.renorm))

    def heading(self, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]) -> Numbers:
        v = scalars["momentum"] * memory["velocity"] + dw
        return dw + scalars["momentum"] * v

    def update(
        self, w: Numbers, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]
    ) -> tuple[Numbers, dict[str, Numbers]]:
        v = scalars["momentum"] * memory["velocity"] + dw
        return w - scalars["rate"] * (scalars["orthogonal"] + scalars["decay"] * w), {"velocity": v}


def with_orthogonal(u: Array, filters: Sequence[Matrix], steps: int) -> Array:
    """The headings (P,) of all parameters, those of filters made orthogonal."""
    made = u.copy()
    for one in filters:
        matrix = u[one.slice].reshape(one.rows, one.columns)
        made[one.slice] = stretch(one) * orthogonal(matrix, steps).ravel()
    return made


def renormed(w: Array, filters: Sequence[Matrix]) -> Array:
    """The weights (P,), those of filters with the length sqrt(K); filters that are 0 stay."""
    made = w.copy()
    for one in filters:
        length = np.sqrt(np.square(w[one.slice]).sum())
        made[one.slice] *= w.dtype.type(math.sqrt(one.columns)) / (length + w.dtype.type(EPS))
    return made


def stretch(matrix: Matrix) -> float:
    """What an orthogonal matrix is multiplied by, so that filters of many outputs change as fast."""
    return math.sqrt(max(1, matrix.columns / matrix.rows))


def orthogonal(u: Array, steps: int = 5) -> Array:
    """A matrix (F, K) with the singular vectors of u and singular values near 1; 0 for 0."""
    x = u if u.shape[0] >= u.shape[1] else u.T
    x = x / (np.sqrt(np.square(x).sum()) + u.dtype.type(EPS))
    for _ in range(steps):
        a = x.T @ x
        b = u.dtype.type(CUBIC) * a + u.dtype.type(QUINTIC) * (a @ a)
        x = u.dtype.type(LINEAR) * x + x @ b
    return x if u.shape[0] >= u.shape[1] else x.T
