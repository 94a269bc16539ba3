"""Terms of a sum that lie at places of a map, as grids of rows and columns: the window of a convolution for
each map that it reads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from kitnet.layers import Term

PLACE = 3  # indices of a number at a place of a map: row, column, channel


@dataclass(frozen=True)
class Grid:
    """The terms at the places of one map: the value's path and the map, the paths of all factors, and the
    terms by row and column. A place that is not there, such as one in padding, has none."""

    path: str
    channel: int
    factors: tuple[str, ...]
    terms: dict[tuple[int, int], Term]

    @property
    def rows(self) -> list[int]:
        return sorted({row for row, _ in self.terms})

    @property
    def columns(self) -> list[int]:
        return sorted({column for _, column in self.terms})

    @property
    def cells(self) -> list[list[Term | None]]:
        """Row by row."""
        return [[self.terms.get((row, column)) for column in self.columns] for row in self.rows]

    @property
    def sum(self) -> float:
        return math.fsum(term.value for term in self.terms.values())

    @property
    def share(self) -> float:
        """How much there is of it, whatever the signs."""
        return math.fsum(abs(term.value) for term in self.terms.values())


def grids_of(terms: Sequence[Term]) -> tuple[list[Grid], list[Term]]:
    """Terms at several places of one map as a grid, the map with the largest share first; all other terms as
    they are."""
    by_map: dict[tuple[str, int, tuple[str, ...]], list[tuple[tuple[int, int], Term]]] = {}
    flat = []
    for term in terms:
        for seen in term.factors:
            if len(seen.index) == PLACE:
                row, column, channel = seen.index
                kind = seen.path, channel, tuple([one.path for one in term.factors])
                by_map.setdefault(kind, []).append(((row, column), term))
                break
        else:
            flat.append(term)
    grids = []
    for kind, found in by_map.items():
        at = dict(found)
        if len(found) == 1 or len(at) < len(found):
            flat += [term for _, term in found]
        else:
            grids.append(Grid(*kind, at))
    return sorted(grids, key=lambda grid: -grid.share), flat
