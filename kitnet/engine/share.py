"""A plan for a part of a batch: what ranks of one training each compute, and where their sums meet.

A rank has whole groups of images, as many as every other one, the last ones perhaps fewer or none. Partial
sums of groups are what ranks exchange: each adds up those of all groups in the order of the groups, as a plan
for the whole batch does, so that the bits are the same for any number of ranks. That holds for the gradients
of parameters, and for the statistics of batch normalisation both ways.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.kernels.spec import Batch


@dataclass(frozen=True)
class Share:
    """The part that rank number `rank` of `ranks` computes of a batch of at most `batch` samples.

    Not `exact`: ranks exchange sums over all their samples, and statistics of batch normalisation are those
    of a rank's own samples. Then the bits depend on the number of ranks.
    """

    rank: int
    ranks: int
    exact: bool = True

    def most(self, samples: int) -> int:
        """How many samples a rank has at most."""
        return -(-samples // self.ranks)

    def groups(self, whole: Batch) -> Batch:
        """The groups of a rank, of those of the whole batch."""
        return Batch(self.most(whole.groups), whole.images)

    def part(self, samples: int, each: int) -> slice:
        """Which samples of so many are this rank's, where a rank has places for `each`."""
        return self._part(samples, each, self.rank)

    def parts(self, samples: int, each: int) -> list[slice]:
        """The same for every rank."""
        return [self._part(samples, each, rank) for rank in range(self.ranks)]

    def _part(self, samples: int, each: int, rank: int) -> slice:
        if self.exact:
            return slice(min(samples, rank * each), min(samples, (rank + 1) * each))
        return slice(-(-samples * rank // self.ranks), -(-samples * (rank + 1) // self.ranks))


class Exchange(Protocol):
    """What ranks do together. All call the same in the same order."""

    def gather(self, own: Sequence[Array], every: Sequence[Array]) -> None:
        """every[i] (ranks, n) becomes own[i] (n) of each rank, float32."""

    def add(self, numbers: Array) -> None:
        """Numbers (n,) become the sum of those of all ranks, the same bits in each, float32."""


class Alone:
    """The exchange of a plan for a whole batch, which has nothing to exchange."""

    def gather(self, own: Sequence[Array], every: Sequence[Array]) -> None:
        raise KitnetError("a plan for a share of a batch needs an exchange with the other ranks")

    def add(self, numbers: Array) -> None:
        raise KitnetError("a plan for a share of a batch needs an exchange with the other ranks")
