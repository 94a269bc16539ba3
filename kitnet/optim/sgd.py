"""Stochastic gradient descent with momentum and weight decay.

    v <- momentum * v + dw + decay * w
    w <- w - rate * v

Momentum 0 is the plain rule w <- w - rate * dw. (Polyak 1964; the form in which the rate scales v as a whole,
as Sutskever et al. 2013 discuss it, so that a change of rate acts at once.) Nesterov's form goes on from
where the new velocity leads (Nesterov 1983; Bengio, Boulanger-Lewandowski & Pascanu 2013, equation 7):

    w <- w - rate * (dw + decay * w + momentum * v)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kitnet.optim.rate import Rate, rate_at
from kitnet.optim.rule import Numbers, Rule
from kitnet.optim.scalar import scalar


@dataclass(frozen=True)
class Momentum(Rule):
    """What both share: a velocity that keeps a part of the old one."""

    rate: Rate = scalar(0.05, "a learning rate of", above=0, scheduled=True)
    momentum: float = scalar(0.9, "a momentum of", least=0, below=1)
    decay: float = scalar(0.0, "a weight decay of", least=0)

    memory = ("velocity",)

    def scalars(self, step: int) -> dict[str, float]:
        return {"rate": rate_at(self.rate, step), "momentum": self.momentum, "decay": self.decay}


@dataclass(frozen=True)
class Sgd(Momentum):
    """`rate` is the learning rate, `momentum` the share of the old velocity that is kept, `decay` the weight
    decay."""

    def update(
        self, w: Numbers, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]
    ) -> tuple[Numbers, dict[str, Numbers]]:
        v = scalars["momentum"] * memory["velocity"] + dw + scalars["decay"] * w
        return w - scalars["rate"] * v, {"velocity": v}


@dataclass(frozen=True)
class Nesterov(Momentum):
    """As `Sgd`, but the step looks ahead along the new velocity."""

    def update(
        self, w: Numbers, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]
    ) -> tuple[Numbers, dict[str, Numbers]]:
        g = dw + scalars["decay"] * w
        v = scalars["momentum"] * memory["velocity"] + g
        return w - scalars["rate"] * (g + scalars["momentum"] * v), {"velocity": v}
