"""Weights of Keras in a network: by the names of Keras' applications, or, of a model of one's own, by the
order of its layers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.files.keras_file import KerasLayer
from kitnet.files.keras_process import read_keras
from kitnet.interop.weights.dialects import with_layers
from kitnet.interop.weights.keras_names import APPLICATIONS, kind_of
from kitnet.interop.weights.matching import Match, fill, match, without_heads
from kitnet.interop.weights.slots import Slot, with_arrays
from kitnet.layers import Convolution
from kitnet.net import Graph, Net, Node
from kitnet.net.notation import write_layer

NORM = {"scale": "gamma", "shift": "beta", "mean": "moving_mean", "var": "moving_variance"}


def import_keras(path: Path, model: str, net: Net, partial: bool) -> tuple[Net, Match]:
    """The network with the file's weights, and what matched. Raises KitnetError."""
    layers, told = read_keras(path), list[str]()
    application = APPLICATIONS.get(model)
    if application is not None and application.numbered:
        layers = _from_zero(layers)
    by_name = {layer.name.replace("/", "_"): layer for layer in layers}
    names: Mapping[str, str] = application.names(net.graph) if application is not None else {}
    if application is not None and any(name in by_name for name in names.values()):
        library = "Keras' applications"
        net = with_layers(net, application.layers(net.graph))
    else:
        library, names = "Keras, in order", _in_order(net.graph, layers)
        told.append(
            "layers were matched by their order among those of their kind; an eps of Keras' norms, usually "
            "0.001, is in no such file: write it into the line"
        )
    arrays = {
        f"{name}/{word}": array for name, layer in by_name.items() for word, array in layer.arrays.items()
    }
    net, said = without_heads(net, [path for path, name in names.items() if name in by_name])
    told += said
    names = {path: name for path, name in names.items() if path in net.graph}
    told += _complete(net.graph, names, arrays)
    found = match(_slots(net.graph, names), arrays, library, tuple(told))
    return fill(net, found, arrays, partial), found


def _from_zero(layers: list[KerasLayer]) -> list[KerasLayer]:
    """Layers such as conv2d_94 by how many of their word were made before."""
    count: dict[str, int] = {}

    def made(layer: KerasLayer) -> int:
        number = re.search(r"\d+$", layer.name.removeprefix("conv2d"))
        return int(number[0]) if number else 0

    found = []
    for layer in sorted(layers, key=made):
        word = re.sub(r"_\d+$", "", layer.name)
        if word not in ("conv2d", "batch_normalization"):
            found.append(layer)
            continue
        found.append(KerasLayer(f"{word}_{count.setdefault(word, 0)}", layer.arrays))
        count[word] += 1
    return found


def _in_order(graph: Graph, layers: list[KerasLayer]) -> dict[str, str]:
    """The i-th convolution is the file's i-th, so are linear layers and norms. Raises KitnetError where they
    are not as many."""
    names: dict[str, str] = {}
    nodes = with_arrays(graph)
    for node in nodes:
        if not kind_of(node.layer):
            assert node.layer is not None
            raise KitnetError(
                f"{node.path}: {write_layer(node.layer)} has no counterpart in Keras that is read"
            )
    for kind, word in (("conv", "convolutions"), ("dense", "linear layers"), ("norm", "norms")):
        own = [node.path for node in nodes if kind_of(node.layer) == kind]
        theirs = [layer.name.replace("/", "_") for layer in layers if layer.kind == kind]
        if len(own) != len(theirs):
            raise KitnetError(f"it has {len(theirs)} {word}, but the network {len(own)}; give its own line")
        names |= dict(zip(own, theirs, strict=True))
    return names


def _complete(graph: Graph, names: Mapping[str, str], arrays: dict[str, Array]) -> list[str]:
    """Norms without gamma get ones; a bias in front of a norm is taken off its mean, which is the same."""
    ones = biases = 0
    before: Node | None = None
    for node in graph.nodes:
        name = names.get(node.path, "")
        if kind_of(node.layer) == "norm" and f"{name}/moving_mean" in arrays:
            mean = arrays[f"{name}/moving_mean"]
            if f"{name}/gamma" not in arrays:
                arrays[f"{name}/gamma"], ones = np.ones_like(mean), ones + 1
            bias = "" if before is None else f"{names.get(before.path, '')}/bias"
            lacks = before is not None and not getattr(before.layer, "bias", True)
            if lacks and bias in arrays and arrays[bias].shape == mean.shape:
                arrays[f"{name}/moving_mean"] = mean - arrays.pop(bias)
                biases += 1
        before = node
    told = [f"{ones} norms have no gamma, which is 1"] if ones else []
    return told + ([f"the biases of {biases} layers were taken off the means behind them"] if biases else [])


def _slots(graph: Graph, names: Mapping[str, str]) -> list[Slot]:
    """Keras has the axes as kitnet, but for depthwise filters: R,S,C,1."""
    found = []
    for path, name in names.items():
        node = graph.nodes[graph.find(path)]
        assert node.layer is not None
        for own, param in node.layer.params(*graph.shapes_into(node)).items():
            shape = param.shape
            word = NORM.get(own) or {"weight": "kernel"}.get(own, own)
            slot = Slot.alike(f"{path}.{own}", f"{name}/{word}", shape)
            if isinstance(node.layer, Convolution) and own == "weight" and 1 < node.layer.groups == shape[-1]:
                turned = (*shape[:-2], shape[-1], 1)
                slot = Slot(f"{path}.{own}", f"{name}/{word}", turned, _swapped, _swapped)
            found.append(slot)
        for own, buffer in node.layer.state(*graph.shapes_into(node)).items():
            found.append(Slot.alike(f"{path}.{own}", f"{name}/{NORM[own]}", buffer.shape))
    return found


def _swapped(array: Array) -> Array:
    return array.swapaxes(-2, -1)
