"""A data set in one NumPy `.npz` file: arrays of two or three parts, under the names of Keras' files or plain
ones."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from kitnet.base.error import DataError, cut, shorten
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.data.check import check_images, check_labels
from kitnet.data.kind import Given, Kind, Part, Parts, in_memory
from kitnet.data.numbered import class_numbers, numbered_classes
from kitnet.data.place import place

NAMES = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
)
VALIDATION = (("x_val", "y_val"), ("val_images", "val_labels"))  # beside these, where there is such a part
# What readers of archives and headers raise for damaged bytes: flags of encryption, sizes of terabytes ...
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, ValueError, AttributeError),
    *(RuntimeError, KeyError, TypeError, OverflowError, struct.error, MemoryError),
)
CLASSES = "classes"  # the names, where there are some


def read_npz(path: Path) -> tuple[Part, Part, tuple[str, ...], Part | None]:
    """(train, test, classes, validation) of a `.npz` file with the arrays of one line of `NAMES`, perhaps
    those of the same line of `VALIDATION`, and perhaps `classes`.

    Images are uint8 (N,H,W), (N,H,W,1) or (N,H,W,3); labels integers (N,), or (N,1) as Keras keeps those of
    CIFAR; or texts, the classes' names. Without `classes` they are `numbered_classes`, or the texts among the
    training labels, sorted. Raises DataError for a file that is none, for arrays of objects, and for arrays
    that do not fit each other.
    """
    with place(path):
        if path.exists() and not path.is_file():
            raise DataError("it is not a file; expected a .npz file")
        try:
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                names = next((line for line in NAMES if set(line) <= set(file.files)), None)
                if names is None:
                    wanted = ", or ".join(", ".join(line) for line in NAMES)
                    raise DataError(f"it has {', '.join(file.files) or 'no arrays'}; expected {wanted}")
                more = [name for name in VALIDATION[NAMES.index(names)] if name in file.files]
                if len(more) == 1:
                    raise DataError(
                        f"it has {more[0]} alone; expected {' and '.join(VALIDATION[NAMES.index(names)])}"
                    )
                arrays = [_array(file, name) for name in (*names, *more)]
                told = _array(file, CLASSES) if CLASSES in file.files else None
        except DAMAGED:
            raise DataError("it is no whole .npz file; take a fresh copy") from None
        train, *others = (_part(*arrays[i : i + 2]) for i in range(0, len(arrays), 2))
        if train[1].dtype.kind == "U" and told is None:
            told = np.unique(train[1])
        classes = _named(told) if told is not None else numbered_classes([y for _, y in (train, *others)])
        if told is None:
            train, *others = ((images, class_numbers(y, classes)) for images, y in (train, *others))
        train, *others = ((images, _numbers(labels, classes)) for images, labels in (train, *others))
        check_labels(train[1], len(train[0]), len(classes))
        for part, (images, labels) in zip(("test", "validation"), others, strict=False):
            if images.shape[1:] != train[0].shape[1:]:
                raise DataError(
                    f"the {part} pictures are {say(images.shape[1:])} but those for training "
                    f"{say(train[0].shape[1:])}"
                )
            check_labels(labels, len(images), len(classes))
    return train, others[0], classes, others[1] if more else None


def _array(file: np.lib.npyio.NpzFile, name: str) -> Array:
    try:
        found = file[name]
    except ValueError as error:
        if "pickle" in str(error):  # what NumPy says of arrays of objects
            raise DataError(f"{name} holds Python objects, not numbers; save it as an array") from None
        raise
    if not isinstance(found, np.ndarray):  # bytes, of a member that begins as no array does
        raise DataError(f"{name} is no array; take a fresh copy")
    return found


def _part(images: Array, labels: Array) -> Part:
    images = images[..., None] if images.ndim == 3 else images
    check_images(images)
    if labels.dtype.kind == "S":
        try:
            labels = np.char.decode(labels, "utf-8")
        except UnicodeDecodeError:
            raise DataError("its labels are bytes that are not UTF-8; save them as texts") from None
    return images, labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels


def _numbers(labels: Array, classes: tuple[str, ...]) -> Array:
    """The numbers of classes that labels name; others are left as they are. Raises DataError."""
    if labels.dtype.kind != "U":
        return labels
    numbers = {name: number for number, name in enumerate(classes)}
    for sample, label in enumerate(labels.ravel().tolist()):
        if label not in numbers:
            raise DataError(
                f"label {shorten(label)} of sample {sample} is none of the {len(classes)} classes, "
                f"{cut(', '.join(classes))}"
            )
    return np.array([numbers[label] for label in labels.ravel().tolist()], np.int64).reshape(labels.shape)


def _named(told: Array) -> tuple[str, ...]:
    if told.ndim != 1 or told.dtype.kind != "U" or not len(told):
        raise DataError(f"{CLASSES} of shape {say(told.shape)}, type {told.dtype}; expected a row of names")
    return tuple(told.tolist())


def _read(name: str, given: Given) -> Parts:
    return in_memory(name, *read_npz(Path(name)))


KIND = Kind("a .npz file", lambda path: path.suffix == ".npz", _read)
