"""The sizes of Winograd's filtering: F(4x4, 3x3) and F(2x2, 3x3) of Lavin and Gray (2015), with their maps.

A tile is y = A' [ (G w G') * (B' x B) ] A, where * multiplies number by number; images, or channels, lie in
the lanes, so the maps are plain arithmetic on vectors. For a window of 3x3 a tile of 4x4 outputs needs 36
products in place of 144, one of 2x2 needs 16 in place of 36. The larger one multiplies less; the smaller one
has less than half the mapped filters to make and to read, wastes less where outputs do not fill the tiles,
and rounds six times finer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kitnet.kernels.values import Value
from kitnet.kernels.winograd_tiles import Kind, kinds_of

Map = Callable[[Sequence[Value]], list[Value]]


@dataclass(frozen=True, repr=False)
class Filtering:
    """F(out x out, 3x3): a tile's places along an axis in the output and in the input, and its three maps
    along an axis: of the filters (G), of the input (B') and of the output (A').
    """

    out: int
    into: int
    map_filter: Map
    map_input: Map
    map_output: Map

    def __repr__(self) -> str:
        return f"F({self.out}x{self.out}, 3x3)"

    @property
    def frequencies(self) -> int:
        """Products for a tile and a pair of channels."""
        return self.into * self.into

    def tiles(self, places: int) -> int:
        """Along an axis with so many places of the output."""
        return -(-places // self.out)

    def read(self, size: int, places: int, before: int) -> list[Kind]:
        """The kinds of tiles along an axis by their places that lie on the input."""
        first = [tile * self.out - before for tile in range(self.tiles(places))]
        return kinds_of([range(max(-f, 0), min(size - f, self.into)) for f in first])

    def written(self, places: int) -> list[Kind]:
        """The kinds of tiles along an axis by their places that lie on the output."""
        return kinds_of([range(min(self.out, places - t * self.out)) for t in range(self.tiles(places))])


def _filter_2(g: Sequence[Value]) -> list[Value]:
    ends, middle = g[0] + g[2], g[1]
    return [g[0], (ends + middle) * 0.5, (ends - middle) * 0.5, g[2]]


def _input_2(d: Sequence[Value]) -> list[Value]:
    return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]


def _output_2(m: Sequence[Value]) -> list[Value]:
    return [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]


def _filter_4(g: Sequence[Value]) -> list[Value]:
    """G g."""
    ends, middle = g[0] + g[2], g[1]
    wide, far = g[0] * (1 / 24) + g[2] * (1 / 6), g[1] * (1 / 12)
    return [g[0] * 0.25, (ends + middle) * (-1 / 6), (ends - middle) * (-1 / 6), wide + far, wide - far, g[2]]


def _input_4(d: Sequence[Value]) -> list[Value]:
    """B' d."""
    fma = d[0].kernel.fma
    even, odd = fma(-4.0, d[2], d[4]), fma(-4.0, d[1], d[3])
    more, far = d[4] - d[2], d[3] - d[1]
    first, last = fma(4.0, d[0], fma(-5.0, d[2], d[4])), fma(4.0, d[1], fma(-5.0, d[3], d[5]))
    return [first, even + odd, even - odd, fma(2.0, far, more), fma(-2.0, far, more), last]


def _output_4(m: Sequence[Value]) -> list[Value]:
    """A' m."""
    fma = m[0].kernel.fma
    even, odd, more, far = m[1] + m[2], m[1] - m[2], m[3] + m[4], m[3] - m[4]
    return [m[0] + even + more, fma(2.0, far, odd), fma(4.0, more, even), fma(8.0, far, odd) + m[5]]


F2 = Filtering(2, 4, _filter_2, _input_2, _output_2)
F4 = Filtering(4, 6, _filter_4, _input_4, _output_4)
