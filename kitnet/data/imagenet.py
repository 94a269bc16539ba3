"""What lies beside the folders of ImageNet (Russakovsky et al. 2015): the names of its classes, and the
labels of its pictures for validation, which are in one folder.

    n01440764 tench, Tinca tinca                  LOC_synset_mapping.txt, synset_words.txt, words.txt
    ILSVRC2012_val_00000001,n01440764 111 ...     LOC_val_solution.csv
    val_0.JPEG n03444034 0 32 44 62               val/val_annotations.txt (of Tiny ImageNet)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from kitnet.base.error import DataError
from kitnet.data.place import place

NAMES = ("LOC_synset_mapping.txt", "synset_words.txt", "words.txt")
SOLUTION, ANNOTATIONS = "LOC_val_solution.csv", "val_annotations.txt"
ABOVE = 3  # folders between the archive's and the one with train and val
LONGEST = 1 << 12  # letters of a line


def class_names(folder: Path, classes: Iterable[str]) -> dict[str, str]:
    """The names of classes that are called by synsets such as n01440764, where a file has them; of two of one
    name each has its synset behind it. Raises DataError."""
    wanted = {each for each in classes if len(each) == 9 and each[0] == "n" and each[1:].isdecimal()}
    path = _file(folder, NAMES) if wanted else None
    if path is None:
        return {}
    found: dict[str, str] = {}
    for line in _lines(path):
        synset, _, words = line.replace("\t", " ", 1).partition(" ")
        if synset in wanted and words.strip():
            found[synset] = words.strip()
    seen = Counter(found.values())
    return {key: name if seen[name] == 1 else f"{name} ({key})" for key, name in found.items()}


def validation_labels(folder: Path, val: Path, flat: bool) -> Mapping[str, str] | None:
    """The class of each picture for validation, by its file name without its end; None where no file tells
    them, and where the pictures are not `flat`, in one folder, but have one a class. Raises DataError."""
    if (path := _file(val, (ANNOTATIONS,), 0)) is not None:
        rows = [(number, line.split()[:2]) for number, line in enumerate(_lines(path), 1)]
    elif flat and (path := _file(folder, (SOLUTION,))) is not None:
        lines = _lines(path)[1:]  # below the names of the columns
        rows = [(number, line.replace(",", " ").split()[:2]) for number, line in enumerate(lines, 2)]
    else:
        return None
    for number, row in rows:
        if len(row) != 2:
            raise DataError(f"line {number} of {path.name} has no picture and its class; take a fresh copy")
    return {Path(name).stem: label for _, (name, label) in rows}


def _lines(path: Path) -> list[str]:
    with place(path):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise DataError("it is not UTF-8; take a fresh copy") from None
        if any(len(line) > LONGEST for line in lines):
            raise DataError("it has lines without an end; take a fresh copy")
    return [line for line in lines if line.strip()]


def _file(folder: Path, names: Iterable[str], above: int = ABOVE) -> Path | None:
    """The first of these files in a folder, or in those above it."""
    places = [folder.absolute(), *folder.absolute().parents[:above]]
    return next((place / name for place in places for name in names if (place / name).is_file()), None)
