"""Folders of pictures, a folder a class: `train/CLASS/...` beside `test/CLASS/...`, or the classes alone."""

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
TRAIN = ("train", "training")
TEST = ("test", "testing", "val", "valid", "validation")  # the first that is there


def recognises(folder: Path) -> bool:
    """Whether there is a folder with a picture where the classes would be."""
    if not folder.is_dir():
        return False
    return any(next(pictures(label), None) is not None for label in _classes(_part(folder, TRAIN) or folder))


def read(name: str, given: Given) -> Parts:
    """(train, test) of a folder. Classes are named by their folders, sorted; folders inside them belong to
    them. ImageNet's synsets get their names, and its pictures for validation their classes, where the files
    with them lie beside (`imagenet.py`). Raises DataError."""
    folder = Path(name)
    with place(name):
        train = _part(folder, TRAIN)
        test = None if train is None else _part(folder, TEST)
        trained = _labelled(train or folder)
        tested = [] if test is None else _tested(folder, test)
        names = class_names(folder, {file.label for file in trained})
    say = "" if train is None else f", which would be a folder {' or '.join(TEST[:3])} beside {train.name}"
    return parts(name, trained, tested, given, say, names)


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


def _part(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_dir()), None)


def _classes(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir() and not each.name.startswith("."))


def _tested(folder: Path, test: Path) -> list[Labelled]:
    """The pictures to test with, those of ImageNet too. Raises DataError for one without a class."""
    labels = validation_labels(folder, test, not _classes(test))
    if labels is None:
        return _labelled(test)
    found = []
    for path in pictures(test):
        if path.stem not in labels:
            raise DataError(f"no class is told for {path.name} in {test.name}")
        found.append(Labelled(path, labels[path.stem], path.relative_to(test).as_posix()))
    return found


def _labelled(folder: Path) -> list[Labelled]:
    return [
        Labelled(path, label.name, path.relative_to(folder).as_posix())
        for label in _classes(folder)
        for path in pictures(label)
    ]


KIND = Kind("a folder of pictures with a folder a class", recognises, read, splits=True)
