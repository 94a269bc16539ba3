"""A learning rate: a number, or a schedule that has one for each step."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Schedule(ABC):
    """A learning rate for each step, a frozen dataclass."""

    @abstractmethod
    def at(self, step: int) -> float:
        """The learning rate of a step, from 0 on."""


Rate = float | Schedule


def rate_at(rate: Rate, step: int) -> float:
    """The learning rate of a step, whether it changes or not."""
    return rate.at(step) if isinstance(rate, Schedule) else rate
