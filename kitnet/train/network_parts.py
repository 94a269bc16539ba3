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
from kitnet.layers import Layer
from kitnet.net import Graph, Net, parse
from kitnet.net.notation import read_layer

Arrays = Mapping[str, Array]


class UnknownLayerError(KitnetError):
    """A file uses a layer, or a loss, that no imported module defines: the reason, and what to do."""

    def __init__(self, kind: str, word: str) -> None:
        self.reason = f"uses the {kind} {word!r}, which is not known here"
        self.remedy = "import the module that defines it, with the command: --import FILE.py"
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
    """What describes the network, as JSON holds it: its graph, and its line if it has one."""
    data = net.graph.to_json()
    return data if net.line is None else {**data, "line": net.line}


def network(data: Any) -> Net:
    """The network that `graph_data` described, its weights not drawn yet. Raises KitnetError."""
    try:
        graph = Graph.from_json(data)
        graph.params()  # a layer without its inputs fails here
        net, line = Net(graph), data.get("line")
    except LanguageError as error:
        raise _told(error) from None
    except (LookupError, ArithmeticError, AttributeError) as error:
        raise KitnetError(f"no description of a graph ({type(error).__name__}: {error})") from None
    if line is None:
        return net
    if not isinstance(line, str):
        raise KitnetError("its line is no text")
    try:
        read = parse(line)
    except LanguageError:
        return net  # the line has a block that no imported module defines; the graph needs none
    if read != net:
        raise KitnetError("its line is not that of its graph")
    return read


def network_of_line(line: str) -> Net:
    """`parse`, with an error of its own for a layer that is not known."""
    try:
        return parse(line)
    except LanguageError as error:
        raise _told(error) from None


def layer(text: str, kind: str = "layer") -> Layer:
    """A layer, or a loss, from its text. Raises KitnetError."""
    try:
        return read_layer(text)
    except LanguageError as error:
        raise _told(error, kind) from None
    except ValueError:
        raise KitnetError(f"a {kind} without a word") from None


def _told(error: LanguageError, kind: str = "layer") -> KitnetError:
    """The error in one line, and an unknown layer as one that may be imported."""
    unknown = re.match(r"unknown layer '(\w+)'", error.reason)
    return UnknownLayerError(kind, unknown[1]) if unknown else KitnetError(error.reason)


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


def fill(net: Net, weights: Arrays, state: Arrays) -> Net:
    """Copy arrays into a network, after checking all of them. Raises KitnetError."""
    check_network_arrays(net.graph, weights, state)
    by_node: dict[str, dict[str, Array]] = {}
    for path, array in state.items():
        node, _, name = path.rpartition(".")
        by_node.setdefault(node, {})[name] = array
    return net.adopt(weights, by_node)
