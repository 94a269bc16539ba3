"""Claims: numbers that a paper, a library or a sum by hand gives of a network.

A claim says in words what its number is of: `parameters`, `volume of stage1`, `maxpool layers`. `measure.py`
finds the number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Found = int | str  # a volume is written 56x56x64


@dataclass(frozen=True)
class About:
    """A number that is given rounded: what is found may lie so far from it."""

    value: float
    within: float


Expected = int | float | str | About
Claims = Mapping[str, Mapping[str, Expected]]  # what is expected, by source and by what it is of


@dataclass(frozen=True)
class Claim:
    """What is claimed, and by whom: `expected` never comes from kitnet."""

    what: str
    expected: int | float | str
    source: str
    tolerance: float = 0.0

    def holds(self, found: Found) -> bool:
        if isinstance(found, str) or isinstance(self.expected, str):
            return found == self.expected
        return abs(found - self.expected) <= self.tolerance


@dataclass(frozen=True)
class Erratum:
    """What texts print of a network that is not so, a note that tells what is, and what was computed."""

    printed: str
    note: str
    computed: tuple[Claim, ...] = ()


@dataclass(frozen=True)
class Published:
    """A result as its source gives it; kitnet measured none of them. Errors are percentages of images: `top1`
    of those whose class is not the first that is named, `top5` not among the first five. `place` is that in a
    competition."""

    how: str
    source: str
    top1: float | None = None
    top5: float | None = None
    place: str = ""

    def __str__(self) -> str:
        errors = ((1, self.top1), (5, self.top5))
        parts = [f"top-{k} error {error:g} %" for k, error in errors if error is not None]
        return f"{', '.join([*parts, *filter(None, [self.place])])} ({self.how}; {self.source})"


def claimed(claims: Claims) -> tuple[Claim, ...]:
    """`claimed({"table 1": {"parameters": 60_000, "volume of C1": "28x28x6"}})`."""
    return tuple(
        _claim(what, one, source) for source, numbers in claims.items() for what, one in numbers.items()
    )


def _claim(what: str, expected: Expected, source: str) -> Claim:
    if isinstance(expected, About):
        return Claim(what, expected.value, source, expected.within)
    return Claim(what, expected, source)


def erratum(printed: str, note: str, computed: Claims | None = None) -> Erratum:
    """An erratum, with what was computed written as claims are."""
    return Erratum(printed, note, claimed(computed or {}))
