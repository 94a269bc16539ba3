"""Which value lies how: the stage of planning that puts conversions between layers of different layouts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from kitnet.engine.convert import Convert
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.request import Request
from kitnet.engine.setting import Lanes
from kitnet.net.graph import Graph, Node


@dataclass(frozen=True)
class Laid:
    """The graph of what the request needs, with conversions as nodes of their own.

    `taken` has the implementation of every other node; `lanes` what lies in the lanes of each value; `dense`
    the values without empty lanes; `outside` the outputs that are written where the caller reads them, by
    their numbers, with their paths.
    """

    graph: Graph
    taken: Mapping[int, Implementation]
    lanes: tuple[Lanes, ...]
    dense: frozenset[int]
    outside: Mapping[int, str]


def lay_out(graph: Graph, chosen: Mapping[int, Implementation], request: Request, lanes: int) -> Laid:
    """Conversions where a layer reads a value that lies otherwise than it needs; outputs become dense.
    `lanes` are those of a vector.
    """
    return _Layout(graph, chosen, request, lanes).laid()


class _Layout:
    def __init__(
        self, graph: Graph, chosen: Mapping[int, Implementation], request: Request, lanes: int
    ) -> None:
        self._graph, self._chosen, self._request, self._vector = graph, chosen, request, lanes
        self._nodes: list[Node] = []
        self._lanes: list[Lanes] = []
        self._dense: set[int] = set()
        self._taken: dict[int, Implementation] = {}
        self._outside: dict[int, str] = {}
        self._made: dict[tuple[int, str], int] = {}  # new numbers by old ones and form
        self._form: dict[int, str] = {}  # in which a value was made, by old number

    def laid(self) -> Laid:
        needed = needed_nodes(self._graph, self._request)
        for i in needed:
            node = self._graph.nodes[i]
            if node.layer is None:
                self._append(i, "dense", node)
                continue
            one = self._chosen[i]
            inputs = tuple(self._input(j, one) for j in node.inputs)
            last = i == needed[-1] and node.path in self._request.outputs
            form = "dense" if last and self._writes_dense(i, one) else one.lanes
            new = self._append(i, form, Node(node.path, node.layer, inputs, node.shape, node.owner))
            self._taken[new] = one
        for path in self._request.outputs:
            self._output(self._graph.find(path))
        graph = Graph(self._nodes, {}, {node.path: i for i, node in enumerate(self._nodes)})
        return Laid(graph, self._taken, tuple(self._lanes), frozenset(self._dense), self._outside)

    def _writes_dense(self, i: int, one: Implementation) -> bool:
        return one.takes_dense or (one.lanes == "channels" and self._is_full(i) and not one.aliases)

    def _is_full(self, i: int) -> bool:
        """Whether channels fill whole vectors anyway, so that there are no empty lanes."""
        shape = self._graph.nodes[i].shape
        return bool(shape) and shape[-1] % self._vector == 0

    def _append(self, old: int, form: str, node: Node) -> int:
        self._nodes.append(node)
        self._lanes.append("images" if form == "images" else "channels")
        new = len(self._nodes) - 1
        if form == "dense":
            self._dense.add(new)
        self._form.setdefault(old, form)
        self._made[old, form] = new
        return new

    def _input(self, old: int, reader: Implementation) -> int:
        """The value in the form that its reader needs."""
        if self._graph.nodes[old].path in self._request.class_operands():
            return self._made[old, "dense"]
        if reader.takes_dense and self._form[old] == "dense":
            return self._made[old, "dense"]
        return self._as(old, reader.lanes)

    def _as(self, old: int, form: str) -> int:
        if form == "channels" and self._form[old] == "dense" and self._is_full(old):
            form = "dense"
        if (old, form) in self._made:
            return self._made[old, form]
        node, source = self._graph.nodes[old], self._made[old, self._form[old]]
        path = f"{node.path} in {form}"
        return self._append(old, form, Node(path, Convert(), (source,), node.shape, path))

    def _output(self, old: int) -> None:
        node = self._graph.nodes[old]
        single = self._form[old] == "images" and math.prod(node.shape) == 1  # one number: no matter how
        alias = self._chosen[old].aliases if node.layer is not None else True
        form = "images" if single and not alias else "dense"
        if node.layer is None:  # a copy, since the operand is the caller's
            path, source = f"{node.path} in dense", self._made[old, "dense"]
            new = self._append(old, "dense", Node(path, Convert(), (source,), node.shape, path))
        else:
            new = self._as(old, form)
        self._outside[new] = node.path


def needed_nodes(graph: Graph, request: Request) -> list[int]:
    """The values that the request needs, in order."""
    paths = {*request.outputs, *request.seeds, *(goal.path for goal in request.goals)}
    return graph.leading_to(*map(graph.find, paths))
