"""Folders of pictures, a folder a class: `train/CLASS/...` beside `val/CLASS/...` and `test/CLASS/...`, or
the classes alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from kitnet.base.error import DataError
from kitnet.data.image_files import Labelled, parts
from kitnet.data.imagenet import class_names, validation_labels
from kitnet.data.kind import Given, Kind, Parts
from kitnet.data.place import place

# Names of pictures end so, in small or capital letters; files of other names are passed over.
ENDS = (
    *(".bmp", ".gif", ".jpe", ".jpeg", ".jfif", ".jpg", ".pbm"),
    *(".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
PARTS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}  # what the folder of a part may be called; the first that is there


def recognises(folder: Path) -> bool:
    """Whether there is a folder with a picture where the classes would be."""
    if not folder.is_dir():
        return False
    return any(
        next(pictures(label), None) is not None for label in _classes(_part(folder, "train") or folder)
    )


def read(name: str, given: Given) -> Parts:
    """The parts of a folder. Classes are named by their folders, sorted; folders inside them belong to them.
    Those without a picture are left out, which is told. ImageNet's synsets get their names, and its pictures
    for validation their classes, where the files with them lie beside (`imagenet.py`). Its pictures for the
    test have no classes, and are no test part; no more is any test folder that has no folder in it. Raises
    DataError."""
    folder = Path(name)
    with place(name):
        train = _part(folder, "train")
        files = {"train": _labelled(train or folder)}
        if train is not None:
            files |= _judged(folder)
        labels = {file.label for file in files["train"]}
        empty = [each.name for each in _classes(train or folder) if each.name not in labels]
        names = class_names(folder, labels)
    say = (
        "" if train is None else f", which would be a folder {' or '.join(PARTS['test'])} beside {train.name}"
    )
    return parts(name, files, given, say, names, empty)


def pictures(folder: Path) -> Iterator[Path]:
    """The files in a folder and the folders inside it that have names of pictures, sorted; hidden ones are
    passed over, and links to folders are not followed."""
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from pictures(Path(entry.path))
        elif entry.name.lower().endswith(ENDS):
            yield Path(entry.path)


def _part(folder: Path, part: str) -> Path | None:
    return next((folder / name for name in PARTS[part] if (folder / name).is_dir()), None)


def _classes(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))


def _judged(folder: Path) -> dict[str, list[Labelled]]:
    """The pictures to validate and to test with, those of ImageNet too. Raises DataError for one without a
    class."""
    val, test = _part(folder, "validation"), _part(folder, "test")
    labels = None if val is None else validation_labels(folder, val, not _classes(val))
    if val is None or labels is None:
        return {"validation": _labelled(val), "test": _labelled(test)}
    found = []
    for path in pictures(val):
        if path.stem not in labels:
            raise DataError(f"no class is told for {path.name} in {val.name}")
        found.append(Labelled(path, labels[path.stem], path.relative_to(val).as_posix()))
    return {"validation": found}


def _labelled(folder: Path | None) -> list[Labelled]:
    if folder is None:
        return []
    return [
        Labelled(path, label.name, path.relative_to(folder).as_posix())
        for label in _classes(folder)
        for path in pictures(label)
    ]


KIND = Kind("a folder of pictures with a folder a class", recognises, read, splits=True)
