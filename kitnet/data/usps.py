"""USPS (LeCun et al. 1990; Hull 1994): 7,291 and 2,007 digits of 16x16 from envelopes, grey from -1 to 1.

They are passed on as lines of text, in two forms: the label, 0 to 9, and 256 numbers (zip.train.gz); or the
label, 1 to 10, and pairs such as 17:-0.5 of those that are not 0 (usps.bz2).
"""

from __future__ import annotations

import bz2
import gzip
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from kitnet.base.error import DataError, shorten
from kitnet.base.spec import Array
from kitnet.data.kind import Given, Kind, Part, Parts, in_memory
from kitnet.data.place import place

FORMS = (("zip.train", "zip.test"), ("usps", "usps.t"))
SIDE, CLASSES = 16, 10
MOST_BYTES = 1 << 28  # of text; the published files have 19 million


def recognises(folder: Path) -> bool:
    return _found(folder) is not None


def read(name: str, given: Given) -> Parts:
    """The parts of a folder with two files of one form, perhaps packed by gzip or bzip2. Raises
    DataError."""
    found = _found(Path(name))
    assert found is not None
    train, test = (_part(path) for path in found)
    return in_memory(name, train, test, tuple(map(str, range(CLASSES))))


def _found(folder: Path) -> tuple[Path, Path] | None:
    for form in FORMS:
        paths = [next(filter(Path.is_file, _spellings(folder / name)), None) for name in form]
        if paths[0] is not None and paths[1] is not None:
            return paths[0], paths[1]
    return None


def _spellings(path: Path) -> list[Path]:
    return [path.with_name(path.name + end) for end in (".gz", ".bz2", "")]


def _part(path: Path) -> Part:
    with place(path):
        try:
            with _unpacked(path) as file:
                content = file.read(MOST_BYTES + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error, OSError) as error:
            raise DataError(f"it cannot be unpacked ({error}); take a fresh copy") from None
        if len(content) > MOST_BYTES:
            raise DataError(f"it has more than {MOST_BYTES} bytes; this is no file of the set")
        lines = content.split(b"\n")
        rows = [_line(line, number) for number, line in enumerate(lines, 1) if line.strip()]
        if not rows:
            raise DataError("it has no digits; take a fresh copy")
    images = np.stack([values for _, values in rows])
    return images.reshape(-1, SIDE, SIDE, 1), np.array([label for label, _ in rows])


def _unpacked(path: Path) -> BinaryIO | gzip.GzipFile | bz2.BZ2File:
    if path.suffix == ".gz":
        return gzip.GzipFile(path)
    return bz2.BZ2File(path) if path.suffix == ".bz2" else path.open("rb")


def _line(line: bytes, number: int) -> tuple[int, Array]:
    """The label and the pixels of a line."""
    words = line.split()
    values = np.zeros(SIDE * SIDE)
    try:
        label = float(words[0])
        if b":" in line:
            for word in words[1:]:
                index, _, value = word.partition(b":")
                values[_place(int(index))] = float(value)
            label -= 1
        else:
            values[:] = [float(word) for word in words[1:]]
    except (ValueError, IndexError):
        raise DataError(
            f"line {number} is no digit: {shorten(line.decode('latin1'))}; take a fresh copy"
        ) from None
    if label not in range(CLASSES) or not (np.abs(values) <= 1).all():
        raise DataError(f"line {number} has a label or a grey that USPS has not; take a fresh copy")
    return int(label), np.round((values + 1) * 127.5).astype(np.uint8)


def _place(index: int) -> int:
    if not 1 <= index <= SIDE * SIDE:
        raise IndexError
    return index - 1


KIND = Kind("a folder with USPS's files", recognises, read)
