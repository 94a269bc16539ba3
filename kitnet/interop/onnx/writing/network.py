"""A network as ONNX operators: value by value, each by the function of its layer's word."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kitnet.base.spec import Array
from kitnet.interop.onnx.writing.building import Building, Here
from kitnet.interop.onnx.writing.registry import write
from kitnet.net import Net, Node

Held = Callable[[Node], Mapping[str, Array]]  # the arrays of a node by their own names


def arrays_of(net: Net) -> Held:
    """Weights and state of each node."""
    return lambda node: {**net.weights.of(node.owner), **net.state.get(node.path, {})}


def write_network(to: Building, net: Net, held: Held, *ends: int) -> None:
    """Write what leads to these values of the graph; the operands are there already, under their paths.
    Raises KitnetError, with the path, for a layer that has no form in ONNX."""
    graph = net.graph
    for i in graph.leading_to(*ends):
        node = graph.nodes[i]
        if node.layer is not None:
            reads = tuple(graph.nodes[j].path for j in node.inputs)
            shapes = graph.shapes_into(node)
            here = Here(to, node.layer, node.owner, reads, shapes, node.shape, held(node), node.path)
            write(here, node.path)
