"""Pictures in files of their own, mapped from a cache or decoded when they are read, so that they may be more
than memory holds."""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from kitnet.base.error import DataError, cut, printable
from kitnet.base.spec import Array
from kitnet.data.kind import Given, Parts
from kitnet.data.picture_cache import Pictures, look_at
from kitnet.data.place import place
from kitnet.data.source import Images, Source, spread


class Labelled(NamedTuple):
    """A file, the name of its class, and the name by which a split knows it: its path inside the data set."""

    path: Path
    label: str
    key: str


class ImageFiles(Source):
    """Labelled pictures in files, of which `pictures` knows what they are. Broken ones are left out and named
    in `broken`, with the reason; with `strict` the first raises DataError.
    """

    def __init__(
        self,
        name: str,
        files: Sequence[Labelled],
        classes: Iterable[str],
        pictures: Pictures,
        strict: bool = False,
    ) -> None:
        self.name, self.classes = name, tuple(classes)
        numbers = {label: i for i, label in enumerate(self.classes)}
        found = [(file, pictures.known[str(file.path)]) for file in files]
        self.broken = tuple(known.broken for _, known in found if known.broken)
        if strict and self.broken:
            raise DataError(self.broken[0])
        self.files = [(file, known) for file, known in found if not known.broken]
        if not self.files:
            raise DataError(f"{name}: all {len(files)} pictures are broken; the first: {self.broken[0]}")
        self.labels = np.array([numbers[file.label] for file, _ in self.files])
        self._pictures = pictures
        self._even = len({known.shape for _, known in self.files}) == 1
        if self.broken:
            self.warnings = (
                f"{len(self.broken)} of {len(files)} pictures are broken and left out; "
                f"the first: {self.broken[0]}",
            )

    def __len__(self) -> int:
        return len(self.files)

    def read(self, samples: Array) -> tuple[Images, Array]:
        some = (self.files[i] for i in samples)
        images = [self._pictures.read(file.path, known) for file, known in some]
        return (np.stack(images) if self._even else images), self.labels[samples]

    def called(self, sample: int) -> str:
        return printable(self.files[sample][0].path)

    def labels_of(self, samples: Array) -> Array:
        return self.labels[samples]

    def places(self) -> Array:
        """By the paths: another picture that comes or goes moves one other of its class at most."""
        return _places([file for file, _ in self.files], b"validation")

    def digest(self, samples: Array) -> bytes:
        """Of the bytes of the files, which were read when they were looked at."""
        digest = hashlib.sha256(self.labels[samples].astype(np.int64).tobytes())
        for i in samples:
            digest.update(self.files[i][1].digest.encode())
        return digest.digest()


def parts(
    name: str,
    files: Mapping[str, Sequence[Labelled]],
    given: Given,
    say: str = "",
    names: Mapping[str, str] | None = None,
    empty: Sequence[str] = (),
) -> Parts:
    """The parts `train`, `validation` and `test` of a data set, of which the last two may be missing; the
    share `given` of the training pictures is taken for the test part.

    Which part a picture falls into depends on the paths of its class in the data set: another picture that
    comes or goes moves one other of its class at most, and each class is shared out alike. The classes are
    those of the training part, sorted, and called by `names` where these have one; `empty` are others, of
    which there is no picture. Raises DataError.
    """
    with place(name):
        shared = _shared_out(files, given, say)
        classes = sorted({file.label for file in shared["train"]})
        _check_classes(classes, shared)
        paths = [file.path for those in shared.values() for file in those]
    pictures = look_at(name, paths, given.megapixels)
    made = {part: ImageFiles(name, those, classes, pictures, given.strict) for part, those in shared.items()}
    if pictures.remark:
        made["train"].warnings = (*made["train"].warnings, pictures.remark)
    if empty:
        made["train"].empty = tuple(map(printable, empty))
        told = cut(", ".join(made["train"].empty))
        made["train"].warnings += (f"no picture in {len(empty)} of the classes' folders, left out: {told}",)
    with place(name):
        seen = Counter(made["train"].labels.tolist())
        for number, label in enumerate(classes):
            if not seen[number]:
                raise DataError(f"all pictures of the class {label!r} are broken; mend or remove them")
    for source in made.values():
        source.classes = tuple((names or {}).get(label, label) for label in classes)
    return Parts(**made)


def _shared_out(
    files: Mapping[str, Sequence[Labelled]], given: Given, say: str
) -> dict[str, Sequence[Labelled]]:
    """The files of each part that there is, after the split."""
    found = {part: those for part, those in files.items() if those or part == "train"}
    if given.split is None:
        if found.keys() == {"train"} and given.needs_test:
            raise DataError(f"it has no test part{say}; take a share of the pictures with --split 0.2")
        return found
    if "test" in found:
        raise DataError("it has a test part of its own; leave out --split")
    tested = _places(found["train"], b"") < given.split
    both = list(zip(tested, found["train"], strict=True))
    return {
        **found,
        "train": [file for is_tested, file in both if not is_tested],
        "test": [file for is_tested, file in both if is_tested],
    }


def _check_classes(classes: Sequence[str], shared: Mapping[str, Sequence[Labelled]]) -> None:
    for part, those in shared.items():
        if not those:
            number = sum(map(len, shared.values()))
            raise DataError(f"no picture to {part} with; there are {number} in all")
        for file in those:
            if file.label not in classes:
                raise DataError(
                    f"the class {file.label!r} of {printable(file.key)} has pictures to "
                    f"{'test' if part == 'test' else 'validate'} with but none to train with"
                )
    for label in classes:
        if not label.isprintable():
            raise DataError(f"the class {label!r} has a name that cannot be printed; rename it")


def _places(files: Sequence[Labelled], purpose: bytes) -> Array:
    """A number from 0 to 1 of each file, evenly over each class, in the order of their paths' digests."""
    _, labels = np.unique([file.label for file in files], return_inverse=True)
    return spread(np.array([_fraction(file.key, purpose) for file in files]), labels)


def _fraction(key: str, purpose: bytes) -> float:
    """A number from 0 to 1 of a path, another one for each purpose, the same on every system."""
    text = unicodedata.normalize("NFC", key)
    digest = hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=8, person=purpose).digest()
    return int.from_bytes(digest, "big") / 2**64
