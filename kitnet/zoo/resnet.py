"""Residual networks for ImageNet: He, Zhang, Ren & Sun, "Deep residual learning for image recognition", CVPR
2016, table 1; and "Identity mappings in deep residual networks", ECCV 2016. Those for CIFAR are in
`resnet_cifar.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kitnet.layers import BatchNorm, Linear, MaxPool, MeanPool, Relu
from kitnet.net import Net, Residual
from kitnet.zoo.card import model
from kitnet.zoo.claim import About, Claims, Expected, Published, erratum
from kitnet.zoo.parts import Piece, conv, named, network, normed, rectified, repeated, residual
from kitnet.zoo.recipe import Recipe
from kitnet.zoo.sources import ARAUJO, COUNTED, FIELD_BY_HAND, TIMM, TORCHVISION

SOURCE = "He, Zhang, Ren, Sun: Deep residual learning for image recognition, CVPR 2016"
IDENTITY = "He, Zhang, Ren, Sun: Identity mappings in deep residual networks, ECCV 2016"
TABLE_1, TABLE_3, TABLE_4 = (f"{SOURCE}, table {n}" for n in (1, 3, 4))
TEN_CROPS = "ImageNet validation, ten crops"
SCALES = "ImageNet validation, one network, the mean over several scales"

Block = Callable[..., Residual]  # of (depth, filters, stride, projected)


def basic(depth: int, filters: int, stride: int = 1, projected: bool = False) -> Residual:
    """Two 3x3 layers (figure 5, left); `projected`: the shortcut is a 1x1 convolution (option B)."""
    body = [*rectified(3, filters, stride), *normed(3, depth)]
    return residual(body, shortcut=normed(1, depth, stride) if projected else None)


def bottleneck(depth: int, filters: int, stride: int = 1, projected: bool = False) -> Residual:
    """1x1, 3x3, 1x1 (figure 5, right): `bottleneck(256, 64)` has 64 maps within and gives 256. The stride is
    that of the 3x3 layer."""
    body = [*rectified(1, filters), *rectified(3, filters, stride), *normed(1, depth)]
    return residual(body, shortcut=normed(1, depth, stride) if projected else None)


def bottleneck_v1(depth: int, filters: int, stride: int = 1, projected: bool = False) -> Residual:
    """As `bottleneck`, with the stride on its first layer, as in the paper."""
    body = [*rectified(1, filters, stride), *rectified(3, filters), *normed(1, depth)]
    return residual(body, shortcut=normed(1, depth, stride) if projected else None)


def resnet(block: Block, blocks: tuple[int, ...], wide: int, *, width: int = 64, size: int = 224) -> Net:
    """Four stages of so many blocks, which give `wide` times as many maps as they have within."""
    parts: list[Piece] = [rectified(7, width, 2), MaxPool(3, 2, 1, "floor")]
    for i, times in enumerate(blocks):
        depth, filters, stride = 2**i * wide * width, 2**i * width, min(i + 1, 2)
        changes = i > 0 or wide > 1  # the size or the depth
        first = [block(depth, filters, stride, changes), Relu()] if changes else []
        others = repeated(times - changes, block(depth, filters), Relu())
        parts.append(named(f"stage{i + 1}", first, others))
    return network((size, size, 3), parts, MeanPool(size // 32), Linear(1000))


def volumes(wide: int) -> dict[str, Expected]:
    stages = ((56, 64), (28, 128), (14, 256), (7, 512))
    return {
        "volume of conv1": "112x112x64",
        "volume of maxpool1": "56x56x64",
        **{f"volume of stage{i}": f"{n}x{n}x{wide * depth}" for i, (n, depth) in enumerate(stages, 1)},
        "volume of meanpool1": f"1x1x{wide * 512}",
        "fc layers": 1,
    }


def numbers(parameters: int, multiply_adds: int, wide: int, *fields: int) -> Claims:
    """What torchvision's network of this name has, and what the paper's table 1 shows."""
    return {
        TORCHVISION: {"parameters": parameters},
        COUNTED: {"multiply-adds": multiply_adds},
        TABLE_1: volumes(wide),
        FIELD_BY_HAND: {f"receptive field of stage{i}": field for i, field in enumerate(fields, 1)},
    }


# Section 3.4; the paper divides the rate by 10 when the error stands still, in up to 120 epochs.
RECIPE = Recipe(
    rate=0.1, schedule="drops at=30,60,90", decay=1e-4, augment="resizedcrop,flip", batch=256, epochs=120
)
# Pictures of one's own, often few: labels smoothed, and a rate that suits weights from elsewhere, too.
FOLDER = Recipe(
    rate=0.02,
    schedule="cosine",
    decay=1e-4,
    augment="resizedcrop,flip",
    loss="softmax_cross_entropy smooth=0.1",
    batch=32,
    epochs=30,
)
resnet_model = partial(model, source=SOURCE, year=2016, recipe=RECIPE)
STRIDE = (
    "The stride of a stage's first block is on its 3x3 filter, as torchvision and others have it (V1.5); the "
    "paper's is on the 1x1 filter before it (resnet50:v1), so that the network computes less.",
)
LINEAR_LEFT = (
    "ResNet has no fully connected layer",
    "It has one: 2,049,000 parameters in ResNet-50. What it lacks are large hidden ones.",
)
STRIDE_FIRST = (
    "networks begin with stride 1 and have larger strides later",
    "The large stride comes first: 4 in AlexNet, 2 in ZFNet, GoogLeNet and ResNet; no later one is larger.",
)


@resnet_model(
    "resnet18",
    "ResNet-18",
    claims={
        **numbers(11_689_512, 1_814_073_344, 1, 43, 99, 211, 435),
        f"{TABLE_1}, FLOPs, rounded down": {"multiply-adds": About(1.8e9, 1e8)},
    },
    published=(Published(TEN_CROPS, f"{SOURCE}, table 2", 27.88),),
    recipes={"folder": FOLDER},
)
def resnet18(width: int = 64, size: int = 224) -> Net:
    return resnet(basic, (2, 2, 2, 2), 1, width=width, size=size)


@resnet_model(
    "resnet34",
    "ResNet-34",
    claims={
        **numbers(21_797_672, 3_663_761_408, 1, 59, 179, 547, 899),
        f"{TABLE_1}, FLOPs, rounded down": {"multiply-adds": About(3.6e9, 1e8)},
    },
    published=(Published(TEN_CROPS, TABLE_3, 24.52, 7.46), Published(SCALES, TABLE_4, 21.84, 5.71)),
)
def resnet34(width: int = 64, size: int = 224) -> Net:
    return resnet(basic, (3, 4, 6, 3), 1, width=width, size=size)


@resnet_model(
    "resnet50",
    "ResNet-50",
    claims=numbers(25_557_032, 4_089_184_256, 4, 35, 91, 267, 427),
    errata=(
        erratum(*LINEAR_LEFT, {TORCHVISION: {"parameters of fc1": 2_049_000}}),
        erratum(*STRIDE_FIRST, {TABLE_1: {"first stride": 2, "largest stride": 2}}),
    ),
    differences=STRIDE,
    published=(Published(TEN_CROPS, TABLE_3, 22.85, 6.71), Published(SCALES, TABLE_4, 20.74, 5.25)),
)
def resnet50(width: int = 64, size: int = 224) -> Net:
    return resnet(bottleneck, (3, 4, 6, 3), 4, width=width, size=size)


@resnet_model(
    "resnet50:v1",
    "ResNet-50 with its strides as in the paper",
    claims={
        TORCHVISION: {"parameters": 25_557_032},
        TABLE_1: volumes(4),
        f"{TABLE_1}, FLOPs, rounded down": {"multiply-adds": About(3.8e9, 1e8)},
        ARAUJO: {"receptive field of stage4": 483},
    },
    published=(Published(TEN_CROPS, TABLE_3, 22.85, 6.71), Published(SCALES, TABLE_4, 20.74, 5.25)),
)
def resnet50_v1(width: int = 64, size: int = 224) -> Net:
    return resnet(bottleneck_v1, (3, 4, 6, 3), 4, width=width, size=size)


@resnet_model(
    "resnet101",
    "ResNet-101",
    claims=numbers(44_549_160, 7_801_405_440, 4, 35, 91, 811, 971),
    differences=STRIDE,
    published=(Published(TEN_CROPS, TABLE_3, 21.75, 6.05), Published(SCALES, TABLE_4, 19.87, 4.60)),
)
def resnet101(width: int = 64, size: int = 224) -> Net:
    return resnet(bottleneck, (3, 4, 23, 3), 4, width=width, size=size)


@resnet_model(
    "resnet152",
    "ResNet-152",
    claims=numbers(60_192_808, 11_513_626_624, 4, 35, 155, 1291, 1451),
    differences=STRIDE,
    published=(
        Published(TEN_CROPS, TABLE_3, 21.43, 5.71),
        Published(SCALES, TABLE_4, 19.38, 4.49),
        Published(
            "ILSVRC-2015, classification, 6 networks", f"{SOURCE}, table 5", top5=3.57, place="first place"
        ),
    ),
)
def resnet152(width: int = 64, size: int = 224) -> Net:
    return resnet(bottleneck, (3, 8, 36, 3), 4, width=width, size=size)


def preactivated(depth: int, filters: int, stride: int = 1, projected: bool = False) -> list[Piece]:
    """A bottleneck whose norms and ReLUs stand before its layers (Identity mappings, figure 1b); a projected
    shortcut reads what the first of them give."""
    before: list[Piece] = [BatchNorm(), Relu()]
    body = [*rectified(1, filters), *rectified(3, filters, stride), conv(1, depth, bias=False)]
    if projected:
        return [*before, residual(body, shortcut=conv(1, depth, stride, bias=False))]
    return [residual(before, body)]


@resnet_model(
    "resnet50:v2",
    "ResNet-50 with pre-activation",
    source=IDENTITY,
    claims={
        f"{TIMM}, resnetv2_50": {"parameters": 25_549_352, "multiply-adds": 4_089_184_256},
        TABLE_1: volumes(4),
        FIELD_BY_HAND: {"receptive field of stage4": 427},
    },
    differences=(
        "The paper tries 101, 152 and 200 layers on ImageNet; this one has the stages of ResNet-50, as "
        "libraries do.",
        *STRIDE,
    ),
)
def resnet50_v2(width: int = 64, size: int = 224) -> Net:
    parts: list[Piece] = [conv(7, width, 2, bias=False), MaxPool(3, 2, 1, "floor")]
    for i, times in enumerate((3, 4, 6, 3)):
        depth, filters = 4 * 2**i * width, 2**i * width
        first = preactivated(depth, filters, min(i + 1, 2), projected=True)
        parts.append(named(f"stage{i + 1}", first, repeated(times - 1, preactivated(depth, filters))))
    return network((size, size, 3), parts, BatchNorm(), Relu(), MeanPool(size // 32), Linear(1000))
