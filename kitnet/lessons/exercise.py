"""Exercises: what a reader gives is compared with what kitnet computes. No answer is written down."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from kitnet.base.error import KitnetError, cut, shorten


class Exercise(Protocol):
    def wrong(self, answer: Any) -> str | None:
        """What is seen to be wrong with an answer: None where it is right, '' where nothing is to be told."""


@dataclass(frozen=True)
class Value:
    """A number or several, as `compute` finds them, right to so many decimals; an answer may be text, such as
    '3 0 1' or '10x10x16'."""

    compute: Callable[[], Any]
    decimals: int = 0

    def wrong(self, answer: Any) -> str | None:
        given = numbers(answer)
        right = np.ravel(np.asarray(self.compute(), float))
        close = given.shape == right.shape and (abs(given - right) <= 0.500001 * 10.0**-self.decimals).all()
        return None if close else ""


@dataclass(frozen=True)
class Function:
    """A function that gives what `right` gives for each of these cases, which are tuples of arguments."""

    right: Callable[..., Any]
    cases: Callable[[], Sequence[tuple[Any, ...]]]

    def wrong(self, answer: Any) -> str | None:
        if not callable(answer):
            return f"{type(answer).__name__} != function"
        for case in self.cases():
            expected = np.asarray(self.right(*case), float)
            said = ", ".join(_say(argument) for argument in case)
            try:
                given = answer(*case)
                found = np.asarray(given, float)
            except Exception as error:  # whatever her own code does
                return f"f({said}): {type(error).__name__}: {cut(' '.join(str(error).split()))}"
            if found.shape != expected.shape or not np.allclose(found, expected, rtol=1e-6, atol=1e-9):
                return f"f({said}) = {_say(given)}"
        return None


def numbers(answer: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    """'3, 0 1' or '10x16', a number, or an array of them. Raises KitnetError."""
    words = re.split(r"[\s,;x×]+", answer.strip(" []()")) if isinstance(answer, str) else answer
    try:
        given = np.ravel(np.asarray(words)).astype(np.float64)
    except (TypeError, ValueError):
        given = np.array([np.nan])
    if not given.size or not np.isfinite(given).all():
        raise KitnetError(f"{shorten(answer)} is no number; give one, such as 28, or several: '3 0 1'")
    return given


def _say(value: Any) -> str:
    return cut(" ".join(repr(value.tolist() if isinstance(value, np.ndarray) else value).split()))
