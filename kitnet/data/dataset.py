"""Pictures with labels, and how to get them by name."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kitnet.base.error import DataError, nearest, shorten
from kitnet.base.spec import Array
from kitnet.data.check import check_classes, check_images, check_labels
from kitnet.data.cifar import CIFAR, looks_like, read_cifar
from kitnet.data.digits import read_digits
from kitnet.data.download import PUBLISHED, download, download_cifar
from kitnet.data.folder import read_folder
from kitnet.data.npz import read_npz
from kitnet.data.place import place

NAMES = ("digits", *PUBLISHED, *CIFAR)


@dataclass(frozen=True, eq=False)
class Dataset:
    """N labelled pictures of one size: `images` uint8 (N,H,W,C), C 1 or 3; `labels` (N,), the index of each
    one's class in `classes`, are given in any integer type and kept as int64.

    Raises DataError for arrays that are not that, for labels outside the classes, and for no pictures at all.
    """

    name: str
    images: Array
    labels: Array
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        with place(self.name):
            check_classes(self.classes)
            check_images(self.images)
            check_labels(self.labels, len(self.images), len(self.classes))
        object.__setattr__(self, "labels", self.labels.astype(np.int64))

    def __len__(self) -> int:
        return len(self.images)

    def subset(self, samples: slice | Array) -> Dataset:
        """The pictures picked by a slice, an array of numbers or a mask (N,): `train.subset(slice(1000))`."""
        return replace(self, images=self.images[samples], labels=self.labels[samples])


def load(
    name: str | os.PathLike[str], data_dir: str | os.PathLike[str] | None = None
) -> tuple[Dataset, Dataset]:
    """(train, test) of `digits`, `mnist`, `fashion-mnist`, `kmnist`, `cifar10`, `cifar100`, a folder with
    idx files or the binary files of CIFAR, or a `.npz` file (see `npz.py`).

    `digits` comes with kitnet. `data_dir` is a folder that has the files of one of the others, or has a
    folder of the set's name with them; without it they are downloaded once, to the user's cache. The classes
    of a folder with idx files are the numbers from 0 to its largest training label. Raises DataError for an
    unknown name, and for files that are missing or damaged.
    """
    name = os.fspath(name)
    if name in PUBLISHED:
        classes = PUBLISHED[name].classes
        folder = download(name) if data_dir is None else _inside(Path(data_dir), name)
        train, test, _ = read_folder(folder, len(classes))
    elif name in CIFAR:
        where = download_cifar(name) if data_dir is None else _inside(Path(data_dir), name)
        train, test, classes = read_cifar(name, where)
    elif data_dir is not None:
        known = ", ".join((*PUBLISHED, *CIFAR))
        raise DataError(f"{name}: --data-dir is for {known} only; leave it out, or name one of these")
    elif name == "digits":
        classes = tuple("0123456789")
        train, test = read_digits()
    elif name.endswith(".npz"):
        train, test, classes = read_npz(Path(name))
    elif _is_path(name) and (kind := looks_like(Path(name))):
        train, test, classes = read_cifar(kind, Path(name))
    elif _is_path(name):
        train, test, count = read_folder(name)
        classes = tuple(map(str, range(count)))
    else:
        raise DataError(
            f"unknown data set {shorten(name)}{nearest(name, NAMES)}; "
            f"known: {', '.join(NAMES)}, a folder with idx files or CIFAR's binary files, or a .npz file"
        )
    return Dataset(name, *train, classes), Dataset(name, *test, classes)


def _inside(folder: Path, name: str) -> Path:
    with place(folder):
        return folder / name if (folder / name).is_dir() else folder


def _is_path(name: str) -> bool:
    with place(name):
        return "/" in name or os.sep in name or Path(name).exists()
