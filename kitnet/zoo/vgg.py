"""VGG: Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015:
3x3 filters alone, twice the maps after each pool, three fully connected layers."""

from __future__ import annotations

from functools import partial

from kitnet.layers import BatchNorm, Dropout, Linear, MaxPool, MeanPool, Relu
from kitnet.net import Net
from kitnet.zoo.card import model
from kitnet.zoo.claim import About, Claims, Published, erratum
from kitnet.zoo.parts import Piece, conv, named, network, repeated
from kitnet.zoo.recipe import Recipe
from kitnet.zoo.sources import ARAUJO, COUNTED, CS231N, FIELD_BY_HAND, TORCHVISION

SOURCE = "Simonyan, Zisserman: Very deep convolutional networks for large-scale image recognition, ICLR 2015"
TABLE_1, TABLE_2, TABLE_3 = (f"{SOURCE}, table {n}" for n in (1, 2, 3))
VOLUMES = {
    "volume of stage1": "112x112x64",
    "volume of stage2": "56x56x128",
    "volume of stage3": "28x28x256",
    "volume of stage4": "14x14x512",
    "volume of stage5": "7x7x512",
}
ONE_SCALE = "ImageNet validation, one scale of 256"
# Section 3.1; the paper divides the rate by 10 three times, when the error stands still, in 74 epochs.
RECIPE = Recipe(
    rate=0.01, schedule="drops at=30,50,65", decay=5e-4, augment="resizedcrop,flip", batch=256, epochs=74
)
vgg_model = partial(model, source=SOURCE, year=2015, recipe=RECIPE)


def vgg(
    depths: tuple[int, ...],
    *,
    last: int = 3,
    width: int = 64,
    size: int = 224,
    units: int = 4096,
    normed: bool = False,
) -> Net:
    """Five stages of so many convolutions and a pool each, then three fully connected layers; the last
    windows of the last three stages have `last` places a side. `normed`: a norm behind each convolution."""
    hidden = repeated(2, Linear(units), Relu(), Dropout())
    return network((size, size, 3), stages(depths, last, width, normed), hidden, Linear(1000))


def stages(depths: tuple[int, ...], last: int, width: int, normed: bool = False) -> list[Piece]:
    parts: list[Piece] = []
    for i, depth in enumerate(depths):
        filters = min(8, 2**i) * width
        runs = [(depth, 3)] if last == 3 or i < 2 else [(depth - 1, 3), (1, last)]
        norm = [BatchNorm()] if normed else []
        layers = [repeated(times, conv(window, filters), *norm, Relu()) for times, window in runs]
        parts.append(named(f"stage{i + 1}", layers, MaxPool(2)))
    return parts


def numbers(parameters: int, multiply_adds: int, field: int, convolutions: int) -> Claims:
    """What torchvision's network of this name has, and what the paper's table 1 shows."""
    return {
        TORCHVISION: {"parameters": parameters},
        COUNTED: {"multiply-adds": multiply_adds},
        TABLE_1: {"conv layers": convolutions, "fc layers": 3, "maxpool layers": 5, **VOLUMES},
        FIELD_BY_HAND: {"receptive field of stage5": field},
    }


@vgg_model(
    "vgg11",
    "VGG-11, the paper's A",
    claims={**numbers(132_863_336, 7_609_090_048, 150, 8), TABLE_2: {"parameters": About(133e6, 5e5)}},
    published=(Published(ONE_SCALE, TABLE_3, 29.6, 10.4),),
)
def vgg11(width: int = 64, size: int = 224, units: int = 4096) -> Net:
    return vgg((1, 1, 2, 2, 2), width=width, size=size, units=units)


@vgg_model(
    "vgg13",
    "VGG-13, the paper's B",
    claims={**numbers(133_047_848, 11_308_466_176, 156, 10), TABLE_2: {"parameters": About(133e6, 5e5)}},
    published=(Published(ONE_SCALE, TABLE_3, 28.7, 9.9),),
)
def vgg13(width: int = 64, size: int = 224, units: int = 4096) -> Net:
    return vgg((2, 2, 2, 2, 2), width=width, size=size, units=units)


@vgg_model(
    "vgg16-1x1",
    "VGG-16 with 1x1 filters, the paper's C",
    claims={
        "by hand: VGG-16 less 8/9 of three layers, 8 x (256^2 + 2 x 512^2)": {"parameters": 133_638_952},
        TABLE_1: {"conv layers": 13, "fc layers": 3, "maxpool layers": 5, **VOLUMES},
        TABLE_2: {"parameters": About(134e6, 5e5)},
        "by hand: VGG-16 less 8/9 of three layers, 8 x (3136 x 256^2 + 784 x 512^2 + 196 x 512^2)": {
            "multiply-adds": 15_470_264_320 - 8 * (3136 * 256**2 + 784 * 512**2 + 196 * 512**2),
        },
        FIELD_BY_HAND: {"receptive field of stage5": 156},
    },
    published=(Published(ONE_SCALE, TABLE_3, 28.1, 9.4),),
)
def vgg16_1x1(width: int = 64, size: int = 224, units: int = 4096) -> Net:
    return vgg((2, 2, 3, 3, 3), last=1, width=width, size=size, units=units)


@vgg_model(
    "vgg16",
    "VGG-16, the paper's D",
    claims={
        **numbers(138_357_544, 15_470_264_320, 212, 13),
        TABLE_2: {"parameters": About(138e6, 5e5)},
        ARAUJO: {"receptive field of stage5": 212},
        f"{CS231N}, VGGNet in detail": {
            "weights of stage1.conv1": 1_728,
            "weights of stage1.conv2": 36_864,
            "weights of stage2.conv1": 73_728,
            "weights of stage2.conv2": 147_456,
            "weights of stage3.conv1": 294_912,
            "weights of stage3.conv2": 589_824,
            "weights of stage4.conv1": 1_179_648,
            "weights of stage4.conv2": 2_359_296,
            "weights of stage5.conv3": 2_359_296,
            "weights of fc1": 102_760_448,
            "weights of fc2": 16_777_216,
            "weights of fc3": 4_096_000,
        },
    },
    errata=(
        erratum(
            "the memory of VGG-16 is 24M x 4 bytes, about 93 MB an image",
            "The rows of that table add to 15,237,608 values, 60.95 MB or 58.1 MiB; and 24M values of 4 "
            "bytes are 96 MB.",
            {"the sum of the table's own rows": {"values": 15_237_608}},
        ),
        erratum(
            "one 3x3 layer of 64 filters on 224x224 has 10 million activations and takes 72 MB",
            "Three layers have: 3 x 3,211,264 = 9,633,792 values, 73.5 MiB with their gradients. One has 3.2 "
            "million, 24.5 MiB.",
            {"224 x 224 x 64": {"values of stage1.conv1": 3_211_264}},
        ),
        erratum(
            "VGG needs more memory (140M)",
            "140M is about the number of its parameters, 138,357,544; as float32 they take 528 MiB.",
            {TORCHVISION: {"parameters": 138_357_544}},
        ),
        erratum(
            "two 3x3 filters equal one of 5x5",
            "They see as much, 5x5, but compute another function: with 18 weights for each pair of maps in "
            "place of 25, and a ReLU between.",
            {"3 + 2": {"receptive field of stage1.relu2": 5}},
        ),
        erratum(
            "evaluating the network densely on a larger image gives the same scores as its crops",
            "Only without zero padding, which VGG has: a crop's border is 0 where the larger image goes on.",
        ),
    ),
    published=(
        Published(ONE_SCALE, TABLE_3, 27.0, 8.8),
        Published("ImageNet validation, one scale, trained on scales of 256 to 512", TABLE_3, 25.6, 8.1),
        Published("ILSVRC-2014, classification, 7 networks", SOURCE, top5=7.3, place="second place"),
    ),
)
def vgg16(width: int = 64, size: int = 224, units: int = 4096) -> Net:
    return vgg((2, 2, 3, 3, 3), width=width, size=size, units=units)


@vgg_model(
    "vgg16:pooled",
    "VGG-16 with the mean of each map in place of its large fully connected layers",
    claims={
        "by hand: 14,714,688 of the convolutions of VGG-16 and 512 x 1000 + 1000": {"parameters": 15_227_688},
        "by hand: VGG-16 less its three fully connected layers, and 512 x 1000": {
            "multiply-adds": 15_470_264_320 - 102_760_448 - 16_777_216 - 4_096_000 + 512_000,
        },
        TABLE_1: {"conv layers": 13, "maxpool layers": 5, **VOLUMES},
        ARAUJO: {"receptive field of stage5": 212},
    },
    differences=(
        "One linear layer on the mean of each of the 512 maps takes the place of three fully connected "
        "layers and their 123,642,856 parameters, as later networks have it.",
    ),
)
def vgg16_pooled(width: int = 64, size: int = 224) -> Net:
    top = (MeanPool(size // 32), Linear(1000))
    return network((size, size, 3), stages((2, 2, 3, 3, 3), 3, width), *top)


@vgg_model(
    "vgg19",
    "VGG-19, the paper's E",
    claims={**numbers(143_667_240, 19_632_062_464, 268, 16), TABLE_2: {"parameters": About(144e6, 5e5)}},
    published=(
        Published(ONE_SCALE, TABLE_3, 27.3, 9.0),
        Published("ImageNet validation, one scale, trained on scales of 256 to 512", TABLE_3, 25.5, 8.0),
    ),
)
def vgg19(width: int = 64, size: int = 224, units: int = 4096) -> Net:
    return vgg((2, 2, 4, 4, 4), width=width, size=size, units=units)


def normed(name: str, parameters: int, multiply_adds: int, field: int) -> Claims:
    """What torchvision's network has; norms change no size, and what convolutions multiply stays the same."""
    return {
        f"{TORCHVISION}, {name}": {"parameters": parameters},
        f"{COUNTED}, of the network without norms": {"multiply-adds": multiply_adds},
        f"{TABLE_1}, which has no norms": VOLUMES,
        FIELD_BY_HAND: {"receptive field of stage5": field},
    }


NORMED = ("A batch norm stands behind every convolution, which keeps its bias, as torchvision has it.",)


@vgg_model(
    "vgg11:bn",
    "VGG-11 with batch norms",
    claims=normed("vgg11_bn", 132_868_840, 7_609_090_048, 150),
    differences=NORMED,
)
def vgg11_bn(width: int = 64, size: int = 224, units: int = 4096) -> Net:
    return vgg((1, 1, 2, 2, 2), width=width, size=size, units=units, normed=True)


@vgg_model(
    "vgg13:bn",
    "VGG-13 with batch norms",
    claims=normed("vgg13_bn", 133_053_736, 11_308_466_176, 156),
    differences=NORMED,
)
def vgg13_bn(width: int = 64, size: int = 224, units: int = 4096) -> Net:
    return vgg((2, 2, 2, 2, 2), width=width, size=size, units=units, normed=True)


@vgg_model(
    "vgg16:bn",
    "VGG-16 with batch norms",
    claims=normed("vgg16_bn", 138_365_992, 15_470_264_320, 212),
    differences=NORMED,
)
def vgg16_bn(width: int = 64, size: int = 224, units: int = 4096) -> Net:
    return vgg((2, 2, 3, 3, 3), width=width, size=size, units=units, normed=True)


@vgg_model(
    "vgg19:bn",
    "VGG-19 with batch norms",
    claims=normed("vgg19_bn", 143_678_248, 19_632_062_464, 268),
    differences=NORMED,
)
def vgg19_bn(width: int = 64, size: int = 224, units: int = 4096) -> Net:
    return vgg((2, 2, 4, 4, 4), width=width, size=size, units=units, normed=True)
