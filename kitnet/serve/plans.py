"""A model compiled for a few sizes of a batch, so that few images do not cost as much as many."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np

from kitnet.base.spec import Array
from kitnet.train import Model

STEP = 4  # from one size to the next


class Plans:
    """Plans of 1, 4, 16, ... and `batch` images. A batch is computed by the least one that it fits."""

    def __init__(self, model: Model, batch: int, threads: int | None = None) -> None:
        self._preparation, self._loss = model.preparation, model.loss
        self._models = {}
        for size in sizes(batch):
            self._models[size] = copy(model)  # the same network
            self._models[size].compile(size, threads)
        self.batch = batch

    def __call__(self, placed: Sequence[Array]) -> tuple[Array, Array]:
        """Images as the preparation places them, of several requests, (n, H, W, C) each -> scores and
        probabilities (N, classes) of all."""
        images = placed[0] if len(placed) == 1 else np.concatenate(placed)
        size = next((size for size in self._models if size >= len(images)), self.batch)
        scores = self._models[size].scores(self._preparation.standardise(images))
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
