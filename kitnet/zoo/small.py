"""Networks for small images: Network in Network, the All-CNN, and those that courses begin with."""

from __future__ import annotations

from kitnet.layers import Convolution, Dropout, Flatten, Linear, MaxPool, MeanPool, Relu, Softmax
from kitnet.net import Net
from kitnet.zoo.card import model
from kitnet.zoo.claim import About, Published
from kitnet.zoo.parts import Piece, conv, named, network, repeated
from kitnet.zoo.recipe import Recipe
from kitnet.zoo.sources import CS231N, FIELD_BY_HAND, PYTORCHCV

NIN = "Lin, Chen, Yan: Network in network, ICLR 2014"
ALL_CNN = (
    "Springenberg, Dosovitskiy, Brox, Riedmiller: Striving for simplicity: the all convolutional net, "
    "ICLR 2015"
)
EXPLAINER = "Wang, Turko, Shaikh, Park, Das, Hohman, Kahng, Chau: CNN Explainer, IEEE VIS 2020"
TEST = "CIFAR-10 test images"


def mlpconv(number: int, window: int, filters: int, second: int, third: int) -> Piece:
    """A convolution, and two of 1x1 that compute a small network at every position."""
    layers = [[conv(w, f), Relu()] for w, f in ((window, filters), (1, second), (1, third))]
    return named(f"mlpconv{number}", layers)


@model(
    "nin",
    "Network in Network for CIFAR-10",
    source=NIN,
    year=2014,
    claims={
        f"{PYTORCHCV}, nin_cifar10": {"parameters": 966_986},
        "the authors' prototxt for CIFAR-10": {
            "volume of mlpconv1": "32x32x96",
            "volume of maxpool1": "16x16x96",
            "volume of mlpconv2": "16x16x192",
            "volume of meanpool1": "8x8x192",
            "volume of mlpconv3": "8x8x10",
            "conv layers": 9,
            "fc layers": 0,
        },
        "by hand: 32^2 x (75 x 192 + 192 x 160 + 160 x 96) + 16^2 x (25 x 96 x 192 + 2 x 192^2) "
        "+ 8^2 x (9 x 192^2 + 192^2 + 192 x 10)": {"multiply-adds": 222_486_528},
        FIELD_BY_HAND: {"receptive field of mlpconv3": 27},
    },
    differences=(
        "The second pool is a mean, as in the authors' files; the paper's figure shows max pooling.",
    ),
    published=(
        Published(TEST, f"{NIN}, table 1", 10.41),
        Published(f"{TEST}, shifted and mirrored in training", f"{NIN}, table 1", 8.81),
    ),
    recipe=Recipe(rate=0.1, batch=128, epochs=230),
)
def nin(width: int = 96, size: int = 32) -> Net:
    parts = [
        *(mlpconv(1, 5, 2 * width, width * 5 // 3, width), MaxPool(3, 2, "same"), Dropout()),
        *(mlpconv(2, 5, 2 * width, 2 * width, 2 * width), MeanPool(3, 2, "same"), Dropout()),
        mlpconv(3, 3, 2 * width, 2 * width, 10),
    ]
    return network((size, size, 3), parts, MeanPool(size // 4), Flatten())


@model(
    "all-cnn-c",
    "All-CNN-C for CIFAR-10: strided convolutions in place of pools",
    source=ALL_CNN,
    year=2015,
    claims={
        "by hand: 2,688 + 2 x 83,040 + 166,080 + 3 x 331,968 + 37,056 + 1,930": {"parameters": 1_369_738},
        f"{ALL_CNN}, table 4": {"parameters": About(1.4e6, 5e4)},
        f"{ALL_CNN}, tables 1 and 2": {
            "conv layers": 9,
            "maxpool layers": 0,
            "fc layers": 0,
            "volume of stage1": "16x16x96",
            "volume of stage2": "8x8x192",
            "volume of stage3": "6x6x10",
        },
        "by hand: 9 x (32^2 x (3 x 96 + 96^2) + 16^2 x (96^2 + 96 x 192 + 192^2) + 8^2 x 192^2 + 6^2 x "
        "192^2) + 6^2 x (192^2 + 192 x 10)": {"multiply-adds": 270_798_336},
        FIELD_BY_HAND: {"receptive field of stage3": 27},
    },
    differences=(
        "The 3x3 filters of the third stage do not reach into padding, as the paper's 6x6 maps tell.",
    ),
    published=(
        Published(TEST, f"{ALL_CNN}, table 4", 9.08),
        Published(f"{TEST}, shifted and mirrored in training", f"{ALL_CNN}, table 4", 7.25),
    ),
    recipe=Recipe(rate=0.05, batch=128, epochs=350),
)
def all_cnn_c(width: int = 96, size: int = 32) -> Net:
    def stage(number: int, filters: int) -> list[Piece]:
        layers = [repeated(2, conv(3, filters), Relu()), conv(3, filters, 2), Relu()]
        return [named(f"stage{number}", layers), Dropout()]

    last = named(
        "stage3", conv(3, 2 * width, pad="valid"), Relu(), conv(1, 2 * width), Relu(), conv(1, 10), Relu()
    )
    parts = [Dropout(0.2), stage(1, width), stage(2, 2 * width), last]
    return network((size, size, 3), parts, MeanPool(size // 4 - 2), Flatten())


@model(
    "cifar-first",
    "The first convolutional network of the course",
    source=f"{CS231N}, section Layers used to build ConvNets",
    year=2015,
    claims={
        "by hand: 3 x 9 x 12 + 12, 16 x 16 x 12 x 10 + 10": {"parameters": 31_066},
        f"{CS231N}, Example architecture": {
            "volume of conv1": "32x32x12",
            "volume of maxpool1": "16x16x12",
            "volume": "10",
        },
        "by hand: 32^2 x 27 x 12 + 30,720": {"multiply-adds": 362_496},
        FIELD_BY_HAND: {"receptive field of maxpool1": 4},
    },
    recipe=Recipe(rate=0.02),
)
def cifar_first(width: int = 12, size: int = 32) -> Net:
    return network((size, size, 3), conv(3, width), Relu(), MaxPool(2), Linear(10))


@model(
    "cifar-strip",
    "The small VGG behind the activations at the head of the course's page",
    source=f"{CS231N}, Architecture overview",
    year=2015,
    claims={
        "by hand: 280 + 5 x 910 + 4 x 4 x 10 x 10 + 10": {"parameters": 6_440},
        "by hand: 9 x (32^2 x (30 + 100) + 2 x 16^2 x 100 + 2 x 8^2 x 100) + 1,600": {
            "multiply-adds": 1_775_680
        },
        "two by two pools": {
            "volume of stage1": "16x16x10",
            "volume of stage2": "8x8x10",
            "volume of stage3": "4x4x10",
        },
        FIELD_BY_HAND: {"receptive field of stage3": 36},
    },
    differences=("The page does not print the layers; these are as remembered, and not confirmed.",),
    recipe=Recipe(rate=0.02),
)
def cifar_strip(width: int = 10, size: int = 32) -> Net:
    stages = [named(f"stage{i}", repeated(2, conv(3, width), Relu()), MaxPool(2)) for i in (1, 2, 3)]
    return network((size, size, 3), stages, Linear(10), Softmax())


@model(
    "tiny-vgg",
    "Tiny VGG, the network of CNN Explainer",
    source=EXPLAINER,
    year=2020,
    claims={
        "by hand: 280 + 3 x 910 + 13 x 13 x 10 x 10 + 10": {"parameters": 19_920},
        f"{EXPLAINER}, the overview": {
            "volume of stage1": "30x30x10",
            "volume of stage2": "13x13x10",
            "volume": "10",
            "conv layers": 4,
            "maxpool layers": 2,
        },
        "by hand: 9 x 10 x (62^2 x 3 + (60^2 + 28^2 + 26^2) x 10) + 16,900": {"multiply-adds": 5_608_780},
        FIELD_BY_HAND: {"receptive field of stage2": 16},
    },
    recipe=Recipe(rate=0.02),
)
def tiny_vgg(width: int = 10, size: int = 64) -> Net:
    stages = [named(f"stage{i}", repeated(2, Convolution(3, width), Relu()), MaxPool(2)) for i in (1, 2)]
    return network((size, size, 3), stages, Linear(10))
