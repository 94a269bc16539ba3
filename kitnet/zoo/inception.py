"""The later Inceptions: V2, with batch normalisation (Ioffe & Szegedy 2015); V3, with factorised windows and
a head with a norm (Szegedy, Vanhoucke, Ioffe, Shlens & Wojna 2016); V4 (Szegedy, Ioffe, Vanhoucke & Alemi
2017)."""

from __future__ import annotations

from kitnet.layers import Dropout, Linear, MaxPool, MeanPool
from kitnet.net import Net
from kitnet.zoo.card import model
from kitnet.zoo.claim import Published
from kitnet.zoo.parts import Piece, concat, named, network, rectified, repeated, side
from kitnet.zoo.recipe import Recipe
from kitnet.zoo.sources import ARAUJO, COUNTED, PYTORCHCV, TIMM, TORCHVISION

BN = (
    "Ioffe, Szegedy: Batch normalization: accelerating deep network training by reducing internal covariate "
    "shift, ICML 2015"
)
RETHINKING = (
    "Szegedy, Vanhoucke, Ioffe, Shlens, Wojna: Rethinking the Inception architecture for computer vision, "
    "CVPR 2016"
)
V4 = (
    "Szegedy, Ioffe, Vanhoucke, Alemi: Inception-v4, Inception-ResNet and the impact of residual connections "
    "on learning, AAAI 2017"
)
VALIDATION = "ImageNet validation, one network, one crop"

# V2, of figure 5: filters of 1x1; of 1x1 before 3x3, 3x3; of 1x1 before two of 3x3, these; of 1x1 behind the
# pool
MODULES = {
    "3a": (64, 64, 64, 64, 96, 32),
    "3b": (64, 64, 96, 64, 96, 64),
    "3c": (0, 128, 160, 64, 96, 0),
    "4a": (224, 64, 96, 96, 128, 128),
    "4b": (192, 96, 128, 96, 128, 128),
    "4c": (160, 128, 160, 128, 160, 128),
    "4d": (96, 128, 192, 160, 192, 128),
    "4e": (0, 128, 192, 192, 256, 0),
    "5a": (352, 192, 320, 160, 224, 128),
    "5b": (352, 192, 320, 192, 224, 128),
}


def inception_v2_module(name: str, width: int) -> Piece:
    """Two 3x3 windows in place of 5x5. What has no 1x1 filters halves the size, and passes its pool on."""
    one, before, three, before2, double, behind = (filters * width // 64 for filters in MODULES[name])
    stride = 1 if one else 2
    pool = MaxPool(3, 1, "same") if name == "5b" else MeanPool(3, 1, "same")
    branches = [
        [rectified(1, before), rectified(3, three, stride)],
        [rectified(1, before2), rectified(3, double), rectified(3, double, stride)],
        [pool, rectified(1, behind)] if one else MaxPool(3, 2, "same"),
    ]
    return named(f"mixed{name}", concat(*([rectified(1, one)] if one else []), *branches))


@model(
    "inception-v2",
    "Inception V2, BN-Inception",
    source=BN,
    year=2015,
    claims={
        f"{PYTORCHCV}, bninception, without the biases of its convolutions": {"parameters": 11_285_224},
        f"{BN}, figure 5": {
            "volume of conv1": "112x112x64",
            "volume of maxpool1": "56x56x64",
            "volume of conv3": "56x56x192",
            "volume of maxpool2": "28x28x192",
            "volume of mixed3a": "28x28x256",
            "volume of mixed3b": "28x28x320",
            "volume of mixed3c": "14x14x576",
            "volume of mixed4a": "14x14x576",
            "volume of mixed4b": "14x14x576",
            "volume of mixed5a": "7x7x1024",
            "volume of mixed5b": "7x7x1024",
            "volume of meanpool1": "1x1x1024",
        },
        "by hand, from the filters of figure 5": {"multiply-adds": 2_032_600_064},
        ARAUJO: {"receptive field of mixed5b": 699},
    },
    differences=(
        "Figure 5 says 576 maps behind 4c and 4d and 1024 behind 4e, but its own filters add to 608 and "
        "1056; these are the filters, as in Caffe's and MXNet's files.",
        "The first layer is an ordinary convolution; the paper's is separable, with a multiplier of 8.",
    ),
    published=(Published(VALIDATION, f"{BN}, figure 4", 25.2, 7.82),),
    recipe=Recipe(rate=0.045, batch=32, epochs=30),
)
def inception_v2(width: int = 64, size: int = 224) -> Net:
    stem = [rectified(7, width, 2), MaxPool(3, 2, "same"), rectified(1, width), rectified(3, 3 * width)]
    modules = [inception_v2_module(name, width) for name in MODULES]
    return network(
        (size, size, 3),
        stem,
        MaxPool(3, 2, "same"),
        modules,
        MeanPool(size // 32),
        Dropout(0.2),
        Linear(1000),
    )


# V3 and V4: filters are given in sixteens, or as many as `width` says in their place


def pooled(filters: int) -> Piece:
    """A mean of 3x3, then 1x1 filters."""
    return [MeanPool(3, 1, "same"), rectified(1, filters)]


def crossed(filters: int) -> Piece:
    """1x3 and 3x1 side by side (V3, figure 7)."""
    return concat(rectified((1, 3), filters), rectified((3, 1), filters))


def halved(*branches: Piece) -> Piece:
    """Half the size: branches that end in a stride of 2, and a pool."""
    return concat(*branches, MaxPool(3, 2))


def v3_a(w: int, behind: int) -> Piece:
    """5x5 beside two of 3x3 (V3, figure 5)."""
    return concat(
        rectified(1, 4 * w),
        [rectified(1, 3 * w), rectified(5, 4 * w)],
        [rectified(1, 4 * w), rectified(3, 6 * w), rectified(3, 6 * w)],
        pooled(behind),
    )


def v3_c(w: int, within: int) -> Piece:
    """7x7 as 1x7 and 7x1 (V3, figure 6)."""
    across, down = (1, 7), (7, 1)
    return concat(
        rectified(1, 12 * w),
        [rectified(1, within), rectified(across, within), rectified(down, 12 * w)],
        [
            *(rectified(1, within), rectified(down, within), rectified(across, within)),
            *(rectified(down, within), rectified(across, 12 * w)),
        ],
        pooled(12 * w),
    )


def v3_e(w: int) -> Piece:
    """3x3 as 1x3 and 3x1 side by side (V3, figure 7)."""
    return concat(
        rectified(1, 20 * w),
        [rectified(1, 24 * w), crossed(24 * w)],
        [rectified(1, 28 * w), rectified(3, 24 * w), crossed(24 * w)],
        pooled(12 * w),
    )


@model(
    "inception-v3",
    "Inception V3",
    source=RETHINKING,
    year=2016,
    claims={
        TORCHVISION: {"parameters": 27_161_264, "main parameters": 23_834_568},
        COUNTED: {"main multiply-adds": 5_713_216_096},
        f"{RETHINKING}, table 1": {
            "volume of conv1": "149x149x32",
            "volume of conv2": "147x147x32",
            "volume of conv3": "147x147x64",
            "volume of maxpool1": "73x73x64",
            "volume of maxpool2": "35x35x192",
            "volume of stage1": "35x35x288",
            "volume of stage2": "17x17x768",
            "volume of stage3": "8x8x2048",
            "volume of meanpool1": "1x1x2048",
        },
        ARAUJO: {"receptive field of stage3": 1311},
    },
    differences=(
        "The layers are those of the authors' code and of torchvision; the paper's table 1 has 73, 71 and 35 "
        "places and 80 maps where these have 1x1 filters.",
        "Labels are smoothed by the loss, not by the network.",
    ),
    published=(
        Published(VALIDATION, f"{RETHINKING}, table 3", 21.2, 5.6),
        Published("ILSVRC-2012 validation, 4 networks, 144 crops", f"{RETHINKING}, table 5", 17.2, 3.58),
    ),
    recipe=Recipe(rate=0.045, batch=32, epochs=100),
)
def inception_v3(width: int = 16, size: int = 299) -> Net:
    w = width
    stem = [
        *(
            rectified(3, 2 * w, 2, pad="valid"),
            rectified(3, 2 * w, pad="valid"),
            rectified(3, 4 * w),
            MaxPool(3, 2),
        ),
        *(rectified(1, 5 * w), rectified(3, 12 * w, pad="valid"), MaxPool(3, 2)),
    ]
    to_17 = halved(
        rectified(3, 24 * w, 2, pad="valid"),
        [rectified(1, 4 * w), rectified(3, 6 * w), rectified(3, 6 * w, 2, pad="valid")],
    )
    to_8 = halved(
        [rectified(1, 12 * w), rectified(3, 20 * w, 2, pad="valid")],
        [
            *(rectified(1, 12 * w), rectified((1, 7), 12 * w), rectified((7, 1), 12 * w)),
            rectified(3, 12 * w, 2, pad="valid"),
        ],
    )
    head = side("aux", MeanPool(5, 3), rectified(1, 8 * w), rectified(5, 48 * w, pad="valid"), Linear(1000))
    return network(
        (size, size, 3),
        stem,
        named("stage1", v3_a(w, 2 * w), repeated(2, v3_a(w, 4 * w))),
        named("stage2", to_17, v3_c(w, 8 * w), repeated(2, v3_c(w, 10 * w)), v3_c(w, 12 * w)),
        named("aux", head),
        named("stage3", to_8, repeated(2, v3_e(w))),
        [MeanPool((size - 43) // 32), Dropout(), Linear(1000)],
    )


def v4_a(w: int) -> Piece:
    """V4, figure 4."""
    return concat(
        pooled(6 * w),
        rectified(1, 6 * w),
        [rectified(1, 4 * w), rectified(3, 6 * w)],
        [rectified(1, 4 * w), rectified(3, 6 * w), rectified(3, 6 * w)],
    )


def v4_b(w: int) -> Piece:
    """V4, figure 5."""
    across, down = (1, 7), (7, 1)
    return concat(
        pooled(8 * w),
        rectified(1, 24 * w),
        [rectified(1, 12 * w), rectified(across, 14 * w), rectified(down, 16 * w)],
        [
            *(rectified(1, 12 * w), rectified(across, 12 * w), rectified(down, 14 * w)),
            *(rectified(across, 14 * w), rectified(down, 16 * w)),
        ],
    )


def v4_c(w: int) -> Piece:
    """V4, figure 6."""
    return concat(
        pooled(16 * w),
        rectified(1, 16 * w),
        [rectified(1, 24 * w), crossed(16 * w)],
        [rectified(1, 24 * w), rectified((1, 3), 28 * w), rectified((3, 1), 32 * w), crossed(16 * w)],
    )


def v4_stem(w: int) -> list[Piece]:
    """V4, figure 3."""
    return [
        *(rectified(3, 2 * w, 2, pad="valid"), rectified(3, 2 * w, pad="valid"), rectified(3, 4 * w)),
        halved(rectified(3, 6 * w, 2, pad="valid")),
        concat(
            [rectified(1, 4 * w), rectified(3, 6 * w, pad="valid")],
            [
                *(rectified(1, 4 * w), rectified((7, 1), 4 * w), rectified((1, 7), 4 * w)),
                rectified(3, 6 * w, pad="valid"),
            ],
        ),
        halved(rectified(3, 12 * w, 2, pad="valid")),
    ]


@model(
    "inception-v4",
    "Inception V4",
    source=V4,
    year=2017,
    claims={
        f"{TIMM}, inception_v4": {"parameters": 42_679_816, "multiply-adds": 12_253_974_624},
        f"{V4}, figures 3 and 9": {
            "volume of conv1": "149x149x32",
            "volume of conv2": "147x147x32",
            "volume of conv3": "147x147x64",
            "volume of concat1": "73x73x160",
            "volume of concat2": "71x71x192",
            "volume of concat3": "35x35x384",
            "volume of stage1": "35x35x384",
            "volume of stage2": "17x17x1024",
            "volume of stage3": "8x8x1536",
            "volume of meanpool1": "1x1x1536",
        },
        ARAUJO: {"receptive field of stage3": 2071},
    },
    published=(Published(VALIDATION, f"{V4}, table 2", 20.0, 5.0),),
    recipe=Recipe(rate=0.045, batch=32, epochs=160),
)
def inception_v4(width: int = 16, size: int = 299) -> Net:
    w = width
    to_17 = halved(
        rectified(3, 24 * w, 2, pad="valid"),
        [rectified(1, 12 * w), rectified(3, 14 * w), rectified(3, 16 * w, 2, pad="valid")],
    )
    to_8 = halved(
        [rectified(1, 12 * w), rectified(3, 12 * w, 2, pad="valid")],
        [
            *(rectified(1, 16 * w), rectified((1, 7), 16 * w), rectified((7, 1), 20 * w)),
            rectified(3, 20 * w, 2, pad="valid"),
        ],
    )
    return network(
        (size, size, 3),
        v4_stem(w),
        named("stage1", repeated(4, v4_a(w))),
        named("stage2", to_17, repeated(7, v4_b(w))),
        named("stage3", to_8, repeated(3, v4_c(w))),
        [MeanPool((size - 43) // 32), Dropout(0.2), Linear(1000)],
    )
