"""What is drawn at random for a sample: it depends on seed, epoch and the sample's number alone, so that the
order of samples, batches and threads changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kitnet.base.random import key, sample_bits
from kitnet.base.spec import Array

EACH = 4  # numbers that a sample has of each name: what Philox makes at once
TABLES = 16  # of an epoch and a name each, that are kept


@dataclass(frozen=True)
class Draws:
    """The draws of one `name` for the samples (n,) of a set of `size` in an epoch, counted from 0."""

    seed: int
    name: str
    epoch: int
    samples: Array
    size: int

    def uniform(self) -> Array:
        """Four numbers a sample from 0 to below 1: float64 (n,4)."""
        return _table(self.seed, self.name, self.epoch, self.size)[self.samples]

    def generators(self) -> Iterator[np.random.Generator]:
        """A generator a sample, for those that need more numbers."""
        of = key(self.seed, f"{self.name}/more")
        for sample in self.samples.tolist():
            yield np.random.Generator(np.random.Philox(key=of, counter=[0, sample, 0, self.epoch]))


@lru_cache(TABLES)
def _table(seed: int, name: str, epoch: int, size: int) -> Array:
    bits = sample_bits(seed, name, epoch, 0, size, EACH)
    return (bits >> np.uint64(11)) * 2.0**-53
