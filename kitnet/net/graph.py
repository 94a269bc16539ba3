"""The graph of a network: every value, in an order in which it can be computed.

    g = Graph()
    x = g.operand("image", (32, 32, 3))
    a = g.add("conv1", Convolution(3, 16, pad="same"), x)
    b = g.add("again", Convolution(3, 16, pad="same"), other, owner="conv1")  # with the weights of conv1
    g.output("classes", g.add("fc1", Linear(10), b))

One dotted path (`stage2.0.body.conv1`) is the key of a value, of its gradient, its weights, its random bits
and of errors. Graphs are equal when they compute the same by the same paths.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError, ShapeError, nearest, shorten
from kitnet.base.misfit import MisfitError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Param
from kitnet.base.table import Table
from kitnet.layers import Layer, Loss
from kitnet.net.notation import read_layer, write_layer
from kitnet.net.origin import Takes, so_far, with_repaired_input, with_tried_repairs

MOST_VALUES = 100_000  # a line such as [[[relu]*999]*999]*999 shall be refused, not tried
OUTPUT = "output"  # the name of the output where a graph names none
_NAME = re.compile(r"\w[\w-]*")


def checked_name(name: str) -> str:
    """A name that a path can be made of. Raises KitnetError."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise KitnetError(f"{name!r} is no name; use letters, digits, _ and -, such as 'conv1' or 'my-layer'")
    return name


def checked_volume(given: object, where: str = "") -> Shape:
    """A volume given as any sequence of whole numbers, as a tuple of Python's integers. Raises ShapeError."""
    try:
        shape = tuple(map(operator.index, given))  # type: ignore[call-overload]  # that is the question
    except TypeError:
        shape = ()
    if not 1 <= len(shape) <= 4 or min(shape) < 1:
        raise ShapeError(
            f"{where}an input volume is one to four whole numbers of 1 or more, channels last, not {given!r}",
            "write it like (28, 28, 1)",
        )
    return shape


@dataclass(frozen=True)
class Node:
    """One value: the layer that computes it from which other values. A node without a layer is an operand.

    The layer's parameters are those of the node `owner`, which is the node itself unless it shares them.
    """

    path: str
    layer: Layer | None
    inputs: tuple[int, ...]
    shape: Shape
    owner: str

    @property
    def word(self) -> str:
        """The word of its layer, "" where it has none."""
        return getattr(self.layer, "word", "")


@dataclass(eq=False, repr=False)
class Graph:
    """Value i is `nodes[i]`; inputs of a node have smaller numbers.

    `takes` says whether the network that is being written takes an input, where something knows the whole of
    it.
    """

    nodes: list[Node] = field(default_factory=list)
    _outputs: dict[str, int] = field(default_factory=dict)
    _places: dict[str, int] = field(default_factory=dict, repr=False)
    takes: Takes | None = field(default=None, init=False, repr=False)

    # Building

    def operand(self, path: str, shape: Shape) -> int:
        """A value that is given from outside, of this shape without the batch axis, () for one number a
        sample. Raises ShapeError for what is no shape.
        """
        scalar = isinstance(shape, tuple | list) and not len(shape)
        return self._append(Node(path, None, (), () if scalar else checked_volume(shape, f"{path}: "), path))

    def add(self, path: str, layer: Layer, *inputs: int, owner: str | None = None) -> int:
        """The value that `layer` makes of others, with parameters of its own or those of the node `owner`.

        Raises ShapeError with the path, where shapes do not fit or the parameters of the owner have others.
        """
        inputs = tuple(self._checked_value(path, i) for i in inputs)
        _check_operands(path, layer, len(inputs))
        shapes = tuple(self.nodes[i].shape for i in inputs)
        try:
            shape = layer.output_shape(*shapes)
        except ShapeError as error:
            raise self._placed(error, path, layer, inputs) from None
        if owner is not None:
            owner = self._checked_owner(path, layer, shapes, owner)
        return self._append(Node(path, layer, inputs, shape, owner or path))

    def output(self, name: str, value: int) -> None:
        """Value `value` is an output of the network, called `name`; the first one is the main output."""
        if checked_name(name) in self._outputs:
            raise ShapeError(f"two outputs are called {name!r}; rename one of them")
        self._outputs[name] = self._checked_value(f"output {name}", value)

    def lead(self, value: int) -> None:
        """Let this value be the main output, under the name that it has, or `output`."""
        names = [name for name, i in self._outputs.items() if i == value] or [OUTPUT]
        if self._outputs:
            self._outputs = {names[0]: value, **self._outputs}

    def copy(self) -> Graph:
        """A graph of its own with the same nodes."""
        own = Graph(list(self.nodes), dict(self._outputs), dict(self._places))  # nodes never change
        own.takes = self.takes
        return own

    def _checked_value(self, where: str, i: Any) -> int:
        if not isinstance(i, int | np.integer) or not 0 <= i < len(self.nodes):
            raise ShapeError(
                f"{where}: the graph has no value {shorten(i)}; give what operand() or add() returned"
            )
        return int(i)

    def _append(self, node: Node) -> int:
        for name in node.path.split(".") if isinstance(node.path, str) else [node.path]:
            checked_name(name)
        if node.path in self._places:
            raise ShapeError(f"{node.path}: two layers have this name; rename one of them")
        if len(self.nodes) >= MOST_VALUES:
            raise ShapeError(f"{node.path}: more than {MOST_VALUES:,} layers; repeat fewer times")
        self.nodes.append(node)
        self._places[node.path] = len(self.nodes) - 1
        return len(self.nodes) - 1

    def _checked_owner(self, path: str, layer: Layer, shapes: tuple[Shape, ...], owner: str) -> str:
        if owner not in self._places:
            raise ShapeError(f"{path}: no layer {owner!r} stands before it to share weights with")
        node = self.nodes[self._places[owner]]
        theirs = {} if node.layer is None else node.layer.params(*self.shapes_into(node))
        own = {name: param.shape for name, param in layer.params(*shapes).items()}
        if own != {name: param.shape for name, param in theirs.items()}:
            raise ShapeError(
                f"{path}: its parameters {_say_params(own)} are not those of {owner}, "
                f"{_say_params({name: param.shape for name, param in theirs.items()})}; "
                "share between equal layers on inputs of equal depth"
            )
        return node.owner

    def _placed(self, error: ShapeError, path: str, layer: Layer, inputs: tuple[int, ...]) -> ShapeError:
        """The error of a layer with its place and the sizes so far."""
        told = so_far(self.nodes, inputs)
        if isinstance(error, MisfitError):
            error = with_tried_repairs(error, self.nodes, layer, inputs, self.takes)
            error = with_repaired_input(error, self.nodes, layer, inputs, self.takes)
        remedy = f"; {error.remedy}" if error.remedy else ""
        placed = ShapeError(f"{path}: {error.reason}{told}{remedy}")
        if isinstance(error, MisfitError):
            placed.elsewhere = f"{path}: {error.reason}{told}", error.only(lambda repair: False).remedy
        return placed

    # Reading

    @property
    def outputs(self) -> dict[str, int]:
        """Values by the names of outputs, the main one first; the last value where none is named."""
        return dict(self._outputs) or {OUTPUT: len(self.nodes) - 1}

    @property
    def main(self) -> int:
        """The value that is the main output."""
        return next(iter(self.outputs.values()))

    @property
    def operands(self) -> dict[str, Shape]:
        """The shape of each operand by its path."""
        return {node.path: node.shape for node in self.nodes if node.layer is None}

    def shapes_into(self, node: Node) -> tuple[Shape, ...]:
        return tuple(self.nodes[i].shape for i in node.inputs)

    def params(self) -> dict[str, Param]:
        """Every learned array by its path, such as `conv1.weight`."""
        return {
            f"{node.path}.{name}": param
            for node in self.nodes
            if node.layer is not None and node.owner == node.path
            for name, param in node.layer.params(*self.shapes_into(node)).items()
        }

    def find(self, path: str) -> int:
        """The number of the value with this path. Raises KeyError that names the nearest one."""
        if path not in self._places:
            raise KeyError(f"no value {path!r}{nearest(path, self._places)}")
        return self._places[path]

    def leading_to(self, *ends: int) -> list[int]:
        """The values that these depend on, and they themselves, in order."""
        wanted = set(ends)
        for i in range(max(ends, default=-1), -1, -1):
            if i in wanted:
                wanted.update(self.nodes[i].inputs)
        return sorted(wanted)

    def __contains__(self, path: object) -> bool:
        return path in self._places

    # Comparing, keeping and printing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash(tuple(self._places))

    def __repr__(self) -> str:
        """A table of its values."""
        ends = {i: f"{self.nodes[i].path} => {name}" for name, i in self._outputs.items()}
        rows = [
            [
                ends.get(i, node.path),
                write_layer(node.layer) if node.layer is not None else "operand",
                ", ".join(self.nodes[j].path for j in node.inputs),
                say(node.shape),
            ]
            for i, node in enumerate(self.nodes)
        ]
        return str(Table(("path", "layer", "reads", "shape"), rows, left=3))

    def to_json(self) -> dict[str, Any]:
        """The graph as plain data: layers as the language writes them, values by their paths."""
        values: list[dict[str, Any]] = []
        for node in self.nodes:
            if node.layer is None:
                values.append({"path": node.path, "shape": list(node.shape)})
                continue
            value = {"path": node.path, "layer": write_layer(node.layer)}
            values.append({**value, "inputs": [self.nodes[i].path for i in node.inputs]})
            if node.owner != node.path:
                values[-1]["owner"] = node.owner
        return {"values": values, "outputs": {name: self.nodes[i].path for name, i in self.outputs.items()}}

    @classmethod
    def from_json(cls, data: object) -> Graph:
        """The graph that `to_json` described. Raises KitnetError for anything else."""
        graph = cls()
        try:
            for value in _list(data, "values"):
                graph._add_json(value)
            for name, path in dict(data["outputs"]).items():  # type: ignore[index]  # KeyError or TypeError
                graph.output(name, graph.find(path))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise KitnetError(f"no description of a graph ({type(error).__name__}: {error})") from None
        return graph

    def _add_json(self, value: Mapping[str, Any]) -> None:
        path = value["path"]
        if not isinstance(path, str):
            raise TypeError("a path is text")
        if "layer" not in value:
            self.operand(path, value["shape"])
            return
        inputs = [self.find(one) for one in _list(value, "inputs")]
        self.add(path, read_layer(str(value["layer"])), *inputs, owner=value.get("owner"))


def _check_operands(path: str, layer: object, count: int) -> None:
    """Whether this is a layer, and reads so many operands."""
    if not isinstance(layer, Layer):
        what, remedy = shorten(layer), "give one such as Relu()"
        if isinstance(layer, type) and issubclass(layer, Layer):
            what, remedy = f"the class {layer.__name__}", f"write {layer.__name__}(...)"
        raise ShapeError(f"{path}: expected a layer, but got {what}; {remedy}")
    if not is_dataclass(layer):
        raise ShapeError(
            f"{path}: {type(layer).__name__} is no dataclass; write @dataclass(frozen=True) above the class"
        )
    if not layer.joins and not isinstance(layer, Loss) and count != 1:
        remedy = "join them first, with Add() for instance" if count else "give what it reads"
        raise ShapeError(f"{path}: {layer.word} reads one value, not {count}; {remedy}")


def _list(data: Any, name: str) -> list[Any]:
    found = data[name]
    if not isinstance(found, list):
        raise TypeError(f"{name} is no list")
    return found


def _say_params(shapes: Mapping[str, Shape]) -> str:
    return ", ".join(f"{name} {say(shape)}" for name, shape in shapes.items()) or "(none)"
