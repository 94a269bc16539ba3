"""Which classes are taken for which others."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kitnet.base.spec import Array


class ClassScore(NamedTuple):
    """How well one class is known: `support` pictures are of it, `predicted` are taken for it, `right` are
    both. Precision is right / predicted, recall right / support, None where that is 0 / 0."""

    name: str
    support: int
    predicted: int
    right: int

    @property
    def precision(self) -> float | None:
        return self.right / self.predicted if self.predicted else None

    @property
    def recall(self) -> float | None:
        return self.right / self.support if self.support else None


class Confusion(NamedTuple):
    """So many `images` of class number `label` are taken for class number `predicted`, another one."""

    label: int
    predicted: int
    images: int


def matrix(labels: Array, predicted: Array, classes: int) -> Array:
    """Classes (N,) and predicted classes (N,) -> counts (classes, classes): a row for each class, a column
    for each that its pictures are taken for."""
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def class_scores(labels: Array, predicted: Array, classes: Sequence[str]) -> list[ClassScore]:
    """A score for each class, in their order."""
    counts = (
        np.bincount(numbers, minlength=len(classes)).tolist()
        for numbers in (labels, predicted, labels[labels == predicted])
    )
    return [ClassScore(*row) for row in zip(classes, *counts, strict=True)]


def confusions(labels: Array, predicted: Array) -> list[Confusion]:
    """Every pair of classes that is confused, the most frequent first, of equal ones in their order."""
    wrong = labels != predicted
    pairs, counts = np.unique(np.stack([labels[wrong], predicted[wrong]]), axis=1, return_counts=True)
    found = [Confusion(int(a), int(b), int(n)) for a, b, n in zip(*pairs, counts, strict=True)]
    return sorted(found, key=lambda each: -each.images)


def classes_csv(scores: Sequence[ClassScore]) -> str:
    """The table of classes as text."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["class", "precision", "recall", "support"])
    for score in scores:
        shares = ("" if share is None else f"{share:.6g}" for share in (score.precision, score.recall))
        table.writerow([score.name, *shares, score.support])
    return text.getvalue()
