"""A message: its fields by name, each asked for as what it should be. What nobody asked for can be told, so
that nothing of a description is passed over in silence."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TypeVar

from kitnet.base.error import DataError, shorten

T = TypeVar("T")
LARGEST = 1 << 20  # of a size or a number of filters


class Word(str):
    """A word without quotes: a name of an enumeration, true or false."""


@dataclass
class Message:
    """Begins in `line`."""

    line: int
    _fields: dict[str, list[tuple[Value, int]]] = field(default_factory=dict)
    _asked: set[str] = field(default_factory=set)

    def add(self, name: str, value: Value, line: int) -> None:
        self._fields.setdefault(name, []).append((value, line))

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def _of(self, name: str, kind: type, expected: str) -> list[tuple[Value, int]]:
        self._asked.add(name)
        found = self._fields.get(name, [])
        for value, line in found:
            if type(value) is not kind:
                told = "a message" if isinstance(value, Message) else shorten(value)
                raise DataError(f"line {line}: {name} is {told}, expected {expected}")
        return found

    def parts(self, name: str) -> list[Message]:
        return [value for value, _ in self._of(name, Message, "a message in braces")]  # type: ignore[misc]

    def part(self, name: str) -> Message:
        """The message of this name; an empty one where there is none. Raises DataError for several."""
        found = self.parts(name)
        if len(found) > 1:
            raise DataError(f"line {found[1].line}: a second {name}; leave one out")
        return found[0] if found else Message(self.line)

    def texts(self, name: str) -> list[str]:
        return [str(value) for value, _ in self._of(name, str, "a text in quotes")]

    def text(self, name: str) -> str:
        return self._one(name, self.texts(name), "")

    def word(self, name: str, usual: str, known: Collection[str]) -> str:
        """One of the words of an enumeration. Raises DataError for others."""
        found = self._of(name, Word, f"one of {', '.join(known)}")
        for value, line in found:
            if value not in known:
                raise DataError(f"line {line}: {name} is {value}, expected one of {', '.join(known)}")
        return self._one(name, [str(value) for value, _ in found], usual)

    def flag(self, name: str, usual: bool) -> bool:
        return self.word(name, str(usual).lower(), ("true", "false")) == "true"

    def numbers(self, name: str) -> list[float]:
        return [float(value) for value, _ in self._of(name, float, "a number")]  # type: ignore[arg-type]

    def number(self, name: str, usual: float) -> float:
        found = self._one(name, self.numbers(name), usual)
        if not math.isfinite(found):
            raise DataError(f"line {self.line_of(name)}: {name} is {found}, expected a finite number")
        return found

    def wholes(self, name: str, least: int = 1) -> list[int]:
        for value, line in self._of(name, float, "a whole number"):
            if not (isinstance(value, float) and value.is_integer() and least <= value <= LARGEST):
                raise DataError(f"line {line}: {name} is {value:g}, expected {least} to {LARGEST}")
        return [int(value) for value in self.numbers(name)]

    def whole(self, name: str, usual: int, least: int = 1) -> int:
        return self._one(name, self.wholes(name, least), usual)

    def line_of(self, name: str) -> int:
        return self._fields[name][0][1] if name in self._fields else self.line

    def _one(self, name: str, found: list[T], usual: T) -> T:
        if len(found) > 1:
            raise DataError(f"line {self._fields[name][1][1]}: a second {name}; leave one out")
        return found[0] if found else usual

    def check_all_asked(self, besides: Collection[str] = ()) -> None:
        """Raises DataError for a field that nobody asked for, and that is none of these."""
        for name, found in self._fields.items():
            if name not in self._asked and name not in besides:
                raise DataError(f"line {found[0][1]}: {shorten(name)} is not read; leave it out")


Value = Message | str | float
