"""The forward pass of a network as plain data: what `page/network.js` runs, layer by layer.

A layer is a dict of its word, the numbers of its formula, and where its arrays lie in one row of float32
numbers. What comes out is what the layers' formulas give in evaluation mode. Filters are written one behind
the other, (K, R, S, C), so that each is met by a window as it lies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.lecun import AMPLITUDE, SLOPE
from kitnet.base.shape import Axis, Shape, say
from kitnet.base.spec import Array
from kitnet.layers import (
    BatchNorm,
    Convolution,
    LeakyRelu,
    LecunTanh,
    Linear,
    MeanPool,
    Pad,
    RadialBasis,
    Relu,
    Scale,
)
from kitnet.layers.radial_basis import digit_bitmaps
from kitnet.layers.window import Windowed
from kitnet.net import Graph, Net, Node
from kitnet.net.notation import write_layer

MOST = 20_000_000  # bytes of weights
POINTWISE = ("leakyrelu", "lecuntanh", "relu", "scale", "sigmoid", "tanh")
OVER_VOLUMES = ("conv", "maxpool", "meanpool", "pad", "subsample")
OTHERS = ("add", "batchnorm", "bias", "dropout", "fc", "flatten", "padchannels", "rbf", "softmax")
WORDS = tuple(sorted((*POINTWISE, *OVER_VOLUMES, *OTHERS)))  # of the layers that a page computes

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class ForwardPass:
    """Layers as `page/network.js` reads them, each with the numbers of its inputs (0 is the image), and all
    their weights in one row, float32."""

    layers: list[dict[str, Any]]
    weights: Array


def forward_pass(net: Net, *ends: int) -> ForwardPass:
    """The pass that leads to these values of the graph. Raises KitnetError, with the layer, for what a page
    does not compute, and for too many weights."""
    graph = net.graph
    values = graph.leading_to(*ends)
    nodes = [graph.nodes[i] for i in values if graph.nodes[i].layer is not None]
    for node in nodes:
        _check(graph, node)
    described = [_described(net, node) for node in nodes]
    _check_size(
        {
            f"{node.path}.{name}": 4 * array.size
            for node, (_, own) in zip(nodes, described, strict=True)
            for name, array in own.items()
        }
    )
    places = {i: place for place, i in enumerate(values)}
    layers, start = [], 0
    for node, (numbers, own) in zip(nodes, described, strict=True):
        lies = {}
        for name, array in own.items():
            lies[name] = [start, start + array.size]
            start += array.size
        inputs = [places[i] for i in node.inputs]
        layers.append({**_named(node), "inputs": inputs, **numbers, **({"arrays": lies} if lies else {})})
    rows = [array.astype(np.float32).ravel() for _, own in described for array in own.values()]
    return ForwardPass(layers, np.concatenate([np.empty(0, np.float32), *rows]))


def _named(node: Node) -> dict[str, Any]:
    assert node.layer is not None
    return {"path": node.path, "word": node.word, "line": write_layer(node.layer), "shape": list(node.shape)}


def _check(graph: Graph, node: Node) -> None:
    """Whether a page has a formula for this layer and these sizes."""
    if node.word not in WORDS:
        raise KitnetError(f"{node.path}: a page does not compute {node.word}; it knows {', '.join(WORDS)}")
    (shape, *_) = graph.shapes_into(node)
    if node.word in OVER_VOLUMES and len(shape) != 3:
        raise KitnetError(
            f"{node.path}: a page computes {node.word} on volumes such as 28x28x1, not on {say(shape)}"
        )


def _check_size(sizes: Mapping[str, int]) -> None:
    """Whether arrays of so many bytes find room."""
    total = sum(sizes.values())
    if total > MOST:
        largest = max(sizes, key=sizes.__getitem__)
        raise KitnetError(
            f"the weights take {total / 1e6:,.1f} MB, {largest} alone {sizes[largest] / 1e6:,.1f}; a page "
            f"holds {MOST / 1e6:g} MB at most, so export a smaller network"
        )


def _described(net: Net, node: Node) -> tuple[dict[str, Any], Arrays]:
    """The numbers of a layer's formula, and its arrays as the page reads them."""
    shapes, layer = net.graph.shapes_into(node), node.layer
    assert layer is not None
    w = {name: net.weights[f"{node.owner}.{name}"] for name in layer.params(*shapes)}
    axes = {"axes": [_axis(a) for a in layer.axes(shapes[0])]} if isinstance(layer, Windowed) else {}
    match layer:
        case Convolution():
            filters = np.moveaxis(layer.dense(w["weight"], shapes[0][-1]), -1, 0)
            return {**axes, "groups": layer.groups}, {"weight": filters, "bias": _bias(w, node.shape)}
        case Linear():
            return {}, {"weight": w["weight"].T, "bias": _bias(w, node.shape)}
        case BatchNorm():
            state = net.state[node.path]
            factor = w["scale"] / np.sqrt(state["var"].astype(float) + layer.eps)
            return {}, {"mean": state["mean"], "factor": factor, "shift": w["shift"]}
        case RadialBasis():
            return {}, {"weight": digit_bitmaps()}
        case MeanPool():
            return {**axes, "count_pad": layer.count_pad}, {}
        case Pad():
            lines = layer.lines(shapes[0])
            return {"places": [[s[0][0] if s else -1 for s in line.sources] for line in lines]}, {}
        case Relu():
            return {"cap": layer.cap}, {}
        case LeakyRelu():
            return {"slope": layer.slope}, {}
        case LecunTanh():
            return {"amplitude": AMPLITUDE, "slope": SLOPE}, {}
        case Scale():
            return {"factor": layer.factor, "shift": layer.shift}, {}
    return axes, w


def _bias(w: Arrays, shape: Shape) -> Array:
    """That of a convolution or a linear layer, zeros where it has none."""
    return w.get("bias", np.zeros(shape[-1], np.float32))


def _axis(axis: Axis) -> list[int]:
    """As `page/network.js` reads it; `after` follows from the others."""
    return [axis.size, axis.window, axis.stride, axis.dilation, axis.before, axis.output]
