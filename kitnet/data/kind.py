"""The forms in which data sets lie on disk, each in a file that knows its own and registers it here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from kitnet.base.error import DataError
from kitnet.base.spec import Array
from kitnet.data.dataset import Dataset
from kitnet.data.source import Source

Part = tuple[Array, Array]  # images uint8 (N,H,W,C), labels of an integer type (N,)
MOST_CLASSES = 1 << 16  # a damaged file of 32-bit labels must not ask for billions of classes

Parts = tuple[Source, Source]  # train, test


class Given(NamedTuple):
    """What is said about a data set besides its name."""

    split: float | None = None  # share of the pictures to test with, of sets that have no test part
    strict: bool = False  # whether a broken picture is an error; otherwise it is left out


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


def in_memory(name: str, train: Part, test: Part, classes: tuple[str, ...]) -> Parts:
    return Dataset(name, *train, classes), Dataset(name, *test, classes)


def check_split(split: float | None) -> None:
    """Raises DataError unless it is between 0 and 1."""
    if split is not None and not 0 < split < 1:
        raise DataError(f"--split {split} is not possible; use a share between 0 and 1, such as 0.2")
