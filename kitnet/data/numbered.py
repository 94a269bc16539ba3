"""Classes that are called by the numbers of labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kitnet.base.error import DataError, cut
from kitnet.base.spec import Array
from kitnet.data.kind import MOST_CLASSES


def numbered_classes(parts: Sequence[Array]) -> tuple[str, ...]:
    """The names of the classes of a data set whose parts, first that to train with, have these labels: the
    numbers from 0 to the largest training label where each of them is the label of some picture, otherwise
    the distinct training labels, such as 0, 100, 200."""
    train = parts[0]
    if train.dtype.kind not in "iu" or not train.size or train.min() < 0:
        return ("0",)  # for check_labels to refuse
    largest = int(train.max())
    found, own = set[int](), np.unique(train).tolist()
    for labels in parts:
        found.update(n for n in np.unique(labels).tolist() if 0 <= n <= largest)
    if len(found) > largest or largest >= MOST_CLASSES:
        return tuple(map(str, range(min(largest + 1, MOST_CLASSES))))
    return tuple(map(str, own))


def class_numbers(labels: Array, classes: tuple[str, ...]) -> Array:
    """Labels as the numbers of the classes that `numbered_classes` made. Raises DataError for one of none of
    them, where some numbers are left out."""
    names = [int(name) for name in classes]
    if names == [*range(len(names))] or labels.dtype.kind not in "iu" or labels.ndim != 1:
        return labels
    places = np.searchsorted(names, labels).clip(0, len(names) - 1)
    unknown = np.array(names)[places] != labels
    if unknown.any():
        sample = int(np.argmax(unknown))
        raise DataError(
            f"label {labels[sample]} of sample {sample} is none of the {len(classes)} classes to train with, "
            f"{cut(', '.join(classes))}"
        )
    return places.astype(np.int64)
