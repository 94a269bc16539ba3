"""ONNX files of models and networks, checked before anyone gets them.

onnx_of_model(kitnet.load("runs/lenet5-1"))          # bytes: pictures in, probabilities out
onnx_of_network(kitnet.parse("28x28x1 -> conv5-6 -> tanh -> fc10"))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.random import stream
from kitnet.base.spec import Array
from kitnet.data import Preparation
from kitnet.interop.onnx.writing.checking import check_golden, check_network, checked
from kitnet.interop.onnx.writing.file import Written, write_model, write_net
from kitnet.interop.onnx.writing.metadata import Form, model_metadata, network_metadata
from kitnet.interop.onnx.writing.network import arrays_of
from kitnet.interop.onnx.writing.proto import check_onnx, check_opset, check_size
from kitnet.interop.onnx.writing.reference import exact_outputs, exact_scores
from kitnet.interop.samples import BUDGET, Samples
from kitnet.net import Net
from kitnet.surgery import cut
from kitnet.train import Model

if TYPE_CHECKING:
    from onnx import ModelProto

TRIED = 2  # samples of noise that a network alone is tried with


@dataclass(frozen=True)
class OnnxFile:
    """The bytes of a file, how many of them are the weights, and by what it was replayed: how many samples,
    by which program, and the largest difference of a score, as a share of the largest score."""

    content: bytes
    weights: int
    samples: int
    program: str
    difference: float


def onnx_of_model(model: Model, opset: int = 18, raw: bool = False) -> OnnxFile:
    """A model as an ONNX file: samples as they are in, probabilities out (a network that gives its input:
    samples out); with `raw` the bare network, float32 (N, C, H, W) in and scores out. Outputs for training
    alone are left out unless `raw`.

    Raises KitnetError for a layer or a loss that has no form in ONNX, for an opset that is not written, for
    weights that do not fit into a file, and where the file gives other scores than kitnet.
    """
    form = Form(opset, raw)
    _check(model.net, form)
    model = model if raw else judged(model)
    images = golden(model)
    scores = exact_scores(model, images, raw)
    made, written = model_proto(model, form, images, scores.astype(np.float32))
    content = checked(made, model.net)
    program, difference = check_golden(made, written, model, images, scores, raw)
    return OnnxFile(content, _bytes(model.net), len(images), program, difference)


def onnx_of_network(net: Net, opset: int = 18) -> OnnxFile:
    """A network alone as an ONNX file: each operand, float32 (N, C, *sizes), in, each output out. It is
    replayed with noise. Raises KitnetError as `onnx_of_model` does."""
    form = Form(opset, True)
    _check(net, form)
    made, written = network_proto(net, form)
    given = {
        path: stream(0, f"onnx/{path}").standard_normal((TRIED, *shape), np.float32)
        for path, shape in net.operands.items()
    }
    content = checked(made, net)
    names = dict(zip(net.outputs, (port.name for port in written.outputs), strict=True))
    program, difference = check_network(made, given, names, exact_outputs(net, given))
    return OnnxFile(content, _bytes(net), TRIED, program, difference)


def model_proto(model: Model, form: Form, images: Array, scores: Array) -> tuple[ModelProto, Written]:
    """The file of a model, not checked, with these golden samples and their scores."""
    written = write_model(model, form, arrays_of(model.net))
    return written.proto(model_metadata(model, form, images, scores)), written


def network_proto(net: Net, form: Form) -> tuple[ModelProto, Written]:
    """The same of a network alone."""
    written = write_net(net, form, arrays_of(net))
    return written.proto(network_metadata(net, form)), written


def judged(model: Model) -> Model:
    """The model without the outputs that are for training alone, and what leads to them."""
    graph = model.net.graph
    if len(graph.leading_to(graph.main)) == len(graph.nodes):
        return model
    found = model.with_network(cut(model.net, graph.nodes[graph.main].path))
    found.examples = model.examples
    return found


def golden(model: Model) -> Array:
    """The samples of a model as they are before preparation: so many, pictures perhaps made smaller, that
    they fit beside small weights, too."""
    if model.examples is None:
        raise KitnetError(
            "export: the model knows no samples to be checked by; save it with some, and load the file"
        )
    images, numbers = model.examples, int(np.prod(model.net.output_shape))
    if isinstance(model.preparation, Preparation):
        return np.stack(Samples([*images], [""] * len(images)).within(BUDGET, numbers).images)
    return images[: max(1, BUDGET // (4 * (images[0].size + numbers)))].astype(np.float32)


def _check(net: Net, form: Form) -> None:
    check_onnx()
    check_opset(form.opset)
    check_size({path: array.nbytes for path, array in net.weights.items()})


def _bytes(net: Net) -> int:
    return sum(array.nbytes for array in net.weights.values())
