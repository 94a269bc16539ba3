"""Where two networks differ: runs of layers that the one has in the place of the other's.

As few layers as possible differ: what both have is a longest common subsequence of their layers, and of the
longest ones that with the most layers of one name. The table of its lengths (Wagner & Fischer, "The
string-to-string correction problem", Journal of the ACM 21, 1974) is filled by rows; of each number only how
it came about is kept, which is all that the way back reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.net.graph import Graph
from kitnet.net.ledger import Ledger, Row
from kitnet.net.notation import write_layer

BOTH, SKIP_ONE, SKIP_OTHER = range(3)  # the ways to a number of the table


@dataclass(frozen=True)
class Line:
    """A layer as the language writes it, and its row of the ledger."""

    layer: str
    row: Row


@dataclass(frozen=True)
class Difference:
    """Layers of the one network that stand where those of the other do; one side may have none."""

    one: tuple[Line, ...]
    other: tuple[Line, ...]


def lines_of(graph: Graph, ledger: Ledger) -> list[Line]:
    """The layers of a graph in order, with their rows of its ledger."""
    texts = [write_layer(node.layer) for node in graph.nodes if node.layer is not None]
    return [Line(text, row) for text, row in zip(texts, ledger.rows, strict=True)]


def differences(one: Sequence[Line], other: Sequence[Line]) -> list[Difference]:
    """In order. Layers are the same that are written alike and give the same volume, whatever their names."""
    found, i, k = [], 0, 0
    for j, l in [*_same(one, other), (len(one), len(other))]:
        if (i, k) != (j, l):
            found.append(Difference(tuple(one[i:j]), tuple(other[k:l])))
        i, k = j + 1, l + 1
    return found


def _same(one: Sequence[Line], other: Sequence[Line]) -> list[tuple[int, int]]:
    """The places of the common subsequence; where there are several, that of the last places."""
    keys = [[(line.layer, line.row.output) for line in each] for each in (one, other)]
    names = [[line.row.path for line in each] for each in (one, other)]
    least = min(len(one), len(other))
    begin = next((i for i in range(least) if keys[0][i] != keys[1][i] or names[0][i] != names[1][i]), least)
    pairs = [(i, i) for i in range(begin)]
    ways = _ways(_numbered(*(each[begin:] for each in keys)), _numbered(*(each[begin:] for each in names)))
    i, j, tail = len(one), len(other), []
    while i > begin and j > begin:
        way = ways[i - begin - 1, j - begin - 1]
        i, j = i - (way != SKIP_OTHER), j - (way != SKIP_ONE)
        if way == BOTH:
            tail.append((i, j))
    return pairs + tail[::-1]


def _numbered(*sequences: Sequence[object]) -> list[Array]:
    """The same number wherever the same thing stands."""
    numbers: dict[object, int] = {}
    return [np.array([numbers.setdefault(one, len(numbers)) for one in each], int) for each in sequences]


def _ways(keys: Sequence[Array], names: Sequence[Array]) -> Array:
    """(len(one), len(other)), uint8: what beginnings that end here have most in common by: both of their last
    layers, or without the last of one of them. A name counts less than any layer."""
    lengths = len(keys[0]), len(keys[1])
    layer = min(lengths) + 1
    ways = np.empty(lengths, np.uint8)
    above = np.zeros(lengths[1] + 1, int)  # of the row before, behind a 0
    for i, (key, name) in enumerate(zip(keys[0], names[0], strict=True)):
        both = np.where(keys[1] == key, above[:-1] + layer + (names[1] == name), -1)
        row = np.maximum.accumulate(np.maximum(above[1:], both))
        ways[i] = np.where(row == both, BOTH, np.where(row == above[1:], SKIP_ONE, SKIP_OTHER))
        above[1:] = row
    return ways
