"""A network as parts of a file, `graph`, `weights` and `state`, and back, every shape and type checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError, LanguageError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.files import Part
from kitnet.net import Graph, Net, parse

Arrays = Mapping[str, Array]


class UnknownLayerError(KitnetError):
    """A file uses a layer, or a loss, that no imported module defines: the reason, and what to do."""

    def __init__(self, kind: str, word: str) -> None:
        self.reason = f"uses the {kind} {word!r}, which is not known here"
        self.remedy = "import the module that defines it"
        super().__init__(f"{self.reason}; {self.remedy}")


def network_parts(net: Net) -> dict[str, Part]:
    """The parts of a network. Raises KitnetError unless its weights are float32."""
    if net.weights.dtype != np.float32:
        raise KitnetError(
            f"files hold networks of float32, but this one is {net.weights.dtype}; "
            "initialise and train it in float32"
        )
    return {
        "graph": Part(graph_data(net)),
        "weights": Part(arrays=net.weights),
        "state": Part(
            arrays={f"{path}.{name}": a for path, held in net.state.items() for name, a in held.items()}
        ),
    }


def graph_data(net: Net) -> Any:
    """What describes the network, as JSON holds it."""
    return {"line": str(net)}


def network(data: Any) -> Net:
    """The network that `graph_data` described, its weights not drawn yet. Raises KitnetError."""
    if not isinstance(data, dict) or data.keys() != {"line"} or not isinstance(data["line"], str):
        raise KitnetError("its graph has no line")
    return network_of_line(data["line"])


def network_of_line(line: str) -> Net:
    """`parse`, with an error of its own for a layer that is not known."""
    try:
        return parse(line)
    except LanguageError as error:
        unknown = re.match(r"unknown layer '(\w+)'", error.reason)
        if unknown:
            raise UnknownLayerError("layer", unknown[1]) from None
        raise KitnetError(error.reason) from None


def check_network_arrays(graph: Graph, weights: Arrays, state: Arrays) -> None:
    """Whether arrays by path are exactly those of the graph. Raises KitnetError."""
    check_arrays({path: (param.shape, "float32") for path, param in graph.params().items()}, weights)
    buffers = {
        f"{node.path}.{name}": (buffer.shape, buffer.dtype or "float32")
        for node in graph.nodes
        if node.layer is not None
        for name, buffer in node.layer.state(*graph.shapes_into(node)).items()
    }
    check_arrays(buffers, state)


def check_arrays(expected: Mapping[str, tuple[Shape, str]], arrays: Arrays) -> None:
    """Whether there is an array of this shape and type for every path, and no other."""
    for path, (shape, dtype) in expected.items():
        if path not in arrays:
            raise KitnetError(f"no {path!r}")
        array = arrays[path]
        if array.shape != shape or array.dtype != np.dtype(dtype):
            raise KitnetError(f"{path} is {array.dtype} {array.shape}, expected {dtype} {shape}")
    for path in arrays:
        if path not in expected:
            raise KitnetError(f"an array {path!r}, which the network has not")


def fill(net: Net, weights: Arrays, state: Arrays) -> None:
    """Copy arrays, which have been checked, into a network."""
    for path, view in net.weights.items():
        view[...] = weights[path]
    for node, held in net.state.items():
        for name, buffer in held.items():
            buffer[...] = state[f"{node}.{name}"]
