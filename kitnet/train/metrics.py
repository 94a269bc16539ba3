"""Loss and accuracy over many samples; where a network gives its input, what each output loses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from kitnet.base.spec import Array
from kitnet.data import Source, renumbered
from kitnet.train.model import Model
from kitnet.train.reconstruction import losses_of
from kitnet.train.target import INPUT, total


@dataclass(repr=False)
class Score:
    """Sums over the samples seen so far; `loss` and `accuracy` are their means. Where there are no classes
    `correct` and `accuracy` are None, and `of_outputs` has what each output loses, if several are judged."""

    samples: int = 0
    loss_sum: float = 0.0
    correct: int | None = 0
    of_outputs: dict[str, float] = field(default_factory=dict)  # sums by name

    def add(self, losses: Array, right: Array) -> None:
        """losses (N,) and whether each sample was right (N,)."""
        self._add(losses)
        self.correct = (self.correct or 0) + int(right.sum())

    def add_parts(self, losses: Array, each: Mapping[str, Array]) -> None:
        """losses (N,), where there are no classes, and what each output loses (N,)."""
        self._add(losses)
        self.correct = None
        if len(each) > 1:
            for name, lost in each.items():
                self.of_outputs[name] = self.of_outputs.get(name, 0.0) + float(lost.sum(dtype=np.float64))

    def _add(self, losses: Array) -> None:
        self.samples += len(losses)
        self.loss_sum += float(losses.sum(dtype=np.float64))

    def __repr__(self) -> str:
        told = [f"{name} {value:.4g}" for name, value in self.parts.items()]
        told += [] if self.accuracy is None else [f"accuracy {self.accuracy:.2%}"]
        return f"<Score of {self.samples:,} samples: {', '.join([f'loss {self.loss:.4g}', *told])}>"

    @property
    def parts(self) -> dict[str, float]:
        """The mean of what each output loses, if several are judged."""
        return {name: value / self.samples for name, value in self.of_outputs.items()}

    @property
    def loss(self) -> float:
        return self.loss_sum / self.samples if self.samples else math.nan

    @property
    def accuracy(self) -> float | None:
        if self.correct is None:
            return None
        return self.correct / self.samples if self.samples else math.nan


def evaluate(model: Model, source: Source) -> Score:
    """The model's mean loss and accuracy on a data set, in evaluation mode; of a network that gives its input
    what each output loses, with one draw from each distribution, the same at every call. Classes are matched
    by name. Raises DataError where the model knows other ones."""
    score = Score()
    if model.target == INPUT:
        for x, _ in _prepared(model, source):
            each = losses_of(model, x, score.samples)
            score.add_parts(total(model.losses, each), each)
        return score
    for labels, losses, probabilities in judged_chunks(model, renumbered(source, model.classes)):
        score.add(losses, probabilities.argmax(1) == labels)
    return score


def judged_chunks(model: Model, source: Source) -> Iterator[tuple[Array, Array, Array]]:
    """Labels, losses and probabilities of some pictures after the other."""
    for x, labels in _prepared(model, source):
        yield labels, *model.judge(x, labels)


def _prepared(model: Model, source: Source) -> Iterator[tuple[Array, Array]]:
    """Some prepared pictures after the other with their labels, while a thread reads the next."""
    model.refresh()
    chunks = ((model.preparation.prepare(images), labels) for images, labels in source.chunks())
    with ThreadPoolExecutor(1, "evaluation") as pool:
        due = pool.submit(next, chunks, None)
        while (found := due.result()) is not None:
            due = pool.submit(next, chunks, None)
            yield found


def told(part: str, score: Score | None) -> dict[str, float | None]:
    """Loss and accuracy of a part by their names, such as `val_loss`; None of a part that there is not."""
    return {
        f"{part}_loss": None if score is None else score.loss,
        f"{part}_accuracy": None if score is None else score.accuracy,
    }


def told_parts(part: str, score: Score | None) -> dict[str, float]:
    """What each output loses on a part by their names, such as `val_loss.code`."""
    return {} if score is None else {f"{part}_loss.{name}": value for name, value in score.parts.items()}
