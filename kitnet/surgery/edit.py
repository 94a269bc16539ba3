"""An edit of a network: the graph that it becomes, and where each of its arrays comes from.

An edit is made of a graph alone, so that it costs nothing to see what would become of a network of millions
of weights. `Edit.of` carries it out on a network, whose graph and arrays stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from kitnet.base.argument import count
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers import Layer
from kitnet.net import Graph, Net, Weights
from kitnet.surgery.line import body_of

Made = Callable[[Net], Array]  # an array of the new network from those of the old one


@dataclass(frozen=True)
class Edit:
    """`origin` names for a node of the new graph the node of the old one whose arrays it keeps, bit for bit.
    `made` has those that are computed of old ones, by their paths (`fc1.weight`). All others are drawn."""

    graph: Graph
    origin: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, Made] = field(default_factory=dict)

    def of(self, net: Net, seed: int = 0) -> Net:
        """The new network, with arrays of its own in the precision of the old one. What is drawn depends on
        the seed and its path."""
        old, arrays = net.weights, {}
        owners = {node.path: node.owner for node in net.graph.nodes}
        for path, param in self.graph.params().items():
            node, _, name = path.rpartition(".")
            if path in self.made:
                arrays[path] = self.made[path](net)
            elif node in self.origin:
                arrays[path] = old[f"{owners[self.origin[node]]}.{name}"]
            else:
                arrays[path] = Weights({path: param}, old.dtype).draw(count("seed", seed))[path]
        kept = {new: net.state[path] for new, path in self.origin.items() if path in net.state}
        return Net(self.graph, body_of(self.graph)).adopt(arrays, kept, old.dtype)

    @property
    def net(self) -> Net:
        """The new network by itself: to be looked at, its weights not those of the old one."""
        return Net(self.graph, body_of(self.graph))


class Draft:
    """A new graph while it is made of the nodes of an old one, in their order.

    `at` has the place in the new graph of each node that has been taken over, or of what stands for it.
    """

    def __init__(self, old: Graph, names: Callable[[str], str] = str) -> None:
        self.old, self.graph, self.names = old, Graph(), names
        self.at: dict[int, int] = {}
        self._owners: dict[str, str] = {}  # of the parameters of an old owner: the first node that has them
        self._origin: dict[str, str] = {}
        self._made: dict[str, Made] = {}

    def shapes(self, inputs: Sequence[int]) -> tuple[Shape, ...]:
        """Of the values that stand for these old ones."""
        return tuple(self.graph.nodes[self.at[i]].shape for i in inputs)

    def operand(self, i: int, shape: Shape | None = None) -> None:
        """Old operand i, perhaps with another shape."""
        node = self.old.nodes[i]
        self.at[i] = self.graph.operand(self.names(node.path), node.shape if shape is None else shape)

    def skip(self, i: int) -> None:
        """Old node i is left out: what it reads stands for it."""
        self.at[i] = self.at[self.old.nodes[i].inputs[0]]

    def keep(self, i: int, layer: Layer | None = None, **made: Made) -> None:
        """Old node i, perhaps with another layer and with arrays (`weight=...`) made of old ones.

        Raises ShapeError with the path where the layer does not fit what it reads now.
        """
        node = self.old.nodes[i]
        layer = layer or node.layer
        if layer is None:
            self.operand(i)
            return
        inputs = [self.at[j] for j in node.inputs]
        path, owner = self.names(node.path), self._owners.get(node.owner)
        self.at[i] = self.graph.add(path, layer, *inputs, owner=owner)
        self._origin[path] = node.path
        if owner is None:
            self._owners[node.owner] = path
            self._made |= {f"{path}.{name}": make for name, make in made.items()}

    def edit(self, outputs: Mapping[str, int] | None = None) -> Edit:
        """The edit, with these outputs, by old values, or all of the old graph."""
        for name, i in (self.old.outputs if outputs is None else outputs).items():
            self.graph.output(name, self.at[i])
        return Edit(self.graph, self._origin, self._made)
