"""A folder with the four idx files of a data set, under the names that MNIST gave them."""

from __future__ import annotations

import os
from pathlib import Path

from kitnet.base.error import DataError
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.data.check import check_images, check_labels
from kitnet.data.idx import read_idx
from kitnet.data.kind import Given, Kind, Part, Parts, in_memory
from kitnet.data.numbered import class_numbers, numbered_classes
from kitnet.data.place import place

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def read_folder(
    folder: str | os.PathLike[str], classes: tuple[str, ...] = ()
) -> tuple[Part, Part, tuple[str, ...]]:
    """(train, test, classes) of the four idx files in `folder`.

    Images have 3 axes, or 4 with 1 or 3 channels (and perhaps idx4 in their name). Any file may be gzipped,
    and may be spelled with a dot (train-images.idx3-ubyte). Without `classes` they are
    `numbered_classes`. Raises DataError with the file that is missing, damaged, or does not fit the others.
    """
    folder = Path(folder)
    with place(folder):
        train_images, train_labels, test_images, test_labels = _find(folder)
    images, tested = _images(train_images), _images(test_images)
    if images.shape[1:] != tested.shape[1:]:
        with place(test_images):
            raise DataError(
                f"the pictures are {say(tested.shape[1:])} "
                f"but those of {train_images.name} {say(images.shape[1:])}"
            )
    labels, others = read_idx(train_labels), read_idx(test_labels)
    named = classes or numbered_classes((labels, others))
    train = images, _labels(train_labels, labels, len(images), named, not classes)
    test = tested, _labels(test_labels, others, len(tested), named, not classes)
    return train, test, named


def _find(folder: Path) -> list[Path]:
    if not folder.exists():
        raise DataError("there is no such folder")
    if not folder.is_dir():
        raise DataError("it is not a folder; expected one with four idx files")
    found = [next(filter(Path.is_file, _spellings(folder, name)), None) for name in FILES]
    missing = [name for name, path in zip(FILES, found, strict=True) if path is None]
    if missing:
        raise DataError(
            f"this folder has no {', no '.join(missing)}; "
            f"looked for these names, also with .idx instead of -idx and with .gz at the end"
        )
    return [path for path in found if path is not None]


def _spellings(folder: Path, name: str) -> list[Path]:
    names = [name, name.replace("idx3", "idx4")]
    names += [spelled.replace("-idx", ".idx") for spelled in names]
    return [folder / (spelled + end) for spelled in names for end in ("", ".gz")]


def _images(path: Path) -> Array:
    images = read_idx(path)
    if images.ndim == 3:
        images = images[..., None]
    with place(path):
        check_images(images)
    return images


def _labels(path: Path, labels: Array, images: int, classes: tuple[str, ...], numbered: bool) -> Array:
    with place(path):
        found = class_numbers(labels, classes) if numbered else labels
        check_labels(found, images, len(classes))
    return found


def _read(name: str, given: Given) -> Parts:
    return in_memory(name, *read_folder(name))


def _recognises(folder: Path) -> bool:
    return any(path.is_file() for name in FILES for path in _spellings(folder, name))


KIND = Kind("a folder with idx files", _recognises, _read)
