"""A source of one's own, whose every answer is checked, so that a mistake in it is one line."""

from __future__ import annotations

import numpy as np

from kitnet.base.error import DataError, shorten
from kitnet.base.spec import Array
from kitnet.data.arrays import Arrays
from kitnet.data.check import check_classes, check_labels
from kitnet.data.dataset import Dataset
from kitnet.data.place import place
from kitnet.data.source import Images, Source


class Checked(Source):
    """Another source, as it is. Raises DataError for a source without a name or classes, and where `read`
    does not give a picture and a class number for each number that it is asked for."""

    def __init__(self, source: Source) -> None:
        name, classes = getattr(source, "name", None), getattr(source, "classes", None)
        kind = type(source).__name__
        if not isinstance(name, str):
            raise DataError(f"{kind}: its name is {shorten(name)}; give it one, such as name = 'noise'")
        with place(name):
            if not isinstance(classes, list | tuple) or not all(isinstance(one, str) for one in classes):
                raise DataError(f"its classes are {shorten(classes)}; expected names such as ('cat', 'dog')")
            if not classes:
                raise DataError("it has no classes; expected their names, such as ('cat', 'dog')")
            check_classes(classes)
        self.source, self.name, self.classes = source, name, tuple(classes)
        self.warnings, self.broken = source.warnings, source.broken

    def __len__(self) -> int:
        return len(self.source)

    def read(self, samples: Array) -> tuple[Images, Array]:
        found = self.source.read(samples)
        with place(self.name):
            if not isinstance(found, tuple) or len(found) != 2:
                raise DataError("read gives no pair; expected pictures and class numbers")
            images, labels = found
            if labels is None:
                raise DataError("read gives None as class numbers; expected one integer a picture")
            if not hasattr(images, "__len__") or len(images) != len(samples):
                count = len(images) if hasattr(images, "__len__") else "no"
                raise DataError(
                    f"read gives {count} pictures where it is asked for {len(samples)}; expected one for "
                    "each number"
                )
            return images, self._numbers(labels, len(samples))

    def called(self, sample: int) -> str:
        return self.source.called(sample)

    def labels_of(self, samples: Array) -> Array:
        labels = self.source.labels_of(samples) if self._has_labels else super().labels_of(samples)
        with place(self.name):
            return self._numbers(labels, len(samples))

    @property
    def _has_labels(self) -> bool:
        """Whether the source has a quicker way to its labels than `read`."""
        return type(self.source).labels_of is not Source.labels_of

    def places(self) -> Array:
        return super().places() if type(self.source).places is Source.places else self.source.places()

    def _numbers(self, labels: object, count: int) -> Array:
        numbers = np.asarray(labels)
        check_labels(numbers, count, len(self.classes))
        return numbers


def checked(source: Source) -> Source:
    """The source, with its answers checked where these are not checked already."""
    return source if isinstance(source, Dataset | Arrays | Checked) else Checked(source)
