"""What a model says of every picture of a data set: right or wrong, how sure, at what loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.data import Source, renumbered
from kitnet.look.record import Record
from kitnet.train import Model, pick_engine
from kitnet.train.held_out import held_out


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
    def accuracy(self) -> float:
        return float((self.labels == self.predicted).mean())


def judge(model: Model, source: Source, part: str = "test") -> Judgement:
    """The model's judgement of a data set, in evaluation mode. Classes are matched by
    name. Raises DataError where the model knows other ones."""
    source = renumbered(source, model.classes)
    model.refresh()
    labels, predicted = np.empty((2, len(source)), np.int64)
    confidence, losses = np.empty((2, len(source)))
    start = 0
    for images, some in source.chunks():
        here = slice(start, start + len(some))
        losses[here], probabilities = model.judge(model.preparation.prepare(images), some)
        labels[here], predicted[here] = some, probabilities.argmax(1)
        confidence[here] = probabilities.max(1)
        start += len(some)
    return Judgement(source, labels, predicted, confidence, losses, part)


def judged(
    record: Record, compiling: Callable[[int, int], None] | None = None
) -> tuple[Model, Judgement | None]:
    """The best model of a run and its judgement of the run's test part, or of the validation part where the
    data have no other; None where there is neither. Raises KitnetError where model or data cannot be read."""
    model = Model.load(record.path)
    name, part = held_out(record.settings)
    if name == "train":
        return model, None
    if pick_engine(None) == "compiled":
        model.compile(progress=compiling)
    return model, judge(model, part, name)
