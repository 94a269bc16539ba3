"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in their binary version.

A file is a row of records: the label, one byte (of CIFAR-100 two, the coarse one first), then 32x32 red, as
many green and as many blue bytes, row by row. They are read from a folder, or out of the archive as it is
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
from kitnet.data.place import place

SIDE, DEPTH = 32, 3
PIXELS = SIDE * SIDE * DEPTH
MOST_BYTES = 1 << 30  # of a file; the published ones have 31 and 154 million
LETTERS = 1 << 16  # of the file with the classes' names


@dataclass(frozen=True)
class Cifar:
    """One of the two sets: its files, the bytes before the pixels, of which the last is the label, and where
    the archive lies."""

    train: tuple[str, ...]
    test: tuple[str, ...]
    names: str
    classes: int
    labels: int
    folder: str
    archive: str
    sha256: str
    mirrors: tuple[str, ...]


CIFAR = {
    "cifar10": Cifar(
        train=tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
        test=("test_batch.bin",),
        names="batches.meta.txt",
        classes=10,
        labels=1,
        folder="cifar-10-batches-bin",
        archive="cifar-10-binary.tar.gz",
        sha256="c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
        mirrors=("https://www.cs.toronto.edu/~kriz",),
    ),
    "cifar100": Cifar(
        train=("train.bin",),
        test=("test.bin",),
        names="fine_label_names.txt",
        classes=100,
        labels=2,
        folder="cifar-100-binary",
        archive="cifar-100-binary.tar.gz",
        sha256="58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
        mirrors=("https://www.cs.toronto.edu/~kriz",),
    ),
}


def looks_like(folder: Path) -> str | None:
    """The set of which a folder has a file for training, or None."""
    return next((name for name, kind in CIFAR.items() if (folder / kind.train[0]).is_file()), None)


def read_cifar(name: str, where: Path) -> tuple[Part, Part, tuple[str, ...]]:
    """(train, test, classes) of `cifar10` or `cifar100` from the archive, a folder with the files, or one
    that has the archive or that folder.

    Images are uint8 (N,32,32,3). Raises DataError with the file that is missing, damaged, or has a label
    outside the classes.
    """
    kind = CIFAR[name]
    with place(where):
        found = _found(kind, where)
        files = _archived(kind, found) if found.is_file() else _in_folder(kind, found)
    parts = []
    for wanted in (kind.train, kind.test):
        read = [_records(kind, found / file, files[file]) for file in wanted]
        parts.append((np.concatenate([x for x, _ in read]), np.concatenate([y for _, y in read])))
    with place(found / kind.names):
        classes = _classes(kind, files[kind.names])
    return parts[0], parts[1], classes


def _found(kind: Cifar, where: Path) -> Path:
    if where.is_file():
        return where
    if not where.is_dir():
        raise DataError("there is no such folder or file")
    for inside in (where, where / kind.folder, where / kind.archive):
        if inside.is_file() or (inside / kind.train[0]).is_file():
            return inside
    raise DataError(
        f"it has neither {kind.train[0]} nor {kind.folder} nor {kind.archive}; the binary version of the set "
        "is read"
    )


def _in_folder(kind: Cifar, folder: Path) -> dict[str, bytes]:
    files = {}
    for file in (*kind.train, *kind.test, kind.names):
        with place(file), (folder / file).open("rb") as opened:
            files[file] = _limited(kind, file, opened.read)
    return files


def _archived(kind: Cifar, archive: Path) -> dict[str, bytes]:
    wanted = {*kind.train, *kind.test, kind.names}
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:*") as members:
            for member in members:
                file = member.name.rpartition("/")[2]
                if file in wanted and member.isfile() and (opened := members.extractfile(member)):
                    files[file] = _limited(kind, file, opened.read)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(
            f"the archive is damaged or none ({error or 'truncated'}); take a fresh copy"
        ) from None
    missing = sorted(wanted - set(files))
    if missing:
        raise DataError(f"the archive has no {', no '.join(missing)}; expected {kind.archive}")
    return files


def _limited(kind: Cifar, file: str, read: Callable[[int], bytes]) -> bytes:
    most = LETTERS if file == kind.names else MOST_BYTES
    content = read(most + 1)
    if len(content) > most:
        raise DataError(f"{file} has more than {most} bytes; this is no file of the set")
    return content


def _records(kind: Cifar, file: Path, content: bytes) -> tuple[Array, Array]:
    size = kind.labels + PIXELS
    with place(file):
        if not content or len(content) % size:
            raise DataError(
                f"{len(content)} bytes are no whole number of records of {size} bytes; take a fresh copy"
            )
        rows = np.frombuffer(content, np.uint8).reshape(-1, size)
        labels = rows[:, kind.labels - 1]
        check_labels(labels, len(rows), kind.classes)
    planes = rows[:, kind.labels :].reshape(-1, DEPTH, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels.copy()


def _classes(kind: Cifar, content: bytes) -> tuple[str, ...]:
    try:
        names = tuple(content.decode("ascii").split())
    except UnicodeDecodeError:
        names = ()
    if len(names) != kind.classes or len({*names}) != len(names):
        raise DataError(f"expected the names of {kind.classes} classes, one a line")
    return names


def _read(name: str, given: Given) -> Parts:
    kind = looks_like(Path(name))
    assert kind is not None
    return in_memory(name, *read_cifar(kind, Path(name)))


KIND = Kind("a folder with CIFAR's files", lambda path: looks_like(path) is not None, _read)
