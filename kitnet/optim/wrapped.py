"""Rules around a rule: the gradient clipped before it, the weights averaged after it.

    Clipped     dw <- dw * norm / max(norm, |dw|)      |dw| the length of the whole gradient
    Averaged    a <- keep * a + (1 - keep) * w         w the new weights

(Pascanu, Mikolov & Bengio, "On the difficulty of training recurrent neural networks", ICML 2013, algorithm 1;
Polyak & Juditsky, "Acceleration of stochastic approximation by averaging", 1992.)
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import KitnetError, shorten
from kitnet.optim.rule import Numbers, Rule
from kitnet.optim.scalar import scalar
from kitnet.optim.sgd import Sgd

AVERAGE = "average"  # the memory that holds averaged weights


@dataclass(frozen=True)
class _Wrapped(Rule):
    """What both share: the memory and the scalars of the rule within, and more."""

    rule: Rule = Sgd()

    def __post_init__(self) -> None:
        if not isinstance(self.rule, Rule):
            got = shorten(self.rule)
            raise KitnetError(f"rule: expected an update rule such as Sgd(0.05), but got {got}")
        super().__post_init__()
        object.__setattr__(self, "memory", self.rule.memory)
        object.__setattr__(self, "reads_norm", self.rule.reads_norm)
        object.__setattr__(self, "orthogonal_steps", self.rule.orthogonal_steps)
        object.__setattr__(self, "renorms", self.rule.renorms)

    @property
    def form(self) -> Hashable:
        return type(self), self.rule.form

    def heading(self, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]) -> Numbers:
        return self.rule.heading(dw, memory, scalars)


@dataclass(frozen=True)
class Clipped(_Wrapped):
    """`rule` with gradients whose length is at most `norm`."""

    norm: float = scalar(1.0, "a clip of", above=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "reads_norm", True)

    def scalars(self, step: int) -> dict[str, float]:
        return {**self.rule.scalars(step), "clip": self.norm}

    def heading(self, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]) -> Numbers:
        return self.rule.heading(self._clipped(dw, scalars), memory, scalars)

    def update(
        self, w: Numbers, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]
    ) -> tuple[Numbers, dict[str, Numbers]]:
        return self.rule.update(w, self._clipped(dw, scalars), memory, scalars)

    @staticmethod
    def _clipped(dw: Numbers, scalars: Mapping[str, Numbers]) -> Numbers:
        return dw * (scalars["clip"] / np.maximum(scalars["norm"], scalars["clip"]))


@dataclass(frozen=True)
class Averaged(_Wrapped):
    """`rule`, and a running mean of the weights that it has made, in the memory `average`: the mean of all
    steps as long as they are few, later `keep` is the share of the old mean that is kept."""

    keep: float = scalar(0.999, "an average of", least=0, below=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if AVERAGE in self.memory:
            raise KitnetError("weights are averaged once; leave one Averaged out")
        object.__setattr__(self, "memory", (*self.rule.memory, AVERAGE))

    def scalars(self, step: int) -> dict[str, float]:
        keep = min(self.keep, step / (step + 1))
        return {**self.rule.scalars(step), "average_keep": keep, "average_rest": 1 - keep}

    def update(
        self, w: Numbers, dw: Numbers, memory: Mapping[str, Numbers], scalars: Mapping[str, Numbers]
    ) -> tuple[Numbers, dict[str, Numbers]]:
        new, changed = self.rule.update(w, dw, memory, scalars)
        average = scalars["average_keep"] * memory[AVERAGE] + scalars["average_rest"] * new
        return new, {**changed, AVERAGE: average}
