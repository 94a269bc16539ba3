"""Loss and accuracy over many samples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.data import Source, renumbered
from kitnet.train.model import Model


@dataclass(repr=False)
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

    def __repr__(self) -> str:
        return f"<Score of {self.samples:,} samples: loss {self.loss:.4g}, accuracy {self.accuracy:.2%}>"

    @property
    def loss(self) -> float:
        return self.loss_sum / self.samples if self.samples else math.nan

    @property
    def accuracy(self) -> float:
        return self.correct / self.samples if self.samples else math.nan


def evaluate(model: Model, source: Source) -> Score:
    """The model's mean loss and accuracy on a data set, in evaluation mode. Classes are matched by name.
    Raises DataError where the model knows other ones."""
    score = Score()
    for labels, losses, probabilities in judged_chunks(model, renumbered(source, model.classes)):
        score.add(losses, probabilities.argmax(1) == labels)
    return score


def judged_chunks(model: Model, source: Source) -> Iterator[tuple[Array, Array, Array]]:
    """Labels, losses and probabilities of some pictures after the other, while a thread reads the next."""
    model.refresh()
    chunks = ((model.preparation.prepare(images), labels) for images, labels in source.chunks())
    with ThreadPoolExecutor(1, "evaluation") as pool:
        due = pool.submit(next, chunks, None)
        while (found := due.result()) is not None:
            due = pool.submit(next, chunks, None)
            x, labels = found
            yield labels, *model.judge(x, labels)


def told(part: str, score: Score | None) -> dict[str, float | None]:
    """Loss and accuracy of a part by their names, such as `val_loss`; None of a part that there is not."""
    return {
        f"{part}_loss": None if score is None else score.loss,
        f"{part}_accuracy": None if score is None else score.accuracy,
    }
