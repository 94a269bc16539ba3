"""A data set as the batches that training takes, made ahead of it by threads."""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from kitnet.base.argument import whole
from kitnet.base.error import DataError
from kitnet.base.random import stream
from kitnet.base.spec import Array
from kitnet.data.arrays import Prepared, Standardisation
from kitnet.data.augmentation import Augmentation
from kitnet.data.draws import Draws
from kitnet.data.source import CHUNK, Source

# Bytes of pictures that may stay in memory, prepared or, where they are augmented, before that; beyond, each
# batch is read when it is due.
KEPT = 1 << 30


Part = Callable[[int], slice]  # of a batch of so many pictures


class Kept(NamedTuple):
    """All pictures, prepared as float32 or placed as uint8, and their classes."""

    images: Array
    labels: Array


class Loader:
    """Batches of `batch` prepared pictures, the last of an epoch perhaps smaller.

    With `shuffle` their order depends on (seed, epoch) alone, and what an augmentation makes of a picture on
    (seed, epoch, number of the picture): any epoch can be had again, from any step on, and `workers`, which
    make batches ahead of whoever takes them, change nothing. Without workers a batch is made when it is due.
    Raises DataError for a batch below 1, and for an augmentation of what are no pictures of unsigned bytes,
    or too small ones.
    """

    def __init__(
        self,
        source: Source,
        preparation: Prepared,
        batch: int,
        seed: int,
        shuffle: bool = True,
        augmentation: Augmentation | None = None,
        workers: int = 0,
    ) -> None:
        if batch < 1:
            raise DataError(f"a batch of {batch} pictures is not possible; use 1 or more")
        self.source, self.preparation, self.batch = source, preparation, batch
        self.seed, self.shuffle = seed, shuffle
        self.augmentation = augmentation or Augmentation()
        if not isinstance(preparation, Standardisation):
            self.augmentation.check(preparation.input)
        elif self.augmentation.operations:
            raise DataError(
                f"augment {self.augmentation} changes pictures of unsigned bytes; give such, or leave it out"
            )
        self.workers = whole("workers", workers, 0)
        self._kept = self._keep()
        self._part: Part | None = None

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return -(-len(self.source) // self.batch)

    def with_batch(self, batch: int) -> Loader:
        """The same pictures in the same order, in batches of another size."""
        other = copy.copy(self)
        other.batch = batch
        return other

    def reading(self, part: Part) -> Loader:
        """The same batches, of which only these pictures are read; the others are 0. Classes are all there,
        as another one computes the rest of a batch."""
        other = copy.copy(self)
        other._part = part
        return other

    @property
    def mixes(self) -> bool:
        """Whether a batch's classes are shares, float32 (n, classes)."""
        return self.augmentation.mix is not None

    def epoch(self, e: int, first_step: int = 0) -> Iterator[tuple[Array, Array]]:
        """Epoch `e` (from 0) from its batch `first_step` on: (x float32 (n,H,W,C), labels int64 (n,)), where
        pictures are mixed the shares of the classes, float32 (n, classes).

        Raises DataError for a first step outside 0 to `steps`.
        """
        if not 0 <= first_step <= self.steps:
            raise DataError(f"an epoch of {self.steps} steps cannot begin at step {first_step}")
        samples = len(self.source)
        order = (
            stream(self.seed, "shuffle", step=e).permutation(samples) if self.shuffle else np.arange(samples)
        )
        starts = range(first_step * self.batch, samples, self.batch)
        chosen = (order[start : start + self.batch] for start in starts)
        if not self.workers or (self._kept is not None and not self.augmentation.operations):
            yield from (self._batch(e, some) for some in chosen)
            return
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="loader")
        try:
            due: deque[Future[tuple[Array, Array]]] = deque()
            for some in chosen:
                due.append(pool.submit(self._batch, e, some))
                if len(due) > self.workers + 1:
                    yield due.popleft().result()
            while due:
                yield due.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _keep(self) -> Kept | None:
        size = len(self.source) * math.prod(self.preparation.input)
        if not self.augmentation.operations:
            fits = size * np.dtype(np.float32).itemsize <= KEPT
            return Kept(*self.preparation.prepare_all(self.source)) if fits else None
        if self.augmentation.cut is not None or size > KEPT:
            return None
        parts = [(self.preparation.placed(x), y) for x, y in self.source.chunks()]
        return Kept(np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts]))

    def _batch(self, e: int, chosen: Array) -> tuple[Array, Array]:
        """The batch of the pictures with these numbers."""
        mix = self.augmentation.mix
        if mix is None:
            return self._prepared(e, chosen) if self._part is None else self._own(e, chosen, self._part)
        draws = Draws(self.seed, f"augment/{mix.word}", e, chosen, len(self.source))
        x, labels = self._prepared(e, np.concatenate([chosen, mix.partners(draws)]))
        n, numbers = len(chosen), np.arange(len(self.source.classes))
        mixed, share = mix.mixed(x[:n], x[n:], draws)
        of = (labels[:, None] == numbers).astype(np.float32)
        share = share[:, None].astype(np.float32)
        return mixed, of[:n] * share + of[n:] * (1 - share)

    def _own(self, e: int, chosen: Array, part_of: Part) -> tuple[Array, Array]:
        """The batch with those pictures alone that are to be read, and all classes."""
        part, kept = part_of(len(chosen)), self._kept
        x = np.zeros((len(chosen), *self.preparation.input), np.float32)
        if part.start < part.stop:
            x[part] = self._prepared(e, chosen[part])[0]
        labels = self.source.labels_of(chosen) if kept is None else kept.labels[chosen]
        return x, labels.astype(np.int64)

    def _prepared(self, e: int, chosen: Array) -> tuple[Array, Array]:
        """Pictures and classes, augmented but for mixing."""
        kept = self._kept
        if kept is not None and kept.images.dtype == np.float32:
            return kept.images[chosen], kept.labels[chosen]
        placed, labels = (
            self._placed(e, chosen) if kept is None else (kept.images[chosen], kept.labels[chosen])
        )
        changed = self.augmentation.change(placed, self.seed, e, chosen, len(self.source))
        return self.preparation.standardise(changed), labels.astype(np.int64)

    def _placed(self, e: int, chosen: Array) -> tuple[Array, Array]:
        """Pictures that do not stay in memory, and their classes: uint8 (n,H,W,C)."""
        parts = []
        for start in range(0, len(chosen), CHUNK):
            some = chosen[start : start + CHUNK]
            images, labels = self.source.read(some)
            cut = self.augmentation.cut
            if cut is None or isinstance(self.preparation, Standardisation):
                parts.append((self.preparation.placed(images), labels))
                continue
            draws = Draws(self.seed, f"augment/{cut.word}", e, some, len(self.source))
            boxes = cut.boxes(np.array([image.shape[:2] for image in images]), draws)
            parts.append((self.preparation.cut(images, boxes), labels))
        return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])
