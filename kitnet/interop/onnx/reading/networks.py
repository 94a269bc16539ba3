"""An ONNX file as a network, or a model of images: `kitnet.interop.onnx.read`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError, printable, shorten
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import NeedsArray, OnnxError
from kitnet.interop.onnx.reading.building import Building
from kitnet.interop.onnx.reading.file import load_proto
from kitnet.interop.onnx.reading.layout import Value, channels_last
from kitnet.interop.onnx.reading.reader import Declared, File, Reading, read_graph
from kitnet.interop.onnx.writing.proto import check_onnx
from kitnet.interop.onnx.writing.returning import golden_of, returned
from kitnet.layers import Identity
from kitnet.net import Net
from kitnet.net.memory import check_memory, least_bytes
from kitnet.train import Model

FLOAT = 1  # ONNX's number for float32
IMAGE_AXES = 4


def read(
    source: Any,
    external: str | Path | None = None,
    memory: int | None = None,
    input: Shape | None = None,
) -> Model | Net:
    """The model of images of an ONNX file, or of a ModelProto: pictures in, classes out. Any other network is
    a Net.

    A file that kitnet wrote gives the very model, with its classes and its preparation. Of any other file
    nothing tells how pictures become its input: `model.preparation` is to be set, or the input to be given as
    it is. Tensors in files of their own are read from below the folder `external`, and refused without it;
    `input` (H, W, C) says sizes that the file leaves open;
    `memory` is the most bytes that running it may need, by default 80 % of what is free. Raises KitnetError,
    with the node where an operator is not read.
    """
    check_onnx()
    path = Path(source) if isinstance(source, str | Path) else None
    with _placed("ONNX model" if path is None else path):
        proto = source if path is None else load_proto(path)
        own = returned(proto)
        thing = own if own is not None else _foreign(File(proto, _folder(external)), memory, input)
        check_memory(least_bytes((thing.net if isinstance(thing, Model) else thing).graph), memory)
    return thing


def golden(path: str | Path, memory: int | None = None) -> tuple[Model, Array, Array]:
    """The model of an ONNX file that kitnet wrote, its golden samples as they are before preparation, and the
    scores (N, numbers) that it records. Raises KitnetError for any other file."""
    check_onnx()
    with _placed(path):
        proto = load_proto(Path(path))
        own = returned(proto)
        if not isinstance(own, Model):
            raise OnnxError(
                "kitnet did not write this model, so that no golden images with scores are inside"
            )
        check_memory(least_bytes(own.net.graph), memory)
        recorded = golden_of(proto)
    return own, *recorded


def net_of(thing: Model | Net) -> Net:
    return thing.net if isinstance(thing, Model) else thing


def _folder(external: str | Path | None) -> Path | None:
    if external is None:
        return None
    if not Path(external).is_dir():
        raise OnnxError(f"{external}, where tensors shall lie, is no folder")
    return Path(external)


@contextmanager
def _placed(where: object) -> Iterator[None]:
    try:
        yield
    except KitnetError as error:
        raise OnnxError(f"{printable(where)}: {error}") from None


def _foreign(file: File, memory: int | None, input: Shape | None) -> Model | Net:
    shapes = {one.name: _shape(one, input) for one in file.inputs}
    check_memory(sum(one.nbytes for one in file.constants.values()), memory)
    if len({shape[0] for shape in shapes.values()}) > 1:
        raise OnnxError("its inputs do not all begin with the axis of samples")
    if not shapes:
        raise OnnxError("it has no input")
    try:
        reading = read_graph(file, shapes, {}, next(iter(shapes.values()))[0])
    except NeedsArray as needed:
        raise OnnxError(
            f"an operator needs the numbers of input {shorten(needed.name)} as weights; export the network "
            "with them inside"
        ) from None
    net = _net(file, reading)
    if (
        len(net.operands) != 1
        or len(next(iter(shapes.values()))) != IMAGE_AXES
        or net.input_shape[-1] not in (1, 3)
    ):
        return net
    scores = int(np.prod(net.output_shape))
    return Model(net) if scores > 1 else net


def _shape(declared: Declared, input: Shape | None) -> Shape:
    """The shape of an input, with one sample where their number is left open, and other sizes that are open
    as `input` (H, W, C) has them. Raises OnnxError."""
    name = shorten(declared.name)
    if declared.type != FLOAT:
        raise OnnxError(f"input {name} is not of float32")
    shape = declared.shape
    if shape is not None and not shape:
        raise OnnxError(f"input {name} has no axis of samples")
    if input is not None:
        asked = (input[-1], *input[:-1])
        if shape is None:
            shape = (None, *asked)
        fits = len(asked) == len(shape) - 1
        if not fits or any(n and n != m for n, m in zip(shape[1:], asked, strict=True)):
            told = "x".join(str(n or "?") for n in (*shape[2:], *shape[1:2]))
            raise OnnxError(f"input {name} is {told} in the file, which {say(input)} does not fit")
        shape = (shape[0], *asked)
    if shape is None or not all(shape[1:]):
        raise OnnxError(
            f"input {name} leaves its sizes open; say them once, such as: kitnet import F.onnx --input "
            "224x224x3 -o net.safetensors"
        )
    return (shape[0] or 1, *(size for size in shape[1:] if size))


def _net(file: File, reading: Reading) -> Net:
    """The network with its outputs as kitnet has them: channels last, numbers in order."""
    building = reading.building
    for k, one in enumerate(file.outputs):
        value = reading.outputs[one.name]
        if not isinstance(value, Value):
            raise OnnxError(f"output {shorten(one.name)} does not depend on the input")
        if len(value.parts) > 1:  # a row is the same in every order
            value = building.stored(value, channels_last(len(value.shape)))
        index = output_of(building, value)
        name = one.name if one.name.isidentifier() and len(one.name) < 80 else f"output{k + 1}"
        building.graph.output(name, index)
    return finished(building)


def output_of(building: Building, value: Value) -> int:
    """The value as one that may be an output: of an operand the identity."""
    if building.graph.nodes[value.index].layer is None:
        return building.add("", Identity(), [value.index])
    return value.index


def finished(building: Building) -> Net:
    """The graph as a network with its arrays. Raises OnnxError for arrays of other shapes."""
    params = building.graph.params()
    for path, param in params.items():
        if building.weights[path].shape != param.shape:
            raise OnnxError(
                f"{path}: an array of {building.weights[path].shape} where the network has {param.shape}"
            )
    for path, held in building.state.items():
        for name, one in held.items():
            node = building.graph.nodes[building.graph.find(path)]
            shape = node.layer.state(*building.graph.shapes_into(node))[name].shape if node.layer else ()
            if one.shape != shape:
                raise OnnxError(f"{path}.{name}: an array of {one.shape} where the network has {shape}")
    return Net(building.graph).adopt(building.weights, building.state)
