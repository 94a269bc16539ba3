"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), in their binary version and in the one for Python.

A binary file is a row of records: the label, one byte (of CIFAR-100 two, the coarse one first), then 32x32
red, as many green and as many blue bytes, row by row. A file for Python is a pickle of a dictionary with
these bytes as an array and the labels as a list. They are read from a folder, or out of the archive as it is
published, of which nothing is unpacked.
"""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kitnet.base.error import DataError
from kitnet.base.spec import Array
from kitnet.data.check import check_labels
from kitnet.data.kind import Given, Kind, Part, Parts, in_memory
from kitnet.data.pickled import read_pickle
from kitnet.data.place import place

SIDE, DEPTH = 32, 3
PIXELS = SIDE * SIDE * DEPTH
MOST_BYTES = 1 << 30  # of a file; the published ones have 31 and 154 million
LETTERS = 1 << 16  # of the file with the classes' names


@dataclass(frozen=True)
class Form:
    """One of the versions of a set: its files, and the names of folder and archive as they are published."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    names: str
    folder: str
    archive: str

    @property
    def files(self) -> tuple[str, ...]:
        return (*self.train, *self.test, self.names)


@dataclass(frozen=True)
class Cifar:
    """One of the two sets: its versions, the bytes of a binary record before the pixels, of which the last is
    the label, how a pickle calls labels and classes, and where the binary archive lies."""

    classes: int
    labels: int
    keys: tuple[str, str]
    binary: Form
    python: Form
    sha256: str
    mirrors: tuple[str, ...]

    @property
    def forms(self) -> tuple[Form, Form]:
        return self.binary, self.python


CIFAR = {
    "cifar10": Cifar(
        classes=10,
        labels=1,
        keys=("labels", "label_names"),
        binary=Form(
            train=tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
            test=("test_batch.bin",),
            names="batches.meta.txt",
            folder="cifar-10-batches-bin",
            archive="cifar-10-binary.tar.gz",
        ),
        python=Form(
            train=tuple(f"data_batch_{i}" for i in range(1, 6)),
            test=("test_batch",),
            names="batches.meta",
            folder="cifar-10-batches-py",
            archive="cifar-10-python.tar.gz",
        ),
        sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        mirrors=("https://www.cs.toronto.edu/~kriz",),
    ),
    "cifar100": Cifar(
        classes=100,
        labels=2,
        keys=("fine_labels", "fine_label_names"),
        binary=Form(
            train=("train.bin",),
            test=("test.bin",),
            names="fine_label_names.txt",
            folder="cifar-100-binary",
            archive="cifar-100-binary.tar.gz",
        ),
        python=Form(
            train=("train",),
            test=("test",),
            names="meta",
            folder="cifar-100-python",
            archive="cifar-100-python.tar.gz",
        ),
        sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        mirrors=("https://www.cs.toronto.edu/~kriz",),
    ),
}


def looks_like(where: Path) -> str | None:
    """The set of which a folder has a file for training, or whose archive a file is called; or None."""
    for name, kind in CIFAR.items():
        for form in kind.forms:
            if (where / form.train[0]).is_file() or (where.name == form.archive and where.is_file()):
                return name
    return None


def read_cifar(name: str, where: Path) -> tuple[Part, Part, tuple[str, ...]]:
    """(train, test, classes) of `cifar10` or `cifar100` from an archive, a folder with the files, or one that
    has such an archive or folder.

    Images are uint8 (N,32,32,3). Raises DataError with the file that is missing, damaged, or has a label
    outside the classes.
    """
    kind = CIFAR[name]
    with place(where):
        found = _found(kind, where)
        form, files = _archived(kind, found) if found.is_file() else _in_folder(kind, found)
    records, classes = (_records, _classes) if form is kind.binary else (_pickled_records, _pickled_classes)
    parts = []
    for wanted in (form.train, form.test):
        read = []
        for file in wanted:
            with place(found / file):
                read.append(records(kind, files[file]))
        parts.append((np.concatenate([x for x, _ in read]), np.concatenate([y for _, y in read])))
    with place(found / form.names):
        names = classes(kind, files[form.names])
        if len(names) != kind.classes or len({*names}) != len(names):
            raise DataError(f"expected the names of {kind.classes} classes, one a line")
    return parts[0], parts[1], names


def _found(kind: Cifar, where: Path) -> Path:
    if where.is_file():
        return where
    if not where.is_dir():
        raise DataError("there is no such folder or file")
    for form in kind.forms:
        for inside in (where, where / form.folder, where / form.archive):
            if inside.is_file() or (inside / form.train[0]).is_file():
                return inside
    looked = [name for form in kind.forms for name in (form.train[0], form.folder, form.archive)]
    raise DataError(f"it has no {', no '.join(looked)}")


def _in_folder(kind: Cifar, folder: Path) -> tuple[Form, dict[str, bytes]]:
    form = next(form for form in kind.forms if (folder / form.train[0]).is_file())
    files = {}
    for file in form.files:
        with place(file), (folder / file).open("rb") as opened:
            files[file] = _limited(form, file, opened.read)
    return form, files


def _archived(kind: Cifar, archive: Path) -> tuple[Form, dict[str, bytes]]:
    of = {file: form for form in kind.forms for file in form.files}
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:*") as members:
            for member in members:
                file = member.name.rpartition("/")[2]
                if file in of and member.isfile() and (opened := members.extractfile(member)):
                    files[file] = _limited(of[file], file, opened.read)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(
            f"the archive is damaged or none ({error or 'truncated'}); take a fresh copy"
        ) from None
    form = of[next(iter(files), kind.binary.names)]
    missing = sorted({*form.files} - {*files})
    if missing:
        raise DataError(f"the archive has no {', no '.join(missing)}; expected {form.archive}")
    return form, files


def _limited(form: Form, file: str, read: Callable[[int], bytes]) -> bytes:
    most = LETTERS if file == form.names else MOST_BYTES
    content = read(most + 1)
    if len(content) > most:
        raise DataError(f"{file} has more than {most} bytes; this is no file of the set")
    return content


def _records(kind: Cifar, content: bytes) -> Part:
    size = kind.labels + PIXELS
    if not content or len(content) % size:
        raise DataError(
            f"{len(content)} bytes are no whole number of records of {size} bytes; take a fresh copy"
        )
    rows = np.frombuffer(content, np.uint8).reshape(-1, size)
    return _images(rows[:, kind.labels :]), _checked(kind, rows[:, kind.labels - 1].copy(), len(rows))


def _pickled_records(kind: Cifar, content: bytes) -> Part:
    found, key = read_pickle(content), kind.keys[0]
    if not isinstance(found, dict) or "data" not in found or not isinstance(found.get(key), list):
        raise DataError(f"expected a pickle of a dictionary with 'data' and {key!r}; take a fresh copy")
    rows, labels = found["data"], found[key]
    if not isinstance(rows, np.ndarray) or rows.dtype != np.uint8 or rows.shape[1:] != (PIXELS,):
        raise DataError(f"'data' is no array of bytes, number x {PIXELS}; take a fresh copy")
    if not all(isinstance(label, int) and abs(label) < 1 << 31 for label in labels):
        raise DataError(f"{key!r} is no list of class numbers; take a fresh copy")
    return _images(rows), _checked(kind, np.array(labels, np.int64), len(rows))


def _images(rows: Array) -> Array:
    """Planes of red, green and blue bytes (N,3072) as pictures."""
    return np.ascontiguousarray(rows.reshape(-1, DEPTH, SIDE, SIDE).transpose(0, 2, 3, 1))


def _checked(kind: Cifar, labels: Array, images: int) -> Array:
    check_labels(labels, images, kind.classes)
    return labels


def _classes(kind: Cifar, content: bytes) -> tuple[str, ...]:
    try:
        return tuple(content.decode("ascii").split())
    except UnicodeDecodeError:
        return ()


def _pickled_classes(kind: Cifar, content: bytes) -> tuple[str, ...]:
    found = read_pickle(content)
    names = found.get(kind.keys[1]) if isinstance(found, dict) else None
    if not isinstance(names, list):
        return ()
    return tuple(name.decode("latin1") if isinstance(name, bytes) else str(name) for name in names)


def _read(name: str, given: Given) -> Parts:
    kind = looks_like(Path(name))
    assert kind is not None
    return in_memory(name, *read_cifar(kind, Path(name)))


KIND = Kind("a folder with CIFAR's files", lambda path: looks_like(path) is not None, _read)
