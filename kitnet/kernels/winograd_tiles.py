"""The tiles of Winograd's filtering F(4x4, 3x3) of Lavin and Gray (2015): the three linear maps, and which
places of a tile lie on a volume.

A tile of 4x4 outputs needs 6x6 inputs: y = A' [ (G w G') * (B' x B) ] A, number by number. The batch lies in
the lanes, so the maps are plain arithmetic on vectors. At the rims tiles stick out; there are few kinds of
them, all known when a kernel is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from kitnet.kernels.emit import Index, Value

OUT, IN, TAPS = 4, 6, 3  # places of a tile along an axis, and of a window
FREQUENCIES = IN * IN


def use(height: int, width: int) -> float:
    """How much of what is calculated lies on an output of this size."""
    return height * width / (-(-height // OUT) * -(-width // OUT) * OUT * OUT)


def map_filter(g: Sequence[Value]) -> list[Value]:
    """G g."""
    ends, middle = g[0] + g[2], g[1]
    wide, far = g[0] * (1 / 24) + g[2] * (1 / 6), g[1] * (1 / 12)
    return [g[0] * 0.25, (ends + middle) * (-1 / 6), (ends - middle) * (-1 / 6), wide + far, wide - far, g[2]]


def map_input(d: Sequence[Value]) -> list[Value]:
    """B' d."""
    fma = d[0].kernel.fma
    even, odd = fma(-4.0, d[2], d[4]), fma(-4.0, d[1], d[3])
    more, far = d[4] - d[2], d[3] - d[1]
    first, last = fma(4.0, d[0], fma(-5.0, d[2], d[4])), fma(4.0, d[1], fma(-5.0, d[3], d[5]))
    return [first, even + odd, even - odd, fma(2.0, far, more), fma(-2.0, far, more), last]


def map_output(m: Sequence[Value]) -> list[Value]:
    """A' m."""
    fma = m[0].kernel.fma
    even, odd, more, far = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
    return [m[0] + even + more, fma(2.0, far, odd), fma(4.0, more, even), fma(8.0, far, odd) + m[5]]


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


def kinds_of(places: int, inside: Callable[[int], range]) -> list[Kind]:
    """The kinds of tiles along an axis with so many places of the output, in order."""
    runs = [(list(run), same) for same, run in groupby(range(-(-places // OUT)), inside)]
    return [Kind(run[0], run[-1], same) for run, same in runs]


def read(size: int, places: int, before: int) -> list[Kind]:
    """By the places of a tile that lie on the input."""
    return kinds_of(places, lambda t: range(max(before - t * OUT, 0), min(size + before - t * OUT, IN)))


def written(places: int) -> list[Kind]:
    """By the places of a tile that lie on the output."""
    return kinds_of(places, lambda t: range(min(OUT, places - t * OUT)))


def within(tile: Index, kind: Kind) -> Value | bool:
    if isinstance(tile, int):
        return kind.first <= tile <= kind.last
    return (tile >= kind.first) & (tile <= kind.last)
