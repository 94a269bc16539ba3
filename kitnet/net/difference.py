"""Where two networks differ: runs of layers that the one has in the place of the other's.

As few layers as possible differ: what both have is a longest common subsequence of their layers. The table of
its lengths (Wagner & Fischer, "The string-to-string correction problem", Journal of the ACM 21, 1974) is
filled by rows; of each number only how it came about is kept, which is all that the way back reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.net.graph import Graph
from kitnet.net.ledger import Ledger, Row
from kitnet.net.notation import write_layer


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
    for j, l in [*_same(_keys(one), _keys(other)), (len(one), len(other))]:
        if (i, k) != (j, l):
            found.append(Difference(tuple(one[i:j]), tuple(other[k:l])))
        i, k = j + 1, l + 1
    return found


def _keys(lines: Sequence[Line]) -> list[tuple[object, ...]]:
    return [(line.layer, line.row.output) for line in lines]


def _same(one: Sequence[object], other: Sequence[object]) -> list[tuple[int, int]]:
    """The places of a longest common subsequence; those at the beginning and at the end come first."""
    least = min(len(one), len(other))
    begin = next((i for i in range(least) if one[i] != other[i]), least)
    pairs = [(i, i) for i in range(begin)]
    skips = _skips(*_numbered(one[begin:], other[begin:]))
    i, j, tail = len(one), len(other), []
    while i > begin and j > begin:
        if one[i - 1] == other[j - 1]:
            i, j = i - 1, j - 1
            tail.append((i, j))
        elif skips[i - begin - 1, j - begin - 1]:
            i -= 1
        else:
            j -= 1
    return pairs + tail[::-1]


def _numbered(*sequences: Sequence[object]) -> list[Array]:
    """The same number wherever the same thing stands."""
    numbers: dict[object, int] = {}
    return [np.array([numbers.setdefault(one, len(numbers)) for one in each], int) for each in sequences]


def _skips(one: Array, other: Array) -> Array:
    """(len(one), len(other)), bool: whether beginnings that end here have as much in common without the last
    of the one."""
    skips = np.empty((len(one), len(other)), bool)
    above = np.zeros(len(other) + 1, int)  # of the row before, behind a 0
    for i, number in enumerate(one):
        row = np.maximum(above[1:], above[:-1] + (other == number))
        np.maximum.accumulate(row, out=row)
        skips[i] = row == above[1:]
        above[1:] = row
    return skips
