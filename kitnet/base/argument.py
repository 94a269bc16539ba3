"""Numbers, words and arrays that a caller gives, checked in one place for Python and the command line."""

from __future__ import annotations

import operator
import os
from collections.abc import Collection
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError, shorten

LARGEST = 2**63 - 1  # of seeds and steps, which are words of random generators
LARGEST_FLOAT = float(np.finfo(np.float32).max)
LARGEST_BATCH = 1 << 20  # images; far more than is ever of use, and few enough to be counted in 32 bits


def whole(name: str, value: object, least: int, most: int | None = None) -> int:
    """A whole number from `least` to `most`, of Python or NumPy. Raises KitnetError."""
    expected = f"use {least} or more" if most is None else f"use {least} to {most}"
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # that is the question
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise KitnetError(f"{name} {shorten(value)} is no whole number; {expected}")
    if number < least or (most is not None and number > most):
        raise KitnetError(f"{name} {shorten(number)} is not possible; {expected}")
    return number


def batch_size(value: object, name: str = "batch") -> int:
    """A number of images at once. Raises KitnetError."""
    return whole(name, value, 1, LARGEST_BATCH)


def thread_count(value: object, name: str = "threads") -> int | None:
    """A number of threads; None, for one a core, stays None. Many more threads than cores only wait for each
    other. Raises KitnetError.
    """
    return None if value is None else whole(name, value, 1, max(64, 4 * (os.cpu_count() or 1)))


def count(name: str, value: Any, most: int = LARGEST) -> int:
    """A seed, or the number of a step or a sample: 0 to `most`, quickly where it is. Raises KitnetError."""
    if type(value) is int and 0 <= value <= most:
        return value
    return whole(name, whole(name, value, 0), 0, most)


def real(name: str, value: Any) -> float:
    """A real number of Python or NumPy that float32 has, or NaN. Raises KitnetError."""
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        raise KitnetError(f"{name} {shorten(value)} is no number; use one such as 0.1")
    size: Any = abs(value)
    if LARGEST_FLOAT < size < float("inf"):
        raise KitnetError(f"{name} {shorten(value)} is too large for float32; use a smaller one")
    return float(value)


def words(name: str, given: Any, example: str) -> tuple[str, ...]:
    """A word, or several. Raises KitnetError."""
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, Collection) or not all(isinstance(word, str) for word in given):
        raise KitnetError(f"{name}: expected names such as {example!r}, but got {shorten(given)}")
    return tuple(given)


def array(name: str, given: Any) -> Any:
    """What is given, as an array. Raises KitnetError where rows differ in length or numbers are masked."""
    if type(given) is np.ndarray:
        return given
    if isinstance(given, np.ma.MaskedArray):
        raise KitnetError(f"{name}: a masked array has no numbers behind its mask; use its filled(0)")
    try:
        return np.asarray(given)
    except ValueError:
        raise KitnetError(
            f"{name}: expected an array, but got {shorten(given)}; rows need equal lengths"
        ) from None


def real_array(name: str, given: Any) -> Any:
    """What is given, as an array of real numbers. Raises KitnetError."""
    found = array(name, given)
    if found.dtype.kind not in "fiub":
        what = f"an array of {found.dtype}" if isinstance(given, np.ndarray) else shorten(given)
        raise KitnetError(f"{name}: expected an array of real numbers, but got {what}; use float32")
    return found
