"""Numbers that a caller gives, checked in one place for Python and the command line."""

from __future__ import annotations

import operator
import os

from kitnet.base.error import KitnetError, shorten

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
