"""A source whose classes have the numbers that a model gives them; classes are matched by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kitnet.base.error import DataError, shorten
from kitnet.base.spec import Array
from kitnet.data.source import Images, Source


class Renumbered(Source):
    """Another source with its classes in another order, by their names."""

    def __init__(self, source: Source, classes: tuple[str, ...]) -> None:
        self.source, self.name, self.classes = source, source.name, classes
        self.warnings, self.broken = source.warnings, source.broken
        self._numbers = np.array([classes.index(name) for name in source.classes], np.int64)

    def __len__(self) -> int:
        return len(self.source)

    def read(self, samples: Array) -> tuple[Images, Array]:
        images, labels = self.source.read(samples)
        return images, self._numbers[labels]

    def called(self, sample: int) -> str:
        return self.source.called(sample)

    def labels_of(self, samples: Array) -> Array:
        return self._numbers[self.source.labels_of(samples)]

    def places(self) -> Array:
        return self.source.places()


def renumbered(source: Source, classes: Sequence[str]) -> Source:
    """The source with these classes: itself, or where it has the same names in another order numbered anew.
    Raises DataError where the names differ."""
    if tuple(source.classes) == tuple(classes):
        return source
    if sorted(source.classes) != sorted(classes):
        raise DataError(
            f"{source.name}: its classes are {shorten(tuple(source.classes))}, but the model's "
            f"{shorten(tuple(classes))}; give the data that it was trained for"
        )
    return Renumbered(source, tuple(classes))
