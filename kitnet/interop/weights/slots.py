"""Where each array of a network stands in a file of another library, and how it lies there.

A library that has images as N,C,H,W keeps filters K,C,R,S where kitnet has R,S,C,K; a linear layer as
(units, inputs), whose inputs, behind a volume, are in the order C,H,W where kitnet's are in the order H,W,C.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers import BatchNorm, Convolution, Dropout, Flatten, Linear, Relu
from kitnet.net import Graph, Node
from kitnet.net.notation import write_layer

Order = tuple[int, ...]  # the channel of the file that stands at each place of kitnet's


@dataclass(frozen=True)
class Slot:
    """One array: its path here, its name and shape there, and the way in and out.

    `path` is that of a weight (`conv1.weight`) or of a running statistic (`batchnorm1.mean`).
    """

    path: str
    name: str
    shape: Shape
    turn: Callable[[Array], Array]  # of the file's array, kitnet's
    back: Callable[[Array], Array]  # of kitnet's array, the file's
    others: tuple[Shape, ...] = ()  # that hold the same numbers in the same order

    @classmethod
    def alike(cls, path: str, name: str, shape: Shape) -> Slot:
        """An array that lies there as it does here."""
        return cls(path, name, shape, lambda array: array, lambda array: array)

    @property
    def node(self) -> str:
        return self.path.rpartition(".")[0]

    def takes(self, shape: Shape) -> bool:
        return shape == self.shape or shape in self.others


@dataclass(frozen=True)
class Orders:
    """Channels that a network of others has in another order: of what a node reads, and of what it gives."""

    read: Mapping[str, Order] = field(default_factory=dict)
    given: Mapping[str, Order] = field(default_factory=dict)


SAME = Orders()
NORM = {"scale": "weight", "shift": "bias", "mean": "running_mean", "var": "running_var"}


def torch_slots(graph: Graph, names: Mapping[str, str], orders: Orders = SAME) -> list[Slot]:
    """Those of a state_dict: `names` has PyTorch's module for each node with arrays."""
    found = []
    for path, name in names.items():
        node = graph.nodes[graph.find(path)]
        read, given = orders.read.get(path), orders.given.get(path)
        match node.layer:
            case Convolution(flip=False, table=None):
                found.append(_filters(graph, node, f"{name}.weight", read, given))
                found += [_row(graph, node, "bias", f"{name}.bias", given)] if node.layer.bias else []
            case Linear():
                found.append(_columns(graph, node, f"{name}.weight", read))
                found += [_row(graph, node, "bias", f"{name}.bias", given)] if node.layer.bias else []
            case BatchNorm():
                found += [_row(graph, node, own, f"{name}.{theirs}", given) for own, theirs in NORM.items()]
            case _:
                assert node.layer is not None
                raise KitnetError(
                    f"{path}: {write_layer(node.layer)} has no counterpart in PyTorch; "
                    "conv, fc and batchnorm have one"
                )
    return found


def with_arrays(graph: Graph) -> list[Node]:
    """The nodes that have weights of their own, in order."""
    return [
        node
        for node in graph.nodes
        if node.layer is not None and node.owner == node.path and node.layer.params(*graph.shapes_into(node))
    ]


def volume_into(graph: Graph, node: Node) -> Shape:
    """The volume that a linear layer reads, before it was laid out as one row."""
    before = graph.nodes[node.inputs[0]]
    while isinstance(before.layer, Flatten | Dropout | Relu) and len(before.shape) == 1:
        before = graph.nodes[before.inputs[0]]
    return before.shape


def _filters(graph: Graph, node: Node, name: str, read: Order | None, given: Order | None) -> Slot:
    layer = node.layer
    assert layer is not None
    *window, depth, filters = layer.params(*graph.shapes_into(node))["weight"].shape
    axes = len(window)
    to = (*range(2, 2 + axes), 1, 0)
    (of, from_of), (at, from_at) = _ways(read), _ways(given)

    def turn(array: Array) -> Array:
        return array[at][:, of].transpose(to)

    def back(array: Array) -> Array:
        return array.transpose(axes + 1, axes, *range(axes))[from_at][:, from_of]

    return Slot(f"{node.path}.weight", name, (filters, depth, *window), turn, back)


def _columns(graph: Graph, node: Node, name: str, read: Order | None) -> Slot:
    volume = volume_into(graph, node)
    *window, depth = volume
    layer = node.layer
    assert isinstance(layer, Linear)
    units, inputs, axes = layer.units, math.prod(volume), len(window)
    of, from_of = _ways(read)

    def turn(array: Array) -> Array:
        filters = array.reshape(units, depth, *window)[:, of]
        return filters.transpose(*range(2, 2 + axes), 1, 0).reshape(inputs, units)

    def back(array: Array) -> Array:
        filters = array.reshape(*window, depth, units).transpose(axes + 1, axes, *range(axes))
        return filters[:, from_of].reshape(units, inputs)

    ones = (1,) * max(axes, 2)
    others = ((units, depth, *(window or ones)), (units, inputs, 1, 1))
    return Slot(f"{node.path}.weight", name, (units, inputs), turn, back, others)


def _row(graph: Graph, node: Node, own: str, name: str, given: Order | None) -> Slot:
    """An array of one number a channel."""
    at, from_at = _ways(given)
    return Slot(
        f"{node.path}.{own}",
        name,
        (node.shape[-1],),
        lambda array: array[at],
        lambda array: array[from_at],
    )


def _ways(order: Order | None) -> tuple[Any, Any]:
    """Indices that bring channels into kitnet's order, and back."""
    return (slice(None), slice(None)) if order is None else (np.array(order), np.argsort(order))
