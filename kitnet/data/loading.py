"""Data sets by their names and paths."""

from __future__ import annotations

import os
from pathlib import Path

from kitnet.base.error import DataError, nearest, shorten
from kitnet.data import cifar, idx_folder, image_folder, image_list, npz, stl10, usps
from kitnet.data.cifar import CIFAR, read_cifar
from kitnet.data.digits import read_digits
from kitnet.data.download import PUBLISHED, download, download_cifar
from kitnet.data.idx_folder import read_folder
from kitnet.data.image import MEGAPIXELS
from kitnet.data.kind import KINDS, Given, Kind, Parts, check_given, in_memory, known, register
from kitnet.data.place import place
from kitnet.data.validation import with_validation

ARRAYS = "arrays"  # what a run from Python calls its data
NAMES = ("digits", *PUBLISHED, *CIFAR)

for _module in (image_folder, image_list, idx_folder, cifar, stl10, usps, npz):
    register(_module.__name__.rpartition(".")[2], _module.KIND)


def load(
    name: str | os.PathLike[str],
    data_dir: str | os.PathLike[str] | None = None,
    split: float | None = None,
    strict: bool = False,
    validation: float | None = None,
    megapixels: float | None = None,
    needs_test: bool = True,
) -> Parts:
    """The parts of `digits`, `mnist`, `fashion-mnist`, `kmnist`, `cifar10`, `cifar100`, or of a path of one
    of the `KINDS`.

    `digits` comes with kitnet. `data_dir` is a folder that has the files of one of the others, or has a
    folder of the set's name with them; without it they are downloaded once, to the user's cache. The classes
    of labels that are numbers are `numbered_classes`. `split`, `strict`, `megapixels` and `needs_test` are
    for folders and lists of pictures (`Given`). `validation` is the share of the training
    part that is held back as the validation part (`with_validation`), of data that have none of their own.
    Raises DataError for an unknown name, and for files that are missing or damaged.
    """
    name, most = os.fspath(name), MEGAPIXELS if megapixels is None else megapixels
    given = Given(split, strict, most, needs_test)
    check_given(given, validation)
    if data_dir is not None and name not in NAMES[1:]:
        raise DataError(
            f"{name}: --data-dir is for {', '.join(NAMES[1:])} only; leave it out, or name one of these"
        )
    if name in NAMES:
        _check_given(name, False, given)
        parts = _named(name, None if data_dir is None else Path(data_dir))
    else:
        kind = _kind(name)
        _check_given(name, kind.splits, given)
        parts = kind.read(name, given)
    if validation is None:
        return parts
    if parts.validation is not None:
        raise DataError(f"{name}: it has a validation part of its own; leave out --validation")
    return with_validation(parts, validation)


def _named(name: str, data_dir: Path | None) -> Parts:
    if name == "digits":
        return in_memory(name, *read_digits(), tuple("0123456789"))
    if name in PUBLISHED:
        classes = PUBLISHED[name].classes
        return in_memory(name, *read_folder(_inside(data_dir, name) or download(name), classes))
    return in_memory(name, *read_cifar(name, _inside(data_dir, name) or download_cifar(name)))


def _kind(name: str) -> Kind:
    """The first kind that recognises a path. Raises DataError."""
    path = Path(name)
    with place(name):
        exists = path.exists()
        found = next((kind for kind in KINDS.values() if kind.recognises(path)), None)
    if found is not None:
        return found
    if exists:
        raise DataError(f"{name}: it is no data set; expected {known()}")
    if "/" in name or os.sep in name:
        raise DataError(f"{name}: there is no such folder or file")
    if name == ARRAYS:
        raise DataError(
            f"{ARRAYS}: the data of this run were arrays in Python, which are in no file; name other data, "
            "or train it there again"
        )
    raise DataError(f"unknown data set {shorten(name)}{nearest(name, NAMES)}; known: {known(*NAMES)}")


def _check_given(name: str, splits: bool, given: Given) -> None:
    if given.split is not None and not splits:
        raise DataError(f"{name}: it has a test part of its own; leave out --split")


def _inside(folder: Path | None, name: str) -> Path | None:
    if folder is None:
        return None
    with place(folder):
        return folder / name if (folder / name).is_dir() else folder
