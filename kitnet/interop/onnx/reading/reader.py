"""An ONNX graph read node by node into a graph of kitnet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kitnet.base.error import ShapeError, shorten
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import OnnxError, UnsupportedError
from kitnet.interop.onnx.reading.building import Building
from kitnet.interop.onnx.reading.call import Call, Input, Operand
from kitnet.interop.onnx.reading.folding import FOLDED, fold
from kitnet.interop.onnx.reading.layout import Value
from kitnet.interop.onnx.reading.operators import OLD, READERS
from kitnet.interop.onnx.reading.tensor import array_of

NEWEST = 28  # version of the operators that the readers know
MOST_NODES = 100_000
DOMAINS = ("", "ai.onnx")


@dataclass(frozen=True)
class Declared:
    """What the file says of an input or an output: its element type by ONNX's number, and its shape, with
    None where a size is left open, or None for no shape at all."""

    name: str
    type: int
    shape: tuple[int | None, ...] | None


class File:
    """A ModelProto that was looked through once: its nodes in an order in which they can be computed."""

    def __init__(self, model: Any, folder: Path | None = None) -> None:
        graph = model.graph
        self.opset = _opset(model)
        _check_names(graph)
        if len(graph.node) > MOST_NODES:
            raise OnnxError(f"it has {len(graph.node):,} nodes, more than {MOST_NODES:,}")
        if graph.sparse_initializer:
            raise OnnxError("it has sparse initializers, which are not read")
        self.constants = {one.name: array_of(one, folder) for one in graph.initializer}
        self.inputs = [_declared(one) for one in graph.input if one.name not in self.constants]
        self.outputs = [_declared(one) for one in graph.output]
        if not self.outputs:
            raise OnnxError("it has no outputs")
        given = {*self.constants, *(one.name for one in self.inputs), ""}
        self.nodes = _sorted(graph.node, given, self.outputs)
        self.readers = {name for node in self.nodes for name in node.input}
        self.readers |= {one.name for one in self.outputs}
        self.attributes = {id(node): _attributes(node, folder) for node in self.nodes}


@dataclass(frozen=True)
class Reading:
    """What came of it: the graph and its arrays, where ONNX's inputs and outputs are, and outputs that were
    known beforehand."""

    building: Building
    outputs: dict[str, Value | Array]
    paths: dict[str, str]  # of the inputs that are operands


def read_graph(
    file: File, shapes: Mapping[str, Shape], known: Mapping[str, Array], batch: int | None
) -> Reading:
    """The graph for inputs of these shapes, with the batch, and with some of them known. With a `batch` axis
    0 counts samples, without one the tensors are those of a single sample.

    Raises OnnxError, and NeedsArray where an input has to be known.
    """
    building = Building(batch)
    found: dict[str, Operand] = {"": None, **file.constants, **known}
    for one in file.inputs:
        if one.name not in known:
            found[one.name] = Input(one.name, shapes[one.name])
    for node in file.nodes:
        operands = [found[name] for name in node.input]
        used = tuple(name in file.readers for name in node.output)
        call = Call(
            node.op_type, node.name, file.opset, operands, dict(file.attributes[id(node)]), used, building
        )
        try:
            with np.errstate(all="ignore"):  # of numbers that are damaged
                made = _read(node, call)
            _check_outputs(made, used)
        except (TypeError, ValueError, LookupError, OverflowError):
            raise UnsupportedError(f"{call.say()}: its attributes or operands are not its own") from None
        except ShapeError as error:
            raise UnsupportedError(f"{call.say()}: {error}") from None
        except UnsupportedError as error:
            raise type(error)(f"{call.say()}: {error}") from None
        found.update(zip(node.output, made, strict=False))
    outputs = {}
    for one in file.outputs:
        value = found.get(one.name)
        if value is None:
            raise OnnxError(f"output {shorten(one.name)} is computed by no node")
        outputs[one.name] = value if isinstance(value, np.ndarray) else building.value(value)
    paths = {name: building.graph.nodes[value.index].path for name, value in building.inputs.items()}
    return Reading(building, outputs, paths)


def _read(node: Any, call: Call) -> list[Operand]:
    if node.domain not in DOMAINS:
        raise UnsupportedError(f"operators of {shorten(node.domain)} are not read")
    known = all(one is None or isinstance(one, np.ndarray) for one in call.operands)
    if known and call.kind in FOLDED:
        return list(fold(node, call.opset, call.operands))
    if call.kind not in READERS:
        raise UnsupportedError(
            f"this operator is not read{' in version ' + str(call.opset) if call.opset > NEWEST else ''}; "
            "docs/onnx.md lists those that are"
        )
    for version, rewrite in OLD.get(call.kind, ()):
        if call.opset < version:
            rewrite(call)
    made = READERS[call.kind](call)
    return list(made) if isinstance(made, list | tuple) else [made]


def _check_outputs(made: list[Operand], used: tuple[bool, ...]) -> None:
    for k, wanted in enumerate(used):
        if wanted and (k >= len(made) or made[k] is None):
            raise UnsupportedError(f"its output {k} is not computed here")


def _check_names(graph: Any) -> None:
    """Raises OnnxError for bytes that are no text."""
    values = [*graph.input, *graph.output, *graph.initializer]
    names = [one.name for one in values]
    for node in graph.node:
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
        names += [one.name for one in node.attribute]
    if not all(isinstance(name, str) for name in names):
        raise OnnxError("it has names that are no text; it is damaged, take a fresh copy")


def _opset(model: Any) -> int:
    versions = [one.version for one in model.opset_import if one.domain in DOMAINS]
    if model.functions:
        raise OnnxError("it has functions of its own, which are not read; export it with them inlined")
    if not versions:
        if model.ir_version < 3:
            return 1
        raise OnnxError("it does not say which version of the operators it has")
    if not 1 <= versions[0] <= NEWEST:
        raise OnnxError(f"it has version {versions[0]} of the operators; 1 to {NEWEST} are read")
    return int(versions[0])


def _declared(info: Any) -> Declared:
    kind = info.type.tensor_type
    if info.type.WhichOneof("value") not in ("tensor_type", None):
        raise OnnxError(f"{shorten(info.name)} is no tensor")
    shape = None
    if kind.HasField("shape"):
        shape = tuple(d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim)
    return Declared(info.name, kind.elem_type, shape)


def _attributes(node: Any, folder: Path | None) -> dict[str, Any]:
    import onnx

    found = {}
    for one in node.attribute:
        if one.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
            continue  # an operator with a graph inside is not read, and says so by its name
        value = onnx.helper.get_attribute_value(one)
        found[one.name] = array_of(value, folder) if one.type == onnx.AttributeProto.TENSOR else value
    return found


def _sorted(nodes: Iterable[Any], given: set[str], outputs: list[Declared]) -> list[Any]:
    """The nodes that outputs depend on, each behind those that it reads. Raises OnnxError."""
    maker: dict[str, Any] = {}
    for node in nodes:
        for name in node.output:
            if name in maker or (name and name in given):
                raise OnnxError(f"two nodes or inputs make {shorten(name)}")
            if name:
                maker[name] = node
    order: list[Any] = []
    state: dict[int, bool] = {}  # False while what it reads is being ordered
    for output in outputs:
        stack = [(output.name, None)]
        while stack:
            name, done = stack.pop()
            if done is not None:
                state[id(done)] = True
                order.append(done)
                continue
            if name in given:
                continue
            if name not in maker:
                raise OnnxError(f"{shorten(name)} is read, but no node and no input makes it")
            node = maker[name]
            if id(node) in state:
                if not state[id(node)]:
                    raise OnnxError(f"{shorten(name)} depends on itself")
                continue
            state[id(node)] = False
            stack.append((name, node))
            stack.extend((one, None) for one in reversed(node.input))
    return order
