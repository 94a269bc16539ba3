"""Stochastic gradient descent with momentum and weight decay.

    v <- momentum * v + dw + decay * w
    w <- w - rate * v

Momentum 0 is the plain rule w <- w - rate * dw. (Polyak 1964; the form in which the rate scales v as a whole,
as Sutskever et al. 2013 discuss it, so that a change of rate acts at once.)
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from kitnet.base.argument import real
from kitnet.base.error import KitnetError
from kitnet.optim.rule import Numbers, Rule


@dataclass(frozen=True)
class Sgd(Rule):
    """`rate` is the learning rate, `momentum` the share of the old velocity that is kept, `decay` the weight
    decay."""

    rate: float = 0.05
    momentum: float = 0.9
    decay: float = 0.0

    memory = ("velocity",)

    def __post_init__(self) -> None:
        told = {"rate": "a learning rate of", "momentum": "a momentum of", "decay": "a weight decay of"}
        for name, what in told.items():
            object.__setattr__(self, name, real(what, getattr(self, name)))
        if not 0 < self.rate < float("inf"):
            raise KitnetError(f"a learning rate of {self.rate:g} is not possible; use a number above 0")
        if not 0 <= self.momentum < 1:
            raise KitnetError(
                f"a momentum of {self.momentum:g} is not possible; use 0 or more, and less than 1"
            )
        if not 0 <= self.decay < float("inf"):
            raise KitnetError(f"a weight decay of {self.decay:g} is not possible; use 0 or more")

    def scalars(self, step: int) -> dict[str, float]:
        return {"rate": self.rate, "momentum": self.momentum, "decay": self.decay}

    @property
    def form(self) -> Hashable:
        return Sgd

    def update(
        self, w: Numbers, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]
    ) -> tuple[Numbers, dict[str, Numbers]]:
        v = scalars["momentum"] * memory["velocity"] + dw + scalars["decay"] * w
        return w - scalars["rate"] * v, {"velocity": v}
