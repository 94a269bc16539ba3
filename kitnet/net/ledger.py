"""What a network costs before anything runs: sizes, parameters, connections, operations and bytes, layer by
layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kitnet.base.shape import Shape, say
from kitnet.net.graph import Graph

BYTES = 4  # of one float32


@dataclass(frozen=True)
class Row:
    """One layer. Parameters are of the network, connections and multiply_adds of one sample, bytes of the
    whole batch."""

    path: str
    kind: str
    output: Shape
    parameters: int
    connections: int
    multiply_adds: int
    activation_bytes: int

    def to_json(self) -> dict[str, object]:
        return {**vars(self), "output": say(self.output)}


@dataclass(frozen=True)
class Ledger:
    """The rows of a graph for `batch` samples, and their sums."""

    input: Shape
    batch: int
    rows: tuple[Row, ...]

    @classmethod
    def of(cls, graph: Graph, batch: int = 1) -> Ledger:
        rows = []
        for node in graph.nodes:
            if node.layer is None:
                continue
            x = graph.shapes_into(node)
            rows.append(
                Row(
                    path=node.path,
                    kind=node.layer.word,
                    output=node.shape,
                    parameters=sum(p.size for p in node.layer.params(*x).values()),
                    connections=node.layer.connections(*x),
                    multiply_adds=node.layer.multiply_adds(*x),
                    activation_bytes=math.prod(node.shape) * BYTES * batch,
                )
            )
        return cls(graph.nodes[0].shape, batch, tuple(rows))

    @property
    def totals(self) -> dict[str, int]:
        names = ("parameters", "connections", "multiply_adds", "activation_bytes")
        return {name: sum(getattr(row, name) for row in self.rows) for name in names}

    def to_json(self) -> dict[str, object]:
        return {
            "input": say(self.input),
            "batch": self.batch,
            "layers": [row.to_json() for row in self.rows],
            "totals": self.totals,
        }
