"""Loss and accuracy over many samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.data import Dataset
from kitnet.train.model import Model

CHUNK = 256  # samples at once, so that activations stay small


@dataclass
class Score:
    """Sums over the samples seen so far; `loss` and `accuracy` are their means."""

    samples: int = 0
    loss_sum: float = 0.0
    correct: int = 0

    def add(self, losses: Array, right: Array) -> None:
        """losses (N,) and whether each sample was right (N,)."""
        self.samples += len(losses)
        self.loss_sum += float(losses.sum(dtype=np.float64))
        self.correct += int(right.sum())

    @property
    def loss(self) -> float:
        return self.loss_sum / self.samples if self.samples else math.nan

    @property
    def accuracy(self) -> float:
        return self.correct / self.samples if self.samples else math.nan


def evaluate(model: Model, dataset: Dataset) -> Score:
    """The model's mean loss and accuracy on a data set, in evaluation mode."""
    score = Score()
    model.refresh()
    for start in range(0, len(dataset), CHUNK):
        part = dataset.subset(slice(start, start + CHUNK))
        losses, probabilities = model.judge(model.preparation.prepare(part.images), part.labels)
        score.add(losses, probabilities.argmax(1) == part.labels)
    return score
