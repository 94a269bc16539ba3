"""What a model says of every picture of a data set: right or wrong, how sure, at what loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.data import Source, renumbered
from kitnet.train.metrics import Score, judged_chunks
from kitnet.train.model import Model


@dataclass(frozen=True)
class Judgement:
    """Arrays (N,) over the pictures of `source`: their classes, the classes that are most probable to the
    model, the probabilities of these, and the losses."""

    source: Source
    labels: Array
    predicted: Array
    confidence: Array
    losses: Array
    part: str = "test"  # of a data set

    @property
    def classes(self) -> tuple[str, ...]:
        return self.source.classes

    @property
    def score(self) -> Score:
        """Loss and accuracy over all pictures."""
        return Score(len(self.labels), float(self.losses.sum()), int((self.labels == self.predicted).sum()))

    @property
    def accuracy(self) -> float:
        return float((self.labels == self.predicted).mean())


def judge(model: Model, source: Source, part: str = "test") -> Judgement:
    """The model's judgement of a data set, in evaluation mode. Classes are matched by
    name. Raises DataError where the model knows other ones."""
    source = renumbered(source, model.classes)
    labels, predicted = np.empty((2, len(source)), np.int64)
    confidence, losses = np.empty((2, len(source)))
    start = 0
    for some, lost, probabilities in judged_chunks(model, source):
        here = slice(start, start + len(some))
        labels[here], losses[here], predicted[here] = some, lost, probabilities.argmax(1)
        confidence[here] = probabilities.max(1)
        start += len(some)
    return Judgement(source, labels, predicted, confidence, losses, part)
