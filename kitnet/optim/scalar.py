"""The numbers of a rule: what they are called, and how large they may be."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from kitnet.base.argument import real, whole
from kitnet.base.error import KitnetError
from kitnet.optim.rate import Schedule


@dataclass(frozen=True)
class Range:
    """`called`, such as "a momentum of", and what it lies between: `least` or `above`, and `below`. In its
    place may stand a schedule where it is `scheduled`."""

    called: str
    least: float | None
    above: float | None
    below: float
    scheduled: bool

    def check(self, value: float) -> None:
        """Raises KitnetError for NaN and for a number outside."""
        low = self.above < value if self.above is not None else self.least is None or self.least <= value
        if not (low and value < self.below):
            raise KitnetError(f"{self.called} {value:g} is not possible; use {self.expected}")

    @property
    def expected(self) -> str:
        low = f"a number above {self.above:g}" if self.above is not None else f"{self.least:g} or more"
        return low if self.below == float("inf") else f"{low}, and less than {self.below:g}"


def scalar(
    default: float,
    called: str,
    *,
    least: float | None = None,
    above: float | None = None,
    below: float = float("inf"),
    scheduled: bool = False,
) -> Any:
    """A field of a rule that reaches the formula as a scalar of the step, so that another value needs no
    other kernel."""
    return dataclasses.field(
        default=default, metadata={"range": Range(called, least, above, below, scheduled)}
    )


def count(default: int, called: str, least: int, most: int) -> Any:
    """A field of a rule that is a whole number, on which its formula depends, so that another value needs
    another kernel."""
    return dataclasses.field(default=default, metadata={"count": (called, least, most)})


def check_scalars(rule: Any) -> None:
    """The scalar fields become floats. Raises KitnetError for one that is no number, or outside its range."""
    for field in dataclasses.fields(rule):
        bounds, value = field.metadata.get("range"), getattr(rule, field.name)
        if "count" in field.metadata:
            called, least, most = field.metadata["count"]
            number = int(value) if isinstance(value, float) and value.is_integer() else value
            object.__setattr__(rule, field.name, whole(called, number, least, most))
        if bounds is None or (bounds.scheduled and isinstance(value, Schedule)):
            continue
        object.__setattr__(rule, field.name, real(bounds.called, value))
        bounds.check(getattr(rule, field.name))


def form_of(rule: Any) -> tuple[Any, ...]:
    """The class of a rule, and its fields that are no scalars."""
    fields = [field.name for field in dataclasses.fields(rule) if "range" not in field.metadata]
    return type(rule), *((name, getattr(rule, name)) for name in fields)
