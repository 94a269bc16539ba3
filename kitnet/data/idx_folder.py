"""A folder with the four idx files of a data set, under the names that MNIST gave them."""

from __future__ import annotations

import os
from pathlib import Path

from kitnet.base.error import DataError
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.data.check import check_images, check_labels
from kitnet.data.idx import read_idx
from kitnet.data.kind import MOST_CLASSES, Given, Kind, Part, Parts, in_memory
from kitnet.data.place import place

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def read_folder(folder: str | os.PathLike[str], classes: int | None = None) -> tuple[Part, Part, int]:
    """(train, test, number of classes) of the four idx files in `folder`.

    Images have 3 axes, or 4 with 1 or 3 channels (and perhaps idx4 in their name). Any file may be gzipped,
    and may be spelled with a dot (train-images.idx3-ubyte). Without `classes` their number is the largest
    training label + 1. Raises DataError with the file that is missing, damaged, or does not fit the others.
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
    labels = read_idx(train_labels)
    if classes is None:
        integers = (
            labels.dtype.kind in "iu" and labels.size > 0
        )  # anything else is for check_labels to refuse
        classes = min(max(int(labels.max()) + 1, 1), MOST_CLASSES) if integers else 1
    train = images, _labels(train_labels, labels, len(images), classes)
    test = tested, _labels(test_labels, read_idx(test_labels), len(tested), classes)
    return train, test, classes


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


def _labels(path: Path, labels: Array, images: int, classes: int) -> Array:
    with place(path):
        check_labels(labels, images, classes)
    return labels


def _read(name: str, given: Given) -> Parts:
    train, test, count = read_folder(name)
    return in_memory(name, train, test, tuple(map(str, range(count))))


def _recognises(folder: Path) -> bool:
    return any(path.is_file() for name in FILES for path in _spellings(folder, name))


KIND = Kind("a folder with idx files", _recognises, _read)
