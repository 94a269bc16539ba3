"""A network, or a model with its preparation, as an ONNX file that was checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from kitnet.data import Preparation
from kitnet.interop.onnx.writing.building import Building, channels_first, rows
from kitnet.interop.onnx.writing.giving import write_mean, write_probabilities, write_samples
from kitnet.interop.onnx.writing.metadata import Form
from kitnet.interop.onnx.writing.network import Held, write_network
from kitnet.interop.onnx.writing.preparing import FLOAT, UINT8, prepared_input, write_preparation, write_views
from kitnet.interop.onnx.writing.proto import Port, proto
from kitnet.net import Net
from kitnet.net.objective import scores_of
from kitnet.train import Model

if TYPE_CHECKING:
    from onnx import ModelProto

SCORES = "scores"


@dataclass
class Written:
    """Operators with what goes in and comes out. `scores` is the value that the loss reads, flat, where there
    is a loss."""

    to: Building
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    inner: list[Port] = field(default_factory=list)
    scores: Port | None = None

    def proto(self, metadata: Mapping[str, str]) -> ModelProto:
        return proto(self.to, self.inputs, self.outputs, self.inner, metadata)


def write_net(net: Net, form: Form, held: Held) -> Written:
    """A network alone: each operand (N, C, *sizes) in, each output out. Raises KitnetError."""
    found = Written(Building(form.opset))
    found.inputs = [Port(path, ["N", *channels_first(shape)]) for path, shape in net.operands.items()]
    _write_graph(found, net, held, *net.graph.outputs.values())
    for name, value in net.graph.outputs.items():
        node = net.graph.nodes[value]
        found.outputs.append(Port(_named(found, net, name, node.path), ["N", *channels_first(node.shape)]))
    return found


def write_model(model: Model, form: Form, held: Held) -> Written:
    """A model: samples in, probabilities out, or with `raw` the bare network. Raises KitnetError."""
    net, graph, preparation = model.net, model.net.graph, model.preparation
    (operand,) = net.operands
    found, count = Written(Building(form.opset)), int(np.prod(net.output_shape))
    scores = scores_of(graph, model.loss)
    ends, shares, to = [scores], None, found.to
    if form.raw:
        found.inputs = [Port(operand, ["N", *channels_first(net.input_shape)])]
        ends += list(graph.outputs.values())[1:]
    else:
        kind, sizes = prepared_input(preparation)
        name = _free(net, "images" if isinstance(preparation, Preparation) else "samples")
        found.inputs = [Port(name, sizes, kind)]
        if model.views:
            write_preparation(to, preparation, name, f"{operand}/picture")
            to.begin(operand)
            views, shares = write_views(to, model.views, f"{operand}/picture", net.input_shape[:2])
            to.end(views)
        else:
            write_preparation(to, preparation, name, operand)
    _write_graph(found, net, held, *ends)
    to.begin(_free(net, SCORES))
    value = rows(to, graph.nodes[scores].path, graph.nodes[scores].shape)
    if shares is not None:
        value = write_mean(to, value, shares, count)
    found.scores = Port(to.end(value), ["N", count])
    if form.raw:
        found.outputs = [found.scores]
        for name, i in list(graph.outputs.items())[1:]:
            node = graph.nodes[i]
            found.outputs.append(
                Port(_named(found, net, name, node.path), ["N", *channels_first(node.shape)])
            )
    else:
        found.outputs = [_given(found, model)]
    return found


def _write_graph(found: Written, net: Net, held: Held, *ends: int) -> None:
    """The operators of the network, and the sizes of its values."""
    write_network(found.to, net, held, *ends)
    given = {port.name for port in found.inputs}
    for i in net.graph.leading_to(*ends):
        node = net.graph.nodes[i]
        if node.path not in given:
            found.inner.append(Port(node.path, ["N", *channels_first(node.shape)]))


def _given(found: Written, model: Model) -> Port:
    """What the scores say: probabilities, or samples like those that came in."""
    to, scores = found.to, found.scores
    assert scores is not None
    if model.classes:
        to.begin(_free(model.net, "probabilities"))
        return Port(to.end(write_probabilities(to, model.loss, scores.name)), scores.sizes)
    pictures = isinstance(model.preparation, Preparation)
    to.begin(_free(model.net, "reconstructed"))
    made = to.end(write_samples(to, model.loss, model.preparation, scores.name))
    return Port(made, ["N", *model.preparation.input], UINT8 if pictures else FLOAT)


def _named(found: Written, net: Net, name: str, path: str) -> str:
    """The value of a path under the name of an output, which another value may have already."""
    if name == path:
        return path
    found.to.begin(_free(net, name))
    return found.to.end(path)


def _free(net: Net, name: str) -> str:
    """The name, unless the network has a value of it."""
    return f"{name}/output" if name in net.graph else name
