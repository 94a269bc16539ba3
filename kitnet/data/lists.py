"""Frozen settings that are lists of numbers, as JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from kitnet.base.error import DataError, nearest, shorten
from kitnet.data.place import place

T = TypeVar("T")


def to_lists(of: Any) -> dict[str, Any]:
    """A dataclass of tuples as a dict of lists, from which `from_lists` makes the very same."""
    return {name: list(values) for name, values in asdict(of).items()}


def from_lists(cls: type[T], data: object) -> T:
    """The inverse. Raises DataError for anything else: a missing or unknown field, or one that is no list."""
    names = [field.name for field in fields(cls)]  # type: ignore[arg-type]  # a dataclass
    with place("preparation"):
        if not isinstance(data, Mapping):
            raise DataError(f"it is {shorten(data)}; expected a mapping with {', '.join(names)}")
        for name in data:
            if name not in names:
                raise DataError(
                    f"unknown field {shorten(name)}{nearest(str(name), names)}; known: {', '.join(names)}"
                )
        for name in names:
            if name not in data:
                raise DataError(f"the field {name!r} is missing")
            if not isinstance(data[name], list):
                raise DataError(f"{name!r} is {shorten(data[name])}; expected a list of numbers")
    return cls(**{name: tuple(data[name]) for name in names})
