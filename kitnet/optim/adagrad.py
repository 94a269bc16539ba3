"""Adagrad: every weight has a learning rate that falls with the squares of its own gradients.

    a <- a + (dw + decay * w)^2
    w <- w - rate * (dw + decay * w) / (sqrt(a) + eps)

(Duchi, Hazan & Singer, "Adaptive subgradient methods for online learning and stochastic optimization", JMLR
12, 2011, figure 1 with diagonal matrices.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kitnet.optim.rate import Rate, rate_at
from kitnet.optim.rule import Numbers, Rule
from kitnet.optim.scalar import scalar


@dataclass(frozen=True)
class Adagrad(Rule):
    """`rate` is the learning rate, `decay` the weight decay; `eps` keeps the quotient finite."""

    rate: Rate = scalar(0.01, "a learning rate of", above=0, scheduled=True)
    decay: float = scalar(0.0, "a weight decay of", least=0)
    eps: float = scalar(1e-10, "an eps of", above=0)

    memory = ("squares",)

    def scalars(self, step: int) -> dict[str, float]:
        return {"rate": rate_at(self.rate, step), "decay": self.decay, "eps": self.eps}

    def update(
        self, w: Numbers, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]
    ) -> tuple[Numbers, dict[str, Numbers]]:
        g = dw + scalars["decay"] * w
        a = memory["squares"] + g * g
        return w - scalars["rate"] * g / (a**0.5 + scalars["eps"]), {"squares": a}
