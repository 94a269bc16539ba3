"""SqueezeNet: Iandola, Han, Moskewicz, Ashraf, Dally & Keutzer, "SqueezeNet: AlexNet-level accuracy with 50x
fewer parameters and <0.5MB model size", 2016."""

from __future__ import annotations

from functools import partial

from kitnet.layers import Convolution, Dropout, Flatten, MaxPool, MeanPool, Relu
from kitnet.net import Net
from kitnet.zoo.card import model
from kitnet.zoo.claim import Published
from kitnet.zoo.parts import Piece, concat, conv, named, network
from kitnet.zoo.recipe import Recipe
from kitnet.zoo.sources import COUNTED, FIELD_BY_HAND, TORCHVISION

SOURCE = (
    "Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer: SqueezeNet: AlexNet-level accuracy with 50x fewer "
    "parameters and <0.5MB model size, arXiv:1602.07360, 2016"
)
TABLE_1 = f"{SOURCE}, table 1"
RECIPE = Recipe(rate=0.04, schedule="linear", decay=2e-4, augment="resizedcrop,flip", batch=512, epochs=68)
squeezenet_model = partial(model, source=SOURCE, year=2016, recipe=RECIPE)


def fire(number: int, squeeze: int, expand: int) -> Piece:
    """1x1 filters that squeeze, then as many of 1x1 as of 3x3 that expand (figure 1)."""
    branches = concat([conv(1, expand), Relu()], [conv(3, expand), Relu()])
    return named(f"fire{number}", conv(1, squeeze), Relu(), branches)


def classifier(size: int) -> list[Piece]:
    """A convolution in place of fully connected layers, and the mean of each of its maps."""
    return [Dropout(), conv(1, 1000), Relu(), MeanPool(size), Flatten()]


@squeezenet_model(
    "squeezenet1.0",
    "SqueezeNet 1.0",
    claims={
        TORCHVISION: {"parameters": 1_248_424},
        f"{COUNTED}, at 227x227": {"multiply-adds": 832_667_936},
        TABLE_1: {
            "volume of conv1": "111x111x96",
            "volume of maxpool1": "55x55x96",
            "volume of fire2": "55x55x128",
            "volume of fire3": "55x55x128",
            "volume of fire4": "55x55x256",
            "volume of maxpool2": "27x27x256",
            "volume of fire5": "27x27x256",
            "volume of fire6": "27x27x384",
            "volume of fire7": "27x27x384",
            "volume of fire8": "27x27x512",
            "volume of maxpool3": "13x13x512",
            "volume of fire9": "13x13x512",
            "volume of conv2": "13x13x1000",
        },
        FIELD_BY_HAND: {"receptive field of fire9": 155},
    },
    differences=(
        "The input has 227x227 places, which give the sizes of the paper's table 1; the table says 224.",
    ),
    published=(Published("ImageNet validation", f"{SOURCE}, table 2", 42.5, 19.7),),
)
def squeezenet10(width: int = 16, size: int = 227) -> Net:
    stem = [Convolution(7, 6 * width, 2), Relu(), MaxPool(3, 2)]
    first = [
        fire(2, width, 4 * width),
        fire(3, width, 4 * width),
        fire(4, 2 * width, 8 * width),
        MaxPool(3, 2),
    ]
    second = [
        *(fire(5, 2 * width, 8 * width), fire(6, 3 * width, 12 * width), fire(7, 3 * width, 12 * width)),
        *(fire(8, 4 * width, 16 * width), MaxPool(3, 2), fire(9, 4 * width, 16 * width)),
    ]
    return network((size, size, 3), stem, first, second, classifier(size // 16 - 1))


@squeezenet_model(
    "squeezenet1.1",
    "SqueezeNet 1.1",
    claims={
        TORCHVISION: {"parameters": 1_235_496},
        COUNTED: {"multiply-adds": 349_151_936},
        "the authors' page of version 1.1 on 1.0's modules": {
            "volume of conv1": "111x111x64",
            "volume of maxpool1": "55x55x64",
            "volume of fire3": "55x55x128",
            "volume of maxpool2": "27x27x128",
            "volume of fire5": "27x27x256",
            "volume of maxpool3": "13x13x256",
            "volume of fire9": "13x13x512",
            "volume of conv2": "13x13x1000",
        },
        FIELD_BY_HAND: {"receptive field of fire9": 207},
    },
    differences=(
        "Published by the authors with their code, not in the paper: a smaller first filter and earlier "
        "pools, for 2.4 times less work.",
    ),
)
def squeezenet11(width: int = 16, size: int = 224) -> Net:
    stem = [Convolution(3, 4 * width, 2, on_misfit="floor"), Relu(), MaxPool(3, 2)]
    first = [fire(2, width, 4 * width), fire(3, width, 4 * width), MaxPool(3, 2)]
    second = [fire(4, 2 * width, 8 * width), fire(5, 2 * width, 8 * width), MaxPool(3, 2)]
    third = [
        *(fire(6, 3 * width, 12 * width), fire(7, 3 * width, 12 * width)),
        *(fire(8, 4 * width, 16 * width), fire(9, 4 * width, 16 * width)),
    ]
    return network((size, size, 3), stem, first, second, third, classifier(size // 16 - 1))
