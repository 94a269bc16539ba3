"""RMSProp: the gradient over the root of a running mean of its squares.

    a <- keep * a + (1 - keep) * (dw + decay * w)^2
    w <- w - rate * (dw + decay * w) / (sqrt(a) + eps)

(Tieleman & Hinton, "Lecture 6.5: rmsprop", COURSERA: Neural networks for machine learning, 2012.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kitnet.optim.rate import Rate, rate_at
from kitnet.optim.rule import Numbers, Rule
from kitnet.optim.scalar import scalar


@dataclass(frozen=True)
class RmsProp(Rule):
    """`rate` is the learning rate, `keep` the share of the old mean that is kept, `decay` the weight decay;
    `eps` keeps the quotient finite."""

    rate: Rate = scalar(0.001, "a learning rate of", above=0, scheduled=True)
    keep: float = scalar(0.9, "a keep of", least=0, below=1)
    decay: float = scalar(0.0, "a weight decay of", least=0)
    eps: float = scalar(1e-8, "an eps of", above=0)

    memory = ("squares",)

    def scalars(self, step: int) -> dict[str, float]:
        return {
            "rate": rate_at(self.rate, step),
            "keep": self.keep,
            "rest": 1 - self.keep,
            "decay": self.decay,
            "eps": self.eps,
        }

    def update(
        self, w: Numbers, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]
    ) -> tuple[Numbers, dict[str, Numbers]]:
        g = dw + scalars["decay"] * w
        a = scalars["keep"] * memory["squares"] + scalars["rest"] * (g * g)
        return w - scalars["rate"] * g / (a**0.5 + scalars["eps"]), {"squares": a}
