"""Pictures in files of their own, decoded when they are read, so that they may be more than memory holds."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kitnet.base.error import DataError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.data.image import open_image
from kitnet.data.kind import Given, Parts
from kitnet.data.place import place, printable
from kitnet.data.source import Images, Source

HELD = 1 << 29  # bytes of decoded pictures of a part that stay in memory; others are decoded again
AT_ONCE = 64  # pictures that a thread checks before it takes the next ones


class Labelled(NamedTuple):
    """A file, the name of its class, and the name by which a split knows it: its path inside the data set."""

    path: Path
    label: str
    key: str


class ImageFiles(Source):
    """Labelled pictures in files. Each is decoded once at the beginning, and `HELD` bytes of them stay in
    memory: broken ones are left out and named in `broken`, with the reason; with `strict` the first raises
    DataError.
    """

    def __init__(
        self, name: str, files: Sequence[Labelled], classes: Iterable[str], strict: bool = False
    ) -> None:
        self.name, self.classes = name, tuple(classes)
        numbers = {label: i for i, label in enumerate(self.classes)}
        found = list(_opened([file.path for file in files]))
        self.broken = tuple(each for each in found if isinstance(each, str))
        if strict and self.broken:
            raise DataError(self.broken[0])
        good = [(file, each) for file, each in zip(files, found, strict=True) if not isinstance(each, str)]
        if not good:
            raise DataError(f"{name}: no picture is left; expected at least one that is not broken")
        self.paths = tuple(file.path for file, _ in good)
        self.shapes = tuple(each if isinstance(each, tuple) else each.shape for _, each in good)  # (h,w,c)
        self.labels = np.array([numbers[file.label] for file, _ in good])
        self._held = [None if isinstance(each, tuple) else each for _, each in good]
        self._even = len({*self.shapes}) == 1
        if self.broken:
            self.warnings = (
                f"{len(self.broken)} of {len(files)} pictures are broken and left out; "
                f"the first: {self.broken[0]}",
            )

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, samples: Array) -> tuple[Images, Array]:
        held = self._held
        images = [open_image(self.paths[i]) if held[i] is None else held[i] for i in samples]
        return (np.stack(images) if self._even else images), self.labels[samples]

    def called(self, sample: int) -> str:
        return printable(self.paths[sample])


def parts(
    name: str,
    train: Sequence[Labelled],
    test: Sequence[Labelled],
    given: Given,
    say: str = "",
    names: Mapping[str, str] | None = None,
) -> Parts:
    """The two parts of a data set; without a test part the share `given` of the pictures is taken for it.

    Which part a picture falls into depends on its path in the data set alone: another picture that comes or
    goes moves no other, and each class is shared out alike. The classes are those of the training part,
    sorted, and called by `names` where these have one. Raises DataError.
    """
    with place(name):
        if test and given.split is not None:
            raise DataError("it has a test part of its own; leave out --split")
        if not test:
            if given.split is None:
                raise DataError(f"it has no test part{say}; take a share of the pictures with --split 0.2")
            test = [file for file in train if _fraction(file.key) < given.split]
            train = [file for file in train if _fraction(file.key) >= given.split]
        classes = sorted({file.label for file in train})
        _check_classes(classes, train, test)
    made = (
        ImageFiles(name, train, classes, given.strict),
        ImageFiles(name, test, classes, given.strict),
    )
    with place(name):
        seen = Counter(made[0].labels.tolist())
        for number, label in enumerate(classes):
            if not seen[number]:
                raise DataError(f"all pictures of the class {label!r} are broken; mend or remove them")
    for part in made:
        part.classes = tuple((names or {}).get(label, label) for label in classes)
    return made


def _check_classes(classes: Sequence[str], train: Sequence[Labelled], test: Sequence[Labelled]) -> None:
    if not train or not test:
        part = "train" if not train else "test"
        raise DataError(f"no picture to {part} with; there are {len(train) + len(test)} in all")
    for file in test:
        if file.label not in classes:
            raise DataError(
                f"the class {file.label!r} of {printable(file.key)} has pictures to test with but none to "
                "train with"
            )
    for label in classes:
        if not label.isprintable():
            raise DataError(f"the class {label!r} has a name that cannot be printed; rename it")


def _fraction(key: str) -> float:
    """A number from 0 to 1 of a path, the same on every system."""
    text = unicodedata.normalize("NFC", key)
    digest = hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _opened(paths: Sequence[Path]) -> Iterator[Array | Shape | str]:
    """Of each file the picture, beyond `HELD` bytes of them its shape, or what is wrong with it."""
    left = HELD

    def opened(start: int) -> list[Array | Shape | str]:
        found: list[Array | Shape | str] = []
        for path in paths[start : start + AT_ONCE]:
            try:
                image = open_image(path)
                found.append(image if left > 0 else image.shape)
            except DataError as error:
                found.append(str(error))
        return found

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for some in pool.map(opened, range(0, len(paths), AT_ONCE)):
            for each in some:
                if isinstance(each, np.ndarray):
                    left -= each.nbytes
                yield each.shape if isinstance(each, np.ndarray) and left < 0 else each
