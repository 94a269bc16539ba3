"""Learning rates that change from step to step; a rule takes one in the place of its rate.

In the first `warmup` steps every rate rises linearly: rate * (t + 1) / warmup (Goyal et al., "Accurate, large
minibatch SGD", 2017, section 2.2). What follows is a function of p, the share of the remaining steps that are
done, from 0 to 1; after the last of `steps` the rate stays.

    Cosine      final + (rate - final) * (1 + cos(pi p)) / 2         Loshchilov & Hutter 2017, equation 5
    Linear      rate + (final - rate) * p
    OneCycle    up from `first` in the share `rise` of the steps, then down to `final`, both as half a cosine
                                                                     Smith & Topin 2018
    Rising      first * (rate / first)^p                             to see which rates suit: Smith 2015
    Drops       rate * factor^(drops so far)                         He et al. 2016, section 3.4
    Shifted     another one, so many steps further on
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass

from kitnet.base.argument import whole
from kitnet.base.error import KitnetError, shorten
from kitnet.optim.rate import Schedule
from kitnet.optim.scalar import check_scalars, scalar


def _warming(rate: float, warmup: int, step: int) -> float:
    return rate * (step + 1) / warmup


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class _Planned(Schedule):
    """What schedules of a known length share."""

    rate: float = scalar(0.05, "a learning rate of", above=0)
    steps: int = 1000
    final: float = scalar(0.0, "a final learning rate of", least=0)
    warmup: int = 0

    def __post_init__(self) -> None:
        check_scalars(self)
        whole("steps", self.steps, 1)
        whole("warmup", self.warmup, 0)
        if self.warmup >= self.steps:
            raise KitnetError(f"a warmup of {self.warmup} of {self.steps} steps leaves none; use fewer")

    def at(self, step: int) -> float:
        if step < self.warmup:
            return _warming(self.rate, self.warmup, step)
        return self.after(min(1.0, (step - self.warmup) / max(1, self.steps - 1 - self.warmup)))

    @abstractmethod
    def after(self, share: float) -> float:
        """The rate when this share of the steps after the warm-up is done."""


@dataclass(frozen=True)
class Cosine(_Planned):
    """From `rate` to `final` along half a cosine, in `steps` steps."""

    def after(self, share: float) -> float:
        return _half_cosine(self.rate, self.final, share)


@dataclass(frozen=True)
class Linear(_Planned):
    """From `rate` to `final` along a line, in `steps` steps."""

    def after(self, share: float) -> float:
        return self.rate + (self.final - self.rate) * share


@dataclass(frozen=True)
class OneCycle(_Planned):
    """From `first` up to `rate` in the share `rise` of `steps` steps, then down to `final`."""

    rise: float = scalar(0.3, "a rise of", above=0, below=1)
    first: float = scalar(0.0, "a first learning rate of", least=0)

    def after(self, share: float) -> float:
        if share < self.rise:
            return _half_cosine(self.first, self.rate, share / self.rise)
        return _half_cosine(self.rate, self.final, (share - self.rise) / (1 - self.rise))


@dataclass(frozen=True)
class Rising(_Planned):
    """From `first` to `rate`, in `steps` steps by the same factor."""

    first: float = scalar(1e-6, "a first learning rate of", above=0)

    def after(self, share: float) -> float:
        return self.first * (self.rate / self.first) ** share


@dataclass(frozen=True)
class Drops(Schedule):
    """`rate`, multiplied by `factor` at each of the steps `at_steps`."""

    rate: float = scalar(0.1, "a learning rate of", above=0)
    at_steps: tuple[int, ...] = ()
    factor: float = scalar(0.1, "a factor of", above=0)
    warmup: int = 0

    def __post_init__(self) -> None:
        check_scalars(self)
        whole("warmup", self.warmup, 0)
        if not isinstance(self.at_steps, tuple) or sorted({*self.at_steps}) != [*self.at_steps]:
            raise KitnetError(
                "the steps of drops are rising whole numbers such as (300, 400), not "
                f"{shorten(self.at_steps)}"
            )
        for step in self.at_steps:
            whole("the step of a drop", step, 1)

    def at(self, step: int) -> float:
        if step < self.warmup:
            return _warming(self.rate, self.warmup, step)
        return self.rate * self.factor ** sum(step >= drop for drop in self.at_steps)


@dataclass(frozen=True)
class Shifted(Schedule):
    """What `schedule` has `by` steps later, below 0 earlier, but at its first step at the earliest."""

    schedule: Schedule
    by: int

    def at(self, step: int) -> float:
        return self.schedule.at(max(0, step + self.by))
