"""How pictures become the input of a network whose weights come from elsewhere, which no file of weights
says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.shape import Shape, say
from kitnet.data import Preparation
from kitnet.layers import Convolution
from kitnet.net import Net

LARGE = 0.875  # of the side that a picture is resized to, the network reads the middle


@dataclass(frozen=True)
class Usual:
    """What a library does with pictures: mean and deviation of pixel / 255, and whether blue is first."""

    about: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    bgr: bool = False
    cropped: bool = False


USUAL = {
    "torchvision": Usual(
        "torchvision's and timm's", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), cropped=True
    ),
    "inception": Usual(
        "-1 to 1: of torchvision's Inception and GoogLeNet, of Keras' InceptionV3 and MobileNetV2",
        (0.5, 0.5, 0.5),
        (0.5, 0.5, 0.5),
    ),
    "caffe": Usual(
        "blue first, less the mean: of Keras' VGG16, VGG19 and ResNet50, of Caffe",
        (123.68 / 255, 116.779 / 255, 103.939 / 255),
        (1 / 255, 1 / 255, 1 / 255),
        bgr=True,
    ),
    "unit": Usual("0 to 1", (0.0,), (1.0,)),
}


def preparation(
    input: Shape, mean: tuple[float, ...], std: tuple[float, ...], resize: int | None, cropped: bool = False
) -> Preparation:
    """The preparation for an input: pictures are resized to squares of `resize`, of which the middle is
    read; by default to the input, or, where they are `cropped`, to 8/7 of it. One number stands for every
    channel. Raises DataError."""
    if len(input) != 3:
        raise KitnetError(f"pictures do not fit an input of {say(input)}")
    height, width, channels = input
    sides = (round(height / LARGE), round(width / LARGE)) if cropped else (height, width)
    wide = tuple(row * channels if len(row) == 1 else row for row in (mean, std))
    return Preparation(
        (height, width, channels), sides if resize is None else (resize, resize), wide[0], wide[1]
    )


def with_red_first(net: Net) -> Net:
    """The network, which was trained on pictures whose first channel is blue, with the filters of its first
    layer for red first. Raises KitnetError where that is no convolution of three channels."""
    first = next(node for node in net.graph.nodes if 0 in node.inputs)
    if net.input_shape[-1] != 3 or not isinstance(first.layer, Convolution) or first.layer.groups > 1:
        raise KitnetError(
            f"{first.path}: only a convolution of three channels can be turned to red first; "
            "leave out --bgr and give pictures with blue first"
        )
    path = f"{first.path}.weight"
    weights = {**net.weights, path: np.flip(net.weights[path], -2)}
    return Net(net.graph, net.body).adopt(weights, net.state)


def usual(name: str) -> Usual:
    """Of a library. Raises KitnetError."""
    if name not in USUAL:
        raise KitnetError(f"--prepare {name!r} is not known; known: {', '.join(USUAL)}")
    return USUAL[name]
