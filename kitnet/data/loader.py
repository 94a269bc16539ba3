"""A data set as the batches that training and evaluation take."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from kitnet.base.error import DataError
from kitnet.base.random import stream
from kitnet.base.spec import Array
from kitnet.data.preparation import Preparation
from kitnet.data.source import Source

KEPT = (
    1 << 30
)  # bytes of prepared pictures that may stay in memory; beyond, each batch is prepared when it is due


class Loader:
    """Batches of `batch` prepared pictures, the last of an epoch perhaps smaller.

    With `shuffle` their order depends on (seed, epoch) alone: any epoch can be had again, from any step on.
    Raises DataError for a batch below 1.
    """

    def __init__(
        self, source: Source, preparation: Preparation, batch: int, seed: int, shuffle: bool = True
    ) -> None:
        if batch < 1:
            raise DataError(f"a batch of {batch} pictures is not possible; use 1 or more")
        self.source, self.preparation, self.batch = source, preparation, batch
        self.seed, self.shuffle = seed, shuffle
        size = len(source) * math.prod(preparation.input) * np.dtype(np.float32).itemsize
        self._kept = preparation.prepare_all(source) if size <= KEPT else None

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return -(-len(self.source) // self.batch)

    def epoch(self, e: int, first_step: int = 0) -> Iterator[tuple[Array, Array]]:
        """Epoch `e` (from 0) from its batch `first_step` on: (x float32 (n,H,W,C), labels int64 (n,)).

        Raises DataError for a first step outside 0 to `steps`.
        """
        if not 0 <= first_step <= self.steps:
            raise DataError(f"an epoch of {self.steps} steps cannot begin at step {first_step}")
        samples = len(self.source)
        order = (
            stream(self.seed, "shuffle", step=e).permutation(samples) if self.shuffle else np.arange(samples)
        )
        for start in range(first_step * self.batch, samples, self.batch):
            chosen = order[start : start + self.batch]
            if self._kept is None:
                images, labels = self.source.read(chosen)
                yield self.preparation.prepare(images), labels
            else:
                yield self._kept[0][chosen], self._kept[1][chosen]
