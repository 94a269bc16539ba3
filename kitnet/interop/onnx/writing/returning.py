"""The very network, or model, that an ONNX file was written of.

A file of kitnet says in its metadata of which graph it is. Its weights are found without any way back of
their own: the graph is written once more with the number of its place for each weight, which tells where the
file has it. A file is taken for kitnet's own only where writing what was found gives the same bytes, so that
metadata and operators cannot say different things.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.interop.onnx.writing.building import Building
from kitnet.interop.onnx.writing.exporting import model_proto, network_proto
from kitnet.interop.onnx.writing.metadata import Form, Told, told
from kitnet.interop.onnx.writing.network import write_network
from kitnet.interop.onnx.writing.proto import check_opset
from kitnet.net import Net, Node
from kitnet.train import Model
from kitnet.train.network_parts import network
from kitnet.train.target import CLASSES, INPUT

if TYPE_CHECKING:
    from onnx import ModelProto


def returned(made: ModelProto) -> Model | Net | None:
    """The model, or the network alone, of which `onnx_of_model` or `onnx_of_network` made this file; None
    where it was made or changed by anything else."""
    try:
        found = told(_metadata(made))
        (opset,) = (one.version for one in made.opset_import)
        check_opset(opset)
        form, net = Form(opset, found.form == "raw"), network(found.graph)
        _fill(net, form, made)
        thing = _model(net, found) if found.model else net
        again = _again(thing, form, found)
    except (KitnetError, ValueError):
        return None
    again.producer_version = made.producer_version
    first, second = (one.SerializeToString(deterministic=True) for one in (made, again))
    return thing if first == second else None


def golden_of(made: ModelProto) -> tuple[Array, Array]:
    """The golden samples and the scores that the metadata of a file record. Raises KitnetError."""
    found = told(_metadata(made)).model
    return found["images"], found["scores"]


def _metadata(made: ModelProto) -> dict[str, str]:
    return {prop.key: prop.value for prop in made.metadata_props}


def _model(net: Net, found: Told) -> Model:
    given = found.model
    classes = given["classes"] or None
    target = CLASSES if classes else INPUT
    model = Model(net, given["loss"], classes, given["preparation"], given["auxiliary"], target)
    model.views, model.examples = given["views"], given["images"]
    return model


def _again(thing: Model | Net, form: Form, found: Told) -> ModelProto:
    """The file of what was found, with the golden samples and scores of the first one."""
    if isinstance(thing, Net):
        return network_proto(thing, form)[0]
    return model_proto(thing, form, found.model["images"], found.model["scores"])[0]


def _fill(net: Net, form: Form, made: ModelProto) -> None:
    """Bring the arrays of a file into a network. Raises KitnetError where it has others."""
    from onnx import numpy_helper

    arrays = _arrays(net)
    starts = np.cumsum([1, *(array.size for array in arrays.values())])
    numbers = {
        path: np.arange(start, start + array.size).reshape(array.shape)
        for (path, array), start in zip(arrays.items(), starts, strict=False)
    }
    read = np.full(starts[-1], np.nan, np.float32)  # by number; that of nothing is 0
    held = {tensor.name: tensor for tensor in made.graph.initializer}
    for name, places in _places(net, form, numbers).items():
        array = numpy_helper.to_array(held[name]) if name in held else np.empty(0)
        if array.shape != places.shape or array.dtype != np.float32:
            raise KitnetError(f"no array {name} of the network's shape")
        read[places] = array
    for path, array in arrays.items():
        array[...] = read[numbers[path]]


def _places(net: Net, form: Form, numbers: Mapping[str, Array]) -> dict[str, Array]:
    """The number of each weight, 0 for none, where the arrays of a file have it."""
    to = Building(form.opset)

    def held(node: Node) -> dict[str, Array]:
        layer, shapes = node.layer, net.graph.shapes_into(node)
        assert layer is not None
        learned = {name: numbers[f"{node.owner}.{name}"] for name in layer.params(*shapes)}
        return learned | {name: numbers[f"{node.path}.{name}"] for name in layer.state(*shapes)}

    write_network(to, net, held, *net.graph.outputs.values())
    return to.weights


def _arrays(net: Net) -> dict[str, Array]:
    """Weights and state by path."""
    state = {f"{path}.{name}": array for path, held in net.state.items() for name, array in held.items()}
    return {**net.weights, **state}
