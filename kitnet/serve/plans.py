"""A model compiled for a few sizes of a batch, so that few images do not cost as much as many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy

import numpy as np

from kitnet.base.spec import Array
from kitnet.train import Model

STEP = 4  # from one size to the next


class Plans:
    """Plans of 1, 4, 16, ... and `batch` images, which cost the same for fewer: the lanes that are left
    repeat the last image."""

    def __init__(self, model: Model, batch: int, threads: int | None = None) -> None:
        self._preparation, self._loss = model.preparation, model.loss
        self._models = {}
        for size in sizes(batch):
            self._models[size] = copy(model)  # the same network
            self._models[size].compile(size, threads)

    def __call__(self, placed: Sequence[Array]) -> tuple[Array, Array]:
        """Images as the preparation places them, of several requests, (n, H, W, C) each -> scores and
        probabilities (N, classes) of all."""
        images = placed[0] if len(placed) == 1 else np.concatenate(placed)
        found, first = [], 0
        for size in parts(len(images), list(self._models)):
            some = images[first : first + size]
            found.append(self._models[size].scores(self._preparation.standardise(some)))
            first += size
        scores = found[0] if len(found) == 1 else np.concatenate(found)
        return scores, self._loss.probabilities(scores)

    def try_all(self) -> None:
        """Run each plan once, so that no request is the first one."""
        for size, model in self._models.items():
            model.scores(np.zeros((size, *self._preparation.input), np.float32))


def sizes(batch: int) -> list[int]:
    """The sizes of plans up to the largest one."""
    found, size = [], 1
    while size < batch:
        found.append(size)
        size *= STEP
    return [*found, batch]


def parts(images: int, known: Sequence[int]) -> Iterator[int]:
    """The plans, by their sizes from the least on, that so many images go through one after the other: each
    is more than half full."""
    while images > 0:
        size = next((size for size in known if size >= images), known[-1])
        if 2 * images <= size:
            size = max(size for size in known if size <= images)
        yield size
        images -= size
