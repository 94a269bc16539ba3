"""STL-10 (Coates, Lee & Ng 2011) in its binary version: 5,000 pictures of 96x96 to train with, 8,000 to test.

A picture is 96x96 red, as many green and as many blue bytes, column by column; a label is a byte, 1 to 10.
The pictures without labels are not read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kitnet.base.error import DataError
from kitnet.base.spec import Array
from kitnet.data.check import check_labels
from kitnet.data.kind import Given, Kind, Part, Parts, in_memory
from kitnet.data.place import place

SIDE, DEPTH = 96, 3
PIXELS = SIDE * SIDE * DEPTH
CLASSES = "class_names.txt"
FOLDER = "stl10_binary"  # as the archive unpacks
LETTERS = 1 << 16  # of the file with the classes' names


def recognises(folder: Path) -> bool:
    return _inside(folder) is not None


def read(name: str, given: Given) -> Parts:
    """The parts of a folder with the five files, or of one that has their folder. Raises DataError."""
    folder = _inside(Path(name))
    assert folder is not None
    with place(folder / CLASSES), (folder / CLASSES).open("rb") as file:
        try:
            classes = tuple(file.read(LETTERS).decode().split())
        except UnicodeDecodeError:
            raise DataError("it is not UTF-8; take a fresh copy") from None
        if not classes or len({*classes}) != len(classes):
            raise DataError("expected the names of the classes, one a line")
    train, test = (_part(folder, part, len(classes)) for part in ("train", "test"))
    return in_memory(name, train, test, classes)


def _inside(folder: Path) -> Path | None:
    places = (folder, folder / FOLDER)
    return next((each for each in places if (each / "train_X.bin").is_file()), None)


def _part(folder: Path, part: str, classes: int) -> Part:
    images, labels = folder / f"{part}_X.bin", folder / f"{part}_y.bin"
    with place(images):
        pixels = np.fromfile(images, np.uint8)
        if not pixels.size or pixels.size % PIXELS:
            raise DataError(
                f"{pixels.size} bytes are no whole number of pictures of {PIXELS}; take a fresh copy"
            )
    with place(labels):
        numbers = np.fromfile(labels, np.uint8)
        check_labels(numbers.astype(np.int64) - 1, pixels.size // PIXELS, classes)
    return _upright(pixels), numbers - 1


def _upright(pixels: Array) -> Array:
    """Planes whose columns lie one behind the other, as pictures (N,H,W,C)."""
    columns = pixels.reshape(-1, DEPTH, SIDE, SIDE)
    return np.ascontiguousarray(columns.transpose(0, 3, 2, 1))


KIND = Kind("a folder with STL-10's binary files", recognises, read)
