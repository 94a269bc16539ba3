"""The tiles of Winograd's filtering: squares of vectors under a linear map, and which places of a tile lie on
a volume.

At the rims tiles stick out; there are few kinds of them, all known when a kernel is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product

from kitnet.kernels.emit import Kernel
from kitnet.kernels.values import Index, Value

TAPS = 3  # of a window along an axis


def in_rows(values: list[Value], length: int) -> list[list[Value]]:
    """The values as the rows of a square, or of a rectangle."""
    return [values[i : i + length] for i in range(0, len(values), length)]


def map_square(how: Callable[[Sequence[Value]], list[Value]], square: list[list[Value]]) -> list[list[Value]]:
    """`how` along the columns, then along the rows."""
    columns = [how(column) for column in zip(*square, strict=True)]
    return [how(row) for row in zip(*columns, strict=True)]


@dataclass(frozen=True)
class Kind:
    """Tiles from `first` to `last` along an axis, of whose places the same ones are `inside` the volume."""

    first: int
    last: int
    inside: range


def kinds_of(inside: Sequence[range]) -> list[Kind]:
    """The kinds of tiles along an axis, in order; of every tile the places that lie on the volume."""
    runs = [(list(run), same) for same, run in groupby(range(len(inside)), inside.__getitem__)]
    return [Kind(run[0], run[-1], same) for run, same in runs]


def each_kind(k: Kernel, kinds: list[list[Kind]], high: Index, wide: Index) -> Iterator[tuple[range, range]]:
    """The lines and columns of a tile that are inside, for each kind of tile within a branch of its own."""
    for one, two in product(*kinds):
        with k.when(within(high, one)), k.when(within(wide, two)):
            yield one.inside, two.inside


def within(tile: Index, kind: Kind) -> Value | bool:
    if isinstance(tile, int):
        return kind.first <= tile <= kind.last
    return (tile >= kind.first) & (tile <= kind.last)
