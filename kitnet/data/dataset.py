"""Pictures with labels in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from kitnet.base.spec import Array
from kitnet.data.check import check_classes, check_images, check_labels
from kitnet.data.place import place
from kitnet.data.source import Source


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Source):
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

    def read(self, samples: Array) -> tuple[Array, Array]:
        return self.images[samples], self.labels[samples]

    def labels_of(self, samples: Array) -> Array:
        return self.labels[samples]

    def subset(self, samples: slice | Array) -> Dataset:
        """The pictures picked by a slice, an array of numbers or a mask (N,): `train.subset(slice(1000))`."""
        return replace(self, images=self.images[samples], labels=self.labels[samples])
