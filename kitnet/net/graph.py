"""The flat graph: every value of a network, in an order in which it can be computed.

Blocks write themselves into it through a `Scope`, which gives paths: a layer without a name is called by its
word and a number (`conv1`), a block opens a scope of its own (`residual1.body.conv1`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Param
from kitnet.layers import Layer

MOST_VALUES = 100_000  # a line such as [[[relu]*999]*999]*999 shall be refused, not tried


@dataclass(frozen=True)
class Node:
    """One value: what computes it from which other values. A node without a layer is an operand of the whole
    graph."""

    path: str
    layer: Layer | None
    inputs: tuple[int, ...]
    shape: Shape


@dataclass
class Graph:
    """Value i is `nodes[i]`; inputs of a node have smaller numbers. `output` is the value that the network is
    for."""

    nodes: list[Node] = field(default_factory=list)
    output: int = 0
    _places: dict[str, int] = field(default_factory=dict, repr=False)

    def operand(self, path: str, shape: Shape) -> int:
        """A value that is given from outside."""
        return self._append(Node(path, None, (), shape))

    def add(self, path: str, layer: Layer, *inputs: int) -> int:
        """The value that `layer` makes of others. Raises ShapeError with the place."""
        try:
            shape = layer.output_shape(*(self.nodes[i].shape for i in inputs))
        except ShapeError as error:
            remedy = f"; {error.remedy}" if error.remedy else ""
            raise ShapeError(f"{path}: {error.reason}{self._origin(inputs)}{remedy}") from None
        return self._append(Node(path, layer, inputs, shape))

    def _append(self, node: Node) -> int:
        if node.path in self._places:
            raise ShapeError(f"{node.path}: two layers have this name; rename one of them")
        if len(self.nodes) >= MOST_VALUES:
            raise ShapeError(f"{node.path}: more than {MOST_VALUES:,} layers; repeat fewer times")
        self.nodes.append(node)
        self.output = self._places[node.path] = len(self.nodes) - 1
        return self.output

    def _origin(self, inputs: tuple[int, ...]) -> str:
        """' (from 32x32x1 after pool1)', so that a misfit can be traced to the layer before it."""
        before = [self.nodes[i].path for i in inputs if self.nodes[i].layer is not None]
        return f" (from {say(self.nodes[0].shape)} after {' and '.join(before)})" if before else ""

    def shapes_into(self, node: Node) -> tuple[Shape, ...]:
        return tuple(self.nodes[i].shape for i in node.inputs)

    def params(self) -> dict[str, Param]:
        """Every learned array by its path, such as `conv1.weight`."""
        return {
            f"{node.path}.{name}": param
            for node in self.nodes
            if node.layer is not None
            for name, param in node.layer.params(*self.shapes_into(node)).items()
        }

    def find(self, path: str) -> int:
        """The number of the value with this path. Raises KeyError."""
        return self._places[path]


class Scope:
    """A place in the tree of paths while blocks are written into a graph."""

    def __init__(self, graph: Graph, prefix: str = "") -> None:
        self.graph, self.prefix = graph, prefix
        self._count: Counter[str] = Counter()

    def path(self, word: str, name: str = "") -> str:
        """The path of the next part called `name`, or by its word and a running number."""
        if not name:
            self._count[word] += 1
            name = f"{word}{self._count[word]}"
        return f"{self.prefix}{name}"

    def inner(self, path: str) -> Scope:
        return Scope(self.graph, f"{path}.")
