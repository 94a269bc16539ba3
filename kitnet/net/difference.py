"""Where two networks differ: runs of layers that the one has in the place of the other's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

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


def differences(one: Graph, other: Graph, batch: int = 1) -> list[Difference]:
    """In order. Layers are the same that are written alike and give the same volume, whatever their names."""
    first, second = _lines(one, batch), _lines(other, batch)
    matcher = SequenceMatcher(None, _keys(first), _keys(second), autojunk=False)
    return [
        Difference(tuple(first[i:j]), tuple(second[k:l]))
        for what, i, j, k, l in matcher.get_opcodes()
        if what != "equal"
    ]


def _lines(graph: Graph, batch: int) -> list[Line]:
    texts = [write_layer(node.layer) for node in graph.nodes if node.layer is not None]
    return [Line(text, row) for text, row in zip(texts, Ledger.of(graph, batch).rows, strict=True)]


def _keys(lines: Sequence[Line]) -> list[tuple[object, ...]]:
    return [(line.layer, line.row.output) for line in lines]
