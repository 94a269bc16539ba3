"""How kitnet finds the number of a claim, from the graph of a network.

The words of a claim are a measure, or one `of` a part of the network: a layer, or a part with a name, whose
value is that of its last layer. `WORD layers` counts the layers with this word.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.base.shape import say
from kitnet.layers import LAYERS, BatchNorm, Convolution, Dropout, Flatten, Identity, Layer, Softmax
from kitnet.layers.pointwise import Pointwise
from kitnet.net import Graph, Node
from kitnet.net.receptive import fields
from kitnet.zoo.claim import Found

MAIN = "main "  # before a measure: of what leads to the output alone
SILENT = (Pointwise, BatchNorm, Dropout, Flatten, Identity, Softmax)  # tables of volumes do not list them


@dataclass(frozen=True)
class Measured:
    """A graph, or a part of it: its nodes, and the number of the value that it gives."""

    graph: Graph
    nodes: tuple[Node, ...]
    last: int

    def layers(self, *kinds: type[Layer]) -> Iterator[tuple[Node, Layer]]:
        """The layers of these kinds, or all, each with its node."""
        return ((node, node.layer) for node in self.nodes if isinstance(node.layer, kinds or Layer))

    def sizes(self, *names: str) -> int:
        """Numbers of the parameters with these names, or of all; a shared one counts once."""
        return sum(
            param.size
            for node, layer in self.layers()
            if node.owner == node.path
            for name, param in layer.params(*self.graph.shapes_into(node)).items()
            if not names or name in names
        )

    def main(self) -> Measured:
        """What leads to the last value alone, without heads at its side."""
        needed = {self.last}
        for i in reversed(range(self.last + 1)):
            needed |= set(self.graph.nodes[i].inputs if i in needed else ())
        paths = {self.graph.nodes[i].path for i in needed}
        return replace(self, nodes=tuple(node for node in self.nodes if node.path in paths))


def parameters(m: Measured) -> int:
    return m.sizes()


def weights(m: Measured) -> int:
    """Parameters of convolutions and linear layers without biases."""
    return m.sizes("weight")


def multiply_adds(m: Measured) -> int:
    """As the ledger counts them."""
    return sum(layer.multiply_adds(*m.graph.shapes_into(node)) for node, layer in m.layers())


def connections(m: Measured) -> int:
    return sum(layer.connections(*m.graph.shapes_into(node)) for node, layer in m.layers())


def unshared_parameters(m: Measured) -> int:
    """If every unit of a convolution had weights and a bias of its own."""
    return sum(layer.connections(*m.graph.shapes_into(node)) for node, layer in m.layers(Convolution))


def volume(m: Measured) -> str:
    return say(m.graph.nodes[m.last].shape)


def values(m: Measured) -> int:
    """Numbers that an image takes: of the input, and of every layer that changes more than each number."""
    return sum(math.prod(node.shape) for node in m.nodes if not isinstance(node.layer, SILENT))


def receptive_field(m: Measured) -> Found:
    """One number where all axes have the same."""
    field = tuple(int(along.size) for along in fields(m.graph)[m.last])
    return field[0] if len(set(field)) == 1 else say(field)


def first_stride(m: Measured) -> int:
    """Of the first convolution."""
    node, layer = next(m.layers(Convolution))
    assert isinstance(layer, Convolution)
    return max(axis.stride for axis in layer.axes(*m.graph.shapes_into(node)))


def largest_stride(m: Measured) -> int:
    """Of all convolutions."""
    strides = []
    for node, layer in m.layers(Convolution):
        assert isinstance(layer, Convolution)
        strides += [axis.stride for axis in layer.axes(*m.graph.shapes_into(node))]
    return max(strides)


MEASURES: dict[str, Callable[[Measured], Found]] = {
    measure.__name__.replace("_", " ").replace("multiply adds", "multiply-adds"): measure
    for measure in (
        *(parameters, weights, multiply_adds, connections, unshared_parameters),
        *(volume, values, receptive_field, first_stride, largest_stride),
    )
}


def measure(graph: Graph, what: str) -> Found:
    """What kitnet finds of a network, in the words of a claim. Raises KitnetError where it does not know
    them."""
    name, _, path = what.partition(" of ")
    m = _part(graph, path) if path else Measured(graph, tuple(graph.nodes), graph.main)
    if name.startswith(MAIN):
        name, m = name.removeprefix(MAIN), m.main()
    if name in MEASURES:
        return MEASURES[name](m)
    word = name.removesuffix(" layers")
    if word not in LAYERS or word == name:
        raise KitnetError(
            f"no measure is called {shorten(name)}{nearest(name, MEASURES)}; known: {', '.join(MEASURES)}, "
            "and such as 'conv layers'"
        )
    return len(list(m.layers(LAYERS[word])))


def _part(graph: Graph, path: str) -> Measured:
    within = [
        i for i, node in enumerate(graph.nodes) if node.path == path or node.path.startswith(f"{path}.")
    ]
    if not within:
        names = {node.path for node in graph.nodes} | {node.path.partition(".")[0] for node in graph.nodes}
        raise KitnetError(f"no part is called {path!r}{nearest(path, sorted(names))}")
    return Measured(graph, tuple(graph.nodes[i] for i in within), within[-1])
