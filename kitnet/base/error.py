"""The mistakes that a user can mend. Each is said in one line: where, what was expected, what came, what to
do.

Inner code raises the bare reason; one outer handler adds the place (`net/graph.py` the layer's path, the data
readers the file, `kitnet/cli` the program's name and exit status 2).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class KitnetError(Exception):
    """Whatever the user can put right; its text is the whole message."""


class ShapeError(KitnetError):
    """Sizes that do not fit each other: the reason, and what to do about it."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason}; {remedy}" if remedy else reason)
        self.reason, self.remedy = reason, remedy


class LanguageError(KitnetError):
    """A network's line that cannot be read. `column` counts from 0."""

    def __init__(self, reason: str, line: str, column: int) -> None:
        super().__init__(f"{reason}\n  {line}\n  {' ' * column}^")
        self.reason, self.line, self.column = reason, line, column


class DataError(KitnetError):
    """A data file or an image that is not what it should be."""


class FileError(KitnetError):
    """A file that cannot be read or is not what it should be: which, why, and what to do about it."""

    def __init__(self, path: object, reason: str, remedy: str = "") -> None:
        super().__init__(f"{path}: {reason}; {remedy}" if remedy else f"{path}: {reason}")
        self.path, self.reason, self.remedy = path, reason, remedy


class ModelFileError(KitnetError):
    """A model file that is damaged, or not one of kitnet's."""


class RunError(KitnetError):
    """A run folder that cannot be made, read or continued."""


class TrainingError(KitnetError):
    """Training that cannot go on, such as a loss that is not a number."""


def nearest(word: str, known: Iterable[str]) -> str:
    """` (did you mean 'conv'?)` when a known word is near, otherwise nothing."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
