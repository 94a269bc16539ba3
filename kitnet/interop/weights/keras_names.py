"""What Keras' applications call the layers of networks of the zoo, and what they do otherwise.

Keras' norms have another eps, which no file of weights holds; its MobileNetV2 pads behind alone where a
stride is 2. InceptionV3 numbers its layers as they are made, which is the order in which kitnet has them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from kitnet.interop.weights.torch_names import inverted
from kitnet.layers import BatchNorm, Convolution, Layer, Linear
from kitnet.net import Graph

Names = dict[str, str]


def vgg(graph: Graph) -> Names:
    names = {"fc1": "fc1", "fc2": "fc2", "fc3": "predictions"}
    for node in graph.nodes:
        if found := re.fullmatch(r"stage(\d)\.conv(\d)", node.path):
            names[node.path] = f"block{found[1]}_conv{found[2]}"
    return names


def resnet(graph: Graph) -> Names:
    """`conv2_block1_3_bn` for `stage1.residual1.body.batchnorm3`; number 0 is the shortcut."""
    names = {"conv1": "conv1_conv", "batchnorm1": "conv1_bn", "fc1": "predictions"}
    blocks: dict[str, int] = {}
    for node in graph.nodes:
        found = re.fullmatch(r"(stage(\d)\.residual\d+)\.(body|shortcut)\.(conv|batchnorm)(\d)", node.path)
        if found:
            block, stage, side, word, number = found.groups()
            before = sum(each.startswith(f"stage{stage}.") for each in blocks)
            place = f"conv{int(stage) + 1}_block{blocks.setdefault(block, before) + 1}"
            names[node.path] = f"{place}_{number if side == 'body' else 0}_{_short(word)}"
    return names


def densenet(graph: Graph) -> Names:
    names = {"conv1": "conv1_conv", "batchnorm1": "conv1_bn", "batchnorm2": "bn", "fc1": "predictions"}
    for node in graph.nodes:
        if found := re.fullmatch(r"block(\d)\.(\d+)\.1\.(conv|batchnorm)(\d)", node.path):
            block, layer, word, number = found.groups()
            place = f"conv{int(block) + 1}_block{int(layer) + 1}"
            names[node.path] = f"{place}_{int(number) - (word == 'batchnorm')}_{_short(word)}"
        elif found := re.fullmatch(r"transition(\d)\.(conv|batchnorm)1", node.path):
            names[node.path] = f"pool{int(found[1]) + 1}_{_short(found[2])}"
    return names


def _short(word: str) -> str:
    return word.replace("batchnorm", "bn")


def mobilenet_v2(graph: Graph) -> Names:
    names = {"conv1": "Conv1", "batchnorm1": "bn_Conv1", "conv2": "Conv_1", "batchnorm2": "Conv_1_bn"}
    for i, (_, _, nodes) in enumerate(inverted(graph)):
        words = ("expand", "depthwise", "project")[-len(nodes) // 2 :]
        inner = [f"{word}{end}" for word in words for end in ("", "_BN")]
        block = f"block_{i}" if i else "expanded_conv"
        names |= {node.path: f"{block}_{one}" for node, one in zip(nodes, inner, strict=True)}
    return {**names, "fc1": "predictions"}


def inception_v3(graph: Graph) -> Names:
    """The main network; names are numbered from 0 by whoever reads them."""
    names, count = {"fc1": "predictions"}, 0
    for node in graph.nodes:
        if node.path.startswith("aux."):
            continue
        if isinstance(node.layer, Convolution):
            names[node.path] = f"conv2d_{count}"
        elif isinstance(node.layer, BatchNorm):
            names[node.path] = f"batch_normalization_{count}"
            count += 1
    return names


def norms(eps: float) -> Callable[[Graph], dict[str, Layer]]:
    def layers(graph: Graph) -> dict[str, Layer]:
        return {
            node.path: replace(node.layer, eps=eps)
            for node in graph.nodes
            if isinstance(node.layer, BatchNorm)
        }

    return layers


def mobilenet_layers(graph: Graph) -> dict[str, Layer]:
    """A window of 3 with stride 2 reads one place behind an input of even size, none before it."""
    found = norms(1e-3)(graph)
    for node in graph.nodes:
        if isinstance(node.layer, Convolution) and node.layer.stride == 2:
            rows, columns, _ = graph.shapes_into(node)[0]
            pad = ((1 - (rows % 2 == 0), 1), (1 - (columns % 2 == 0), 1))
            found[node.path] = replace(node.layer, pad=pad)
    return found


@dataclass(frozen=True)
class Application:
    names: Callable[[Graph], Mapping[str, str]]
    layers: Callable[[Graph], Mapping[str, Layer]] = lambda graph: {}
    numbered: bool = False  # whether the names of its layers are numbers of making


DENSENET = Application(densenet, norms(1.001e-5))
APPLICATIONS = {
    "vgg16": Application(vgg),
    "vgg19": Application(vgg),
    "resnet50:v1": Application(resnet, norms(1.001e-5)),
    "densenet121": DENSENET,
    "densenet169": DENSENET,
    "densenet201": DENSENET,
    "inception-v3": Application(inception_v3, norms(1e-3), numbered=True),
    "mobilenet-v2": Application(mobilenet_v2, mobilenet_layers),
}


def kind_of(layer: Layer | None) -> str:
    """`conv`, `dense` or `norm`, or nothing that Keras has."""
    match layer:
        case Convolution(flip=False, table=None):
            return "conv"
        case Linear():
            return "dense"
        case BatchNorm():
            return "norm"
    return ""
