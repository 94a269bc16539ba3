"""Stochastic gradient descent with momentum and weight decay.

    v <- momentum * v + dw + decay * w
    w <- w - rate * v

Momentum 0 is the plain rule w <- w - rate * dw. (Polyak 1964; the form in which the rate scales v as a whole,
as Sutskever et al. 2013 discuss it, so that a change of rate acts at once.)
"""

from __future__ import annotations

from dataclasses import dataclass

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array


@dataclass(frozen=True)
class Sgd:
    """`rate` is the step along the gradient, `momentum` the share of the old velocity that is kept, `decay`
    pulls to 0."""

    rate: float = 0.05
    momentum: float = 0.9
    decay: float = 0.0

    memory = ("velocity",)  # buffers of the weights' layout that the rule carries from step to step

    def __post_init__(self) -> None:
        if not 0 < self.rate < float("inf"):
            raise KitnetError(f"a learning rate of {self.rate:g} is not possible; use a number above 0")
        if not 0 <= self.momentum < 1:
            raise KitnetError(
                f"a momentum of {self.momentum:g} is not possible; use 0 or more, and less than 1"
            )
        if not 0 <= self.decay < float("inf"):
            raise KitnetError(f"a weight decay of {self.decay:g} is not possible; use 0 or more")

    def update(self, w: Array, dw: Array, memory: dict[str, Array], decayed: Array) -> None:
        """One step, in place on w (P,) and memory['velocity'] (P,). `decayed` (P,) is 1 where decay applies,
        else 0."""
        v = memory["velocity"]
        v *= self.momentum
        v += dw
        if self.decay:
            v += self.decay * decayed * w
        w -= self.rate * v
