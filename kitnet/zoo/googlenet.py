"""GoogLeNet: Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke & Rabinovich, "Going deeper with
convolutions", CVPR 2015."""

from __future__ import annotations

from kitnet.layers import Dropout, Linear, LocalResponseNorm, MaxPool, MeanPool, Relu
from kitnet.net import Net
from kitnet.zoo.card import model
from kitnet.zoo.claim import About, Published, erratum
from kitnet.zoo.parts import Piece, concat, conv, named, network, rectified, side
from kitnet.zoo.recipe import Recipe
from kitnet.zoo.sources import FIELD_BY_HAND, TORCHVISION

SOURCE = (
    "Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich: Going deeper with "
    "convolutions, CVPR 2015"
)
CAFFE = "Caffe's bvlc_googlenet"
CAFFE_LRN = LocalResponseNorm(5, alpha=2e-5, k=1.0)  # Caffe writes 1e-4, which it divides by the 5 maps
TABLE_1 = f"{SOURCE}, table 1"
# of table 1: filters of 1x1; of 1x1 before 3x3, 3x3; of 1x1 before 5x5, 5x5; of 1x1 behind the pool
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def inception(name: str, width: int) -> Piece:
    """Windows of three sizes and a pool side by side (figure 2b)."""
    one, before3, three, before5, five, behind = (filters * width // 64 for filters in MODULES[name])
    branches = concat(
        [conv(1, one), Relu()],
        [conv(1, before3), Relu(), conv(3, three), Relu()],
        [conv(1, before5), Relu(), conv(5, five), Relu()],
        [MaxPool(3, 1, "same"), conv(1, behind), Relu()],
    )
    return named(f"inception{name}", branches)


def auxiliary(name: str, width: int) -> Piece:
    """A head of its own in the midst of the network, for training."""
    pool = MeanPool(5, 3, on_misfit="floor")
    hidden = [conv(1, 2 * width), Relu(), Linear(16 * width), Relu(), Dropout(0.7)]
    return named(name, side(name, pool, hidden, Linear(1000)))


@model(
    "googlenet",
    "GoogLeNet, Inception V1",
    source=SOURCE,
    year=2015,
    claims={
        CAFFE: {"main parameters": 6_998_552},
        f"{CAFFE} with both auxiliary heads, 3,188,840 and 3,190,888": {"parameters": 13_378_280},
        TABLE_1: {
            "volume of conv1": "112x112x64",
            "volume of maxpool1": "56x56x64",
            "volume of conv3": "56x56x192",
            "volume of maxpool2": "28x28x192",
            "volume of inception3a": "28x28x256",
            "volume of inception3b": "28x28x480",
            "volume of maxpool3": "14x14x480",
            "volume of inception4a": "14x14x512",
            "volume of inception4b": "14x14x512",
            "volume of inception4c": "14x14x512",
            "volume of inception4d": "14x14x528",
            "volume of inception4e": "14x14x832",
            "volume of maxpool4": "7x7x832",
            "volume of inception5a": "7x7x832",
            "volume of inception5b": "7x7x1024",
            "volume of meanpool1": "1x1x1024",
            "multiply-adds of inception3a": About(128e6, 1e6),
            "multiply-adds of inception3b": About(304e6, 1e6),
            "multiply-adds of inception4a": About(73e6, 1e6),
            "multiply-adds of inception4b": About(88e6, 1e6),
            "multiply-adds of inception4c": About(100e6, 1e6),
            "multiply-adds of inception4d": About(119e6, 1e6),
            "multiply-adds of inception4e": About(170e6, 1e6),
            "multiply-adds of inception5b": About(71e6, 1e6),
        },
        "by hand, from the filters of table 1": {"main multiply-adds": 1_582_671_872},
        FIELD_BY_HAND: {"receptive field of inception5b": 715},
    },
    errata=(
        erratum(
            "GoogLeNet has 4 million parameters",
            "6,998,552 without its auxiliary heads; 5,973,552 of them before the last layer.",
            {CAFFE: {"main parameters": 6_998_552}},
        ),
        erratum(
            "GoogLeNet takes means in place of fully connected layers",
            "One is left behind the mean, with 1,025,000 parameters.",
            {CAFFE: {"parameters of fc1": 1_025_000}},
        ),
        erratum(
            "networks begin with stride 1 and have larger strides later",
            "The large stride comes first, 2 here; no later convolution has a larger one.",
            {TABLE_1: {"first stride": 2, "largest stride": 2}},
        ),
    ),
    differences=(
        "The paper gives no numbers for its response normalisation; these are those of Caffe's network.",
        "The table counts 34 million multiply-adds for the first layer, which has 118 million, and 54 for "
        "the module 5a, which has 51.",
    ),
    published=(
        Published("ImageNet validation, one network, one crop", f"{SOURCE}, table 3", top5=10.07),
        Published(
            "ILSVRC-2014, classification, 7 networks, 144 crops",
            f"{SOURCE}, table 2",
            top5=6.67,
            place="first place",
        ),
    ),
    recipe=Recipe(rate=0.01, batch=32, epochs=60),
)
def googlenet(width: int = 64, size: int = 224) -> Net:
    w = width

    def modules(*names: str) -> list[Piece]:
        return [inception(name, w) for name in names]

    first = [conv(7, w, 2), Relu(), MaxPool(3, 2, "same"), CAFFE_LRN]
    second = [conv(1, w), Relu(), conv(3, 3 * w), Relu(), CAFFE_LRN]
    third = [MaxPool(3, 2, "same"), modules("3a", "3b"), MaxPool(3, 2, "same")]
    fourth = [
        *(modules("4a"), auxiliary("aux1", w), modules("4b", "4c", "4d")),
        *(auxiliary("aux2", w), modules("4e"), MaxPool(3, 2, "same")),
    ]
    top = [modules("5a", "5b"), MeanPool(size // 32), Dropout(0.4), Linear(1000)]
    return network((size, size, 3), first, second, third, fourth, top)


def normed_inception(name: str, width: int) -> Piece:
    """With norms, and 3x3 windows in the place of 5x5."""
    one, before3, three, before5, five, behind = (filters * width // 64 for filters in MODULES[name])
    branches = concat(
        rectified(1, one),
        [rectified(1, before3), rectified(3, three)],
        [rectified(1, before5), rectified(3, five)],
        [MaxPool(3, 1, "same"), rectified(1, behind)],
    )
    return named(f"inception{name}", branches)


@model(
    "googlenet:bn",
    "GoogLeNet with batch norms, as torchvision has it",
    source=SOURCE,
    year=2015,
    claims={
        f"{TORCHVISION}, googlenet": {"parameters": 13_004_888, "main parameters": 6_624_904},
        f"{TORCHVISION}, GFLOPS of its table of weights": {"main multiply-adds": About(1.5e9, 5e6)},
        TABLE_1: {
            "volume of inception3b": "28x28x480",
            "volume of inception4e": "14x14x832",
            "volume of inception5b": "7x7x1024",
        },
        "by hand: 75 before inception4a, 16 x 2 for each of five modules, 16, 32 x 2 for each of two": {
            "receptive field of inception5b": 75 + 5 * 32 + 16 + 2 * 64,
        },
    },
    differences=(
        "Every convolution has a norm in the place of its bias, and there is no response normalisation.",
        "The branches of 5x5 filters have 3x3 ones: an oversight in the file that torchvision's weights "
        "came from.",
        "The heads in the midst read means of 4x4 parts; the last pool has windows of 2x2.",
    ),
    recipe=Recipe(rate=0.01, batch=32, epochs=60),
)
def googlenet_bn(width: int = 64, size: int = 224) -> Net:
    w = width

    def head(name: str) -> Piece:
        pool = MeanPool(regions=4)
        return named(
            name, side(name, pool, rectified(1, 2 * w), [Linear(16 * w), Relu(), Dropout(0.7)], Linear(1000))
        )

    def modules(*names: str) -> list[Piece]:
        return [normed_inception(name, w) for name in names]

    pool = MaxPool(3, 2, on_misfit="ceil")
    stem = [rectified(7, w, 2), pool, rectified(1, w), rectified(3, 3 * w), pool]
    fourth = [
        *(modules("4a"), head("aux1"), modules("4b", "4c", "4d")),
        *(head("aux2"), modules("4e"), MaxPool(2, 2, on_misfit="ceil")),
    ]
    top = [modules("5a", "5b"), MeanPool(size // 32), Dropout(0.2), Linear(1000)]
    return network((size, size, 3), stem, modules("3a", "3b"), pool, fourth, top)
