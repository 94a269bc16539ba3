"""AlexNet and the networks made of it: Krizhevsky, Sutskever & Hinton, "ImageNet classification with deep
convolutional neural networks", NIPS 2012; ZFNet, OverFeat."""

from __future__ import annotations

from functools import partial

from kitnet.layers import ContrastNorm, Convolution, Dropout, Linear, LocalResponseNorm, MaxPool, Relu
from kitnet.net import Net
from kitnet.zoo.card import model
from kitnet.zoo.claim import About, Claims, Expected, Published, erratum
from kitnet.zoo.parts import Piece, conv, network
from kitnet.zoo.recipe import Recipe
from kitnet.zoo.sources import ARAUJO, COUNTED, CS231N, FIELD_BY_HAND, PYTORCHCV, TORCHVISION

SOURCE = (
    "Krizhevsky, Sutskever, Hinton: ImageNet classification with deep convolutional neural networks, "
    "NIPS 2012"
)
WEIRD = "Krizhevsky: One weird trick for parallelizing convolutional neural networks, arXiv:1404.5997, 2014"
ZF = "Zeiler, Fergus: Visualizing and understanding convolutional networks, ECCV 2014"
OVERFEAT = (
    "Sermanet, Eigen, Zhang, Mathieu, Fergus, LeCun: OverFeat: integrated recognition, localization and "
    "detection using convolutional networks, ICLR 2014"
)
FIGURE_2 = f"{SOURCE}, figure 2"
VALIDATION = "ImageNet validation, one network"
# Section 5; the paper divides the rate by 10 by hand, three times in about 90 epochs.
RECIPE = Recipe(
    rate=0.01, schedule="drops at=30,60,80", decay=5e-4, augment="resizedcrop,flip", batch=128, epochs=90
)
alexnet_model = partial(model, source=SOURCE, year=2012, recipe=RECIPE)


def classifier(*units: int) -> list[Piece]:
    """Dropout before each hidden layer, then 1000 classes."""
    return [*([Dropout(), Linear(each), Relu()] for each in units), Linear(1000)]


@alexnet_model(
    "alexnet",
    "AlexNet as libraries have it, in one tower of fewer maps",
    source=WEIRD,
    year=2014,
    claims={
        TORCHVISION: {
            "parameters": 61_100_840,
            "volume of conv1": "55x55x64",
            "volume of maxpool1": "27x27x64",
            "volume of maxpool2": "13x13x192",
            "volume of maxpool3": "6x6x256",
            "maxpool layers": 3,
        },
        COUNTED: {"multiply-adds": 714_188_480},
        ARAUJO: {"receptive field of maxpool3": 195},
    },
    differences=(
        "This is the tower of the later paper, in torchvision's numbers, not the network of 2012: 64, 192, "
        "384, 256 and 256 filters, 224 places padded by 2, and no normalisation; alexnet:paper is that one.",
    ),
)
def alexnet(width: int = 64, size: int = 224, units: int = 4096) -> Net:
    w = width
    return network(
        (size, size, 3),
        [
            Convolution(11, w, 4, 2, on_misfit="floor"),
            Relu(),
            MaxPool(3, 2),
            conv(5, 3 * w),
            Relu(),
            MaxPool(3, 2),
        ],
        [conv(3, 6 * w), Relu(), conv(3, 4 * w), Relu(), conv(3, 4 * w), Relu(), MaxPool(3, 2)],
        classifier(units, units),
    )


def towers(groups: int, width: int, size: int, units: int) -> Net:
    """The five convolutions of 2012; where there are two towers, three of them see only the maps of their
    own."""
    w = width
    return network(
        (size, size, 3),
        [Convolution(11, 3 * w, 4), Relu(), LocalResponseNorm(), MaxPool(3, 2)],
        [conv(5, 8 * w, groups=groups), Relu(), LocalResponseNorm(), MaxPool(3, 2)],
        [conv(3, 12 * w), Relu(), conv(3, 12 * w, groups=groups), Relu()],
        [conv(3, 8 * w, groups=groups), Relu(), MaxPool(3, 2)],
        classifier(units, units),
    )


VOLUMES: dict[str, Expected] = {
    "volume of conv1": "55x55x96",
    "volume of conv2": "27x27x256",
    "volume of conv3": "13x13x384",
    "volume of conv4": "13x13x384",
    "volume of conv5": "13x13x256",
    "volume of maxpool3": "6x6x256",
    "conv layers": 5,
    "fc layers": 3,
}


@alexnet_model(
    "alexnet:paper",
    "AlexNet of 2012, in two towers",
    claims={
        "Caffe's bvlc_alexnet": {"parameters": 60_965_224},
        f"{SOURCE}, section 1": {"parameters": About(60e6, 1e6)},
        FIGURE_2: {**VOLUMES, "values of conv1": 290_400},
        "by hand: 55^2 x 363 x 96 + 27^2 x 25 x 48 x 256 + 13^2 x 9 x (256 x 384 + 192 x 384 + 192 x 256) "
        "+ 9216 x 4096 + 4096^2 + 4,096,000": {"multiply-adds": 724_406_816},
        f"{CS231N}, Parameter sharing": {
            "weights of conv1": 34_848,
            "parameters of conv1": 34_944,
            "unshared parameters of conv1": 105_705_600,
        },
        FIELD_BY_HAND: {"receptive field of maxpool3": 195},
    },
    errata=(
        erratum(
            "each neuron of the first layer has 11 x 11 x 3 = 364 parameters and 1 bias",
            "363 weights and 1 bias are 364; 290,400 x 364 = 105,705,600 is right.",
            {"290,400 x 364": {"unshared parameters of conv1": 105_705_600}},
        ),
        erratum(
            "the input has 224x224 places",
            "(224 - 11) / 4 + 1 = 54.25 fits no stride of 4; 227 gives 55. Zeros repair 224 with 3 in all, "
            "such as 1 before and 2 behind; 3 on each side give 55.75.",
            {"(227 - 11) / 4 + 1": {"volume of conv1": "55x55x96"}},
        ),
        erratum(
            "7x7x512 goes into the fully connected layers of AlexNet, behind five pools",
            "That is VGG. AlexNet has three pools, and 6x6x256 = 9,216 numbers go into its first one.",
            {FIGURE_2: {"maxpool layers": 3, "values of maxpool3": 9_216, "weights of fc1": 37_748_736}},
        ),
        erratum(
            "networks begin with stride 1 and have larger strides later",
            "The large stride comes first, 4 here; no later convolution has one.",
            {FIGURE_2: {"first stride": 4, "largest stride": 4}},
        ),
    ),
    differences=("Response normalisation sees the maps of both towers as neighbours, as Caffe's does.",),
    published=(
        Published(VALIDATION, f"{SOURCE}, table 2", 40.7, 18.2),
        Published(
            "ILSVRC-2012, classification, 7 networks", f"{SOURCE}, table 2", top5=15.3, place="first place"
        ),
    ),
)
def alexnet_paper(width: int = 32, size: int = 227, units: int = 4096) -> Net:
    return towers(2, width, size, units)


@alexnet_model(
    "alexnet:one-tower",
    "AlexNet of 2012 with its two towers as one",
    claims={
        f"{PYTORCHCV}, alexnet": {"parameters": 62_378_344},
        FIGURE_2: VOLUMES,
        "by hand: 55^2 x 363 x 96 + 27^2 x 25 x 96 x 256 + 13^2 x 9 x (256 x 384 + 384 x 384 + 384 x 256) "
        "+ 9216 x 4096 + 4096^2 + 4,096,000": {"multiply-adds": 1_135_256_096},
        FIELD_BY_HAND: {"receptive field of maxpool3": 195},
    },
    differences=("Every filter sees every map.",),
)
def alexnet_one_tower(width: int = 32, size: int = 227, units: int = 4096) -> Net:
    return towers(1, width, size, units)


ZF_CLAIMS: Claims = {
    f"{PYTORCHCV}, zfnet": {"parameters": 62_357_608},
    f"{ZF}, figure 3": {
        "volume of conv1": "110x110x96",
        "volume of maxpool1": "55x55x96",
        "volume of conv2": "26x26x256",
        "volume of maxpool2": "13x13x256",
        "volume of conv3": "13x13x384",
        "volume of conv4": "13x13x384",
        "volume of conv5": "13x13x256",
        "volume of maxpool3": "6x6x256",
    },
    "by hand: 110^2 x 147 x 96 + 26^2 x 25 x 96 x 256 + 13^2 x 9 x (256 x 384 + 384^2 + 384 x 256) "
    "+ 9216 x 4096 + 4096^2 + 4,096,000": {"multiply-adds": 1_168_032_896},
    FIELD_BY_HAND: {"receptive field of maxpool3": 171},
}
ZF_PUBLISHED = (Published(VALIDATION, f"{ZF}, table 2", 38.4, 16.5),)


@alexnet_model(
    "zfnet",
    "ZFNet: AlexNet with a smaller first filter and stride",
    source=ZF,
    year=2014,
    claims=ZF_CLAIMS,
    errata=(
        erratum(
            "ZFNet won ILSVRC-2013",
            "The winner was Clarifai's mean of several networks, which Zeiler designed with the same "
            "pictures of what layers see.",
        ),
        erratum(
            "networks begin with stride 1 and have larger strides later",
            "The large stride comes first, 2 here; no later convolution has a larger one.",
            {f"{ZF}, figure 3": {"first stride": 2, "largest stride": 2}},
        ),
    ),
    differences=("Contrast normalisation behind the first two pools is left out; zfnet:contrast has it.",),
    published=ZF_PUBLISHED,
)
def zfnet(width: int = 32, size: int = 224, units: int = 4096) -> Net:
    return _zfnet([], width, size, units)


@alexnet_model(
    "zfnet:contrast",
    "ZFNet with contrast normalisation behind the first two pools",
    source=ZF,
    year=2014,
    claims={**ZF_CLAIMS, f"{ZF}, figure 3, contrast normalised": {"contrastnorm layers": 2}},
    differences=(
        "The paper gives neither the window of its contrast normalisation nor its formula; here it is that "
        "of Jarrett et al. 2009 with 5x5 places.",
    ),
    published=ZF_PUBLISHED,
)
def zfnet_contrast(width: int = 32, size: int = 224, units: int = 4096) -> Net:
    return _zfnet([ContrastNorm(5)], width, size, units)


@alexnet_model(
    "zfnet:larger",
    "ZFNet with larger middle convolutions",
    source=ZF,
    year=2014,
    claims={
        f"{ZF}, figure 3 and table 2": {
            "volume of conv1": "110x110x96",
            "volume of conv2": "26x26x256",
            "volume of conv3": "13x13x512",
            "volume of conv4": "13x13x1024",
            "volume of conv5": "13x13x512",
            "volume of maxpool3": "6x6x512",
        },
        "by hand: 96 x 148 + 256 x 2401 + 512 x 2305 + 1024 x 4609 + 512 x 9217 + 4096 x 18,433 + 4096 x "
        "4097 + 4,097,000": {"parameters": 107_627_624},
        "by hand: 110^2 x 147 x 96 + 26^2 x 25 x 96 x 256 + 13^2 x 9 x (256 x 512 + 512 x 1024 + 1024 x 512) "
        "+ 18,432 x 4096 + 4096^2 + 4,096,000": {"multiply-adds": 2_476_704_896},
        FIELD_BY_HAND: {"receptive field of maxpool3": 171},
    },
    differences=("Contrast normalisation behind the first two pools is left out.",),
    published=(Published(VALIDATION, f"{ZF}, table 2", 37.5, 16.0),),
)
def zfnet_larger(width: int = 32, size: int = 224, units: int = 4096) -> Net:
    return _zfnet([], width, size, units, (16, 32, 16))


def _zfnet(
    norm: list[Piece], width: int, size: int, units: int, middle: tuple[int, int, int] = (12, 12, 8)
) -> Net:
    """`middle`: filters of the last three convolutions, in widths."""
    w, (third, fourth, fifth) = width, middle
    return network(
        (size, size, 3),
        [Convolution(7, 3 * w, 2, 1, on_misfit="floor"), Relu(), MaxPool(3, 2, "same"), *norm],
        [Convolution(5, 8 * w, 2), Relu(), MaxPool(3, 2, "same"), *norm],
        [conv(3, third * w), Relu(), conv(3, fourth * w), Relu(), conv(3, fifth * w), Relu(), MaxPool(3, 2)],
        classifier(units, units),
    )


@alexnet_model(
    "overfeat",
    "OverFeat, the fast one",
    source=OVERFEAT,
    year=2014,
    claims={
        "by hand: 34,944 + 614,656 + 1,180,160 + 4,719,616 + 9,438,208 + 113,249,280 + 12,587,008 "
        "+ 4,097,000": {"parameters": 145_920_872},
        f"{OVERFEAT}, table 4": {"parameters": About(145e6, 1e6), "connections": About(2810e6, 3e7)},
        "by hand: 56^2 x 363 x 96 + 24^2 x 25 x 96 x 256 + 12^2 x 9 x (256 x 512 + 512 x 1024 + 1024^2) "
        "+ 36,864 x 3072 + 3072 x 4096 + 4,096,000": {"multiply-adds": 2_801_403_904},
        f"{OVERFEAT}, table 1": {
            "volume of maxpool1": "28x28x96",
            "volume of maxpool2": "12x12x256",
            "volume of conv3": "12x12x512",
            "volume of conv4": "12x12x1024",
            "volume of maxpool3": "6x6x1024",
            "volume of fc1": "3072",
            "volume of fc2": "4096",
        },
        FIELD_BY_HAND: {"receptive field of maxpool3": 167},
    },
    published=(
        Published("ImageNet validation, one scale, fine stride", f"{OVERFEAT}, table 2", 39.01, 16.97),
    ),
)
def overfeat(width: int = 32, size: int = 231, units: int = 1024) -> Net:
    w = width
    return network(
        (size, size, 3),
        [Convolution(11, 3 * w, 4), Relu(), MaxPool(2), Convolution(5, 8 * w), Relu(), MaxPool(2)],
        [conv(3, 16 * w), Relu(), conv(3, 32 * w), Relu(), conv(3, 32 * w), Relu(), MaxPool(2)],
        classifier(3 * units, 4 * units),
    )
