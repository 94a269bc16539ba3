"""The forms in which data sets lie on disk, each in a file that knows its own and registers it here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from kitnet.base.error import DataError
from kitnet.base.spec import Array
from kitnet.data.dataset import Dataset
from kitnet.data.image import MEGAPIXELS
from kitnet.data.source import Source

Part = tuple[Array, Array]  # images uint8 (N,H,W,C), labels of an integer type (N,)
MOST_CLASSES = 1 << 16  # a damaged file of 32-bit labels must not ask for billions of classes


class Parts(NamedTuple):
    """The parts of a data set. Training learns from `train`, chooses by `validation`, and is judged once by
    `test`."""

    train: Source
    validation: Source | None = None
    test: Source | None = None

    def named(self) -> dict[str, Source]:
        """Those that there are, by their names."""
        return {name: part for name, part in self._asdict().items() if part is not None}


class Given(NamedTuple):
    """What is said about a data set besides its name."""

    split: float | None = None  # share of the pictures to test with, of sets that have no test part
    strict: bool = False  # whether a broken picture is an error; otherwise it is left out
    megapixels: float = MEGAPIXELS  # of a picture; one with more is broken
    needs_test: bool = True  # whether a set without a test part is an error


@dataclass(frozen=True)
class Kind:
    """A form of data sets: `read` is for the paths that it `recognises` and raises DataError, as that may."""

    what: str  # for messages: "a folder with idx files"
    recognises: Callable[[Path], bool]
    read: Callable[[str, Given], Parts]
    splits: bool = (
        False  # whether `read` heeds what is given; other sets have a test part and no broken picture
    )


KINDS: dict[str, Kind] = {}  # in the order in which they are asked


def register(word: str, kind: Kind) -> None:
    """Let `load` know a kind of data sets; one of the same word gives way, others are asked before it."""
    KINDS[word] = kind


def known(*before: str) -> str:
    """The kinds, behind these names, as a list for a message."""
    names = [*before, *(kind.what for kind in KINDS.values())]
    return f"{', '.join(names[:-1])}, or {names[-1]}"


def in_memory(
    name: str, train: Part, test: Part, classes: tuple[str, ...], validation: Part | None = None
) -> Parts:
    own = None if validation is None else Dataset(name, *validation, classes)
    return Parts(Dataset(name, *train, classes), own, Dataset(name, *test, classes))


def check_given(given: Given, validation: float | None) -> None:
    """Raises DataError unless the share to test with is between 0 and 1, that to validate with 0 or more and
    below 1, and the pixels that a picture may have are more than none."""
    if given.split is not None and not 0 < given.split < 1:
        raise DataError(f"--split {given.split} is not possible; use a share between 0 and 1, such as 0.2")
    if validation is not None and not 0 <= validation < 1:
        raise DataError(
            f"--validation {validation} is not possible; use a share of 0 or more and below 1, such as 0.1"
        )
    if not 0 < given.megapixels < math.inf:
        raise DataError(
            f"--megapixels {given.megapixels:g} is not possible; use a number above 0, such as 100"
        )
