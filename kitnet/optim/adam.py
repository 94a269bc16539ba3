"""Adam, and AdamW, whose weight decay stands apart from the gradient.

    m <- beta1 * m + (1 - beta1) * g                  running mean of the gradient
    a <- beta2 * a + (1 - beta2) * g^2                and of its square
    w <- w - rate * (m / (1 - beta1^t) / (sqrt(a / (1 - beta2^t)) + eps) + pull)

with t = 1 in the first step, where the quotient is m * grown / (sqrt(a) + eps * root) with the step's own
root = sqrt(1 - beta2^t) and grown = root / (1 - beta1^t). Adam has g = dw + decay * w and no pull (Kingma &
Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1 and the end of section 2); AdamW has
g = dw and pull = decay * w (Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019,
algorithm 2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from kitnet.optim.rate import Rate, rate_at
from kitnet.optim.rule import Numbers, Rule
from kitnet.optim.scalar import scalar


@dataclass(frozen=True)
class _Moments(Rule):
    """What both share: running means of the gradient and of its square."""

    rate: Rate = scalar(0.001, "a learning rate of", above=0, scheduled=True)
    beta1: float = scalar(0.9, "a beta1 of", least=0, below=1)
    beta2: float = scalar(0.999, "a beta2 of", least=0, below=1)
    decay: float = scalar(0.0, "a weight decay of", least=0)
    eps: float = scalar(1e-8, "an eps of", above=0)

    memory = ("mean", "squares")

    def scalars(self, step: int) -> dict[str, float]:
        root = math.sqrt(1 - self.beta2 ** (step + 1))
        return {
            "rate": rate_at(self.rate, step),
            "beta1": self.beta1,
            "beta2": self.beta2,
            "rest1": 1 - self.beta1,
            "rest2": 1 - self.beta2,
            "grown": root / (1 - self.beta1 ** (step + 1)),  # for means that began at 0
            "decay": self.decay,
            "eps": self.eps * root,
        }

    @staticmethod
    def direction(
        g: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]
    ) -> tuple[Numbers, dict[str, Numbers]]:
        """The direction of the step, and the new running means."""
        m = scalars["beta1"] * memory["mean"] + scalars["rest1"] * g
        a = scalars["beta2"] * memory["squares"] + scalars["rest2"] * (g * g)
        direction = m * scalars["grown"] / (a**0.5 + scalars["eps"])
        return direction, {"mean": m, "squares": a}


@dataclass(frozen=True)
class Adam(_Moments):
    """`rate` is the learning rate, `beta1` and `beta2` the shares of the old means that are kept, `decay` the
    weight decay, as a part of the gradient; `eps` keeps the quotient finite."""

    def update(
        self, w: Numbers, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]
    ) -> tuple[Numbers, dict[str, Numbers]]:
        direction, changed = self.direction(dw + scalars["decay"] * w, memory, scalars)
        return w - scalars["rate"] * direction, changed


@dataclass(frozen=True)
class AdamW(_Moments):
    """As `Adam`, but `decay` pulls the weights by themselves, whatever the size of their gradients."""

    decay: float = scalar(0.01, "a weight decay of", least=0)

    def update(
        self, w: Numbers, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]
    ) -> tuple[Numbers, dict[str, Numbers]]:
        direction, changed = self.direction(dw, memory, scalars)
        return w - scalars["rate"] * (direction + scalars["decay"] * w), changed
