"""Residual networks for CIFAR-10: He, Zhang, Ren & Sun, "Deep residual learning for image recognition", CVPR
2016, section 4.2; and with pre-activation, "Identity mappings in deep residual networks", ECCV 2016."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from kitnet.layers import BatchNorm, Linear, MeanPool, PadChannels, Relu
from kitnet.net import Net
from kitnet.zoo.card import model
from kitnet.zoo.claim import About, Claims, Published
from kitnet.zoo.parts import Piece, conv, named, network, normed, rectified, repeated, residual
from kitnet.zoo.recipe import Recipe
from kitnet.zoo.resnet import IDENTITY, SOURCE, preactivated
from kitnet.zoo.sources import PYTORCHCV

SECTION, TABLE_6 = f"{SOURCE}, section 4.2", f"{SOURCE}, table 6"
TEST = "CIFAR-10 test images"
PARAMETERS = (
    "by hand: 9 x (3 x 16 + 2n x 16^2 + 16 x 32 + (2n - 1) x 32^2 + 32 x 64 + (2n - 1) x 64^2) of filters, "
    "2 x ((2n + 1) x 16 + 2n x 32 + 2n x 64) of norms, 64 x 10 + 10"
)
MULTIPLY_ADDS = "by hand: 9 x 32^2 x (3 x 16 + (6n - 1) x 16^2) + 64 x 10"
FIELDS = "by hand: 3 + 2 x 2n, 2 + 4 x (2n - 1) more, 4 + 8 x (2n - 1) more"

Shortcut = Callable[[int], Piece]  # of the new depth, from half as many maps of twice the size


def subsampled(depth: int) -> Piece:
    """Every second place, and zeros for the new maps (option A): no parameters."""
    return [MeanPool(1, 2, on_misfit="floor"), PadChannels(depth)]


def projected(depth: int) -> Piece:
    """A 1x1 convolution with stride 2 and its norm (option B)."""
    return normed(1, depth, 2)


def resnet(n: int, width: int, size: int, shortcut: Shortcut = subsampled) -> Net:
    """6n + 2 layers: a convolution, three stages of n residual blocks with twice the maps and half the sizes
    of the stage before, the mean of each map, a linear layer."""

    def block(filters: int, stride: int = 1) -> list[Piece]:
        body = [*rectified(3, filters, stride), *normed(3, filters)]
        return [residual(body, shortcut=shortcut(filters) if stride > 1 else None), Relu()]

    stages = [named("stage1", repeated(n, block(width)))]
    for i, filters in ((2, 2 * width), (3, 4 * width)):
        stages.append(named(f"stage{i}", block(filters, 2), repeated(n - 1, block(filters))))
    return network((size, size, 3), rectified(3, width), stages, MeanPool(size // 4), Linear(10))


def numbers(parameters: int, rounded: About, multiply_adds: int, *fields: int) -> Claims:
    """What the paper's table 6 gives, rounded, and what follows from section 4.2."""
    return {
        PARAMETERS: {"parameters": parameters},
        TABLE_6: {"parameters": rounded},
        MULTIPLY_ADDS: {"multiply-adds": multiply_adds},
        SECTION: {
            "volume of stage1": "32x32x16",
            "volume of stage2": "16x16x32",
            "volume of stage3": "8x8x64",
            "volume of meanpool1": "1x1x64",
        },
        FIELDS: {f"receptive field of stage{i}": field for i, field in enumerate(fields, 1)},
    }


# 64,000 steps of 128 images, the rate divided by 10 after 32,000 and 48,000 of them (section 4.2).
PAPER = Recipe(rate=0.1, schedule="drops at=82,123", decay=1e-4, augment="flip,crop4", batch=128, epochs=164)
# In colour and with a rim of 2, as the network reads them; the paper has no such run.
FASHION = Recipe(
    rate=0.1,
    schedule="onecycle",
    decay=5e-4,
    augment="flip,crop2",
    views="flip",
    validation=0.0,
    batch=128,
    epochs=20,
)
resnet_model = partial(
    model,
    source=f"{SOURCE}, section 4.2",
    year=2016,
    recipe=PAPER,
    recipes={"cifar10": PAPER},
)


@resnet_model(
    "resnet20",
    "ResNet-20 for CIFAR-10",
    claims=numbers(269_722, About(0.27e6, 5e3), 40_551_040, 15, 37, 81),
    published=(Published(TEST, TABLE_6, 8.75),),
    recipes={"cifar10": PAPER, "fashion-mnist": FASHION},
)
def resnet20(width: int = 16, size: int = 32) -> Net:
    return resnet(3, width, size)


@resnet_model(
    "resnet20:projection",
    "ResNet-20 for CIFAR-10 with 1x1 convolutions as shortcuts between stages",
    claims={
        "by hand: ResNet-20 and 16 x 32 + 32 x 64 + 2 x (32 + 64)": {"parameters": 272_474},
        "by hand: ResNet-20 and 16^2 x 16 x 32 + 8^2 x 32 x 64": {"multiply-adds": 40_813_184},
        SECTION: {
            "volume of stage1": "32x32x16",
            "volume of stage2": "16x16x32",
            "volume of stage3": "8x8x64",
        },
        FIELDS: {"receptive field of stage3": 81},
    },
    differences=(
        "Shortcuts between stages are 1x1 convolutions with batch normalisation (option B of the paper); the "
        "paper's CIFAR networks pad with zero maps (option A), which needs no parameters. That makes 272,474 "
        "parameters in place of 269,722, which the paper rounds to 0.27 million.",
    ),
)
def resnet20_projection(width: int = 16, size: int = 32) -> Net:
    return resnet(3, width, size, projected)


@resnet_model(
    "resnet32",
    "ResNet-32 for CIFAR-10",
    claims=numbers(464_154, About(0.46e6, 5e3), 68_862_592, 23, 61, 137),
    published=(Published(TEST, TABLE_6, 7.51),),
)
def resnet32(width: int = 16, size: int = 32) -> Net:
    return resnet(5, width, size)


@resnet_model(
    "resnet44",
    "ResNet-44 for CIFAR-10",
    claims=numbers(658_586, About(0.66e6, 5e3), 97_174_144, 31, 85, 193),
    published=(Published(TEST, TABLE_6, 7.17),),
)
def resnet44(width: int = 16, size: int = 32) -> Net:
    return resnet(7, width, size)


@resnet_model(
    "resnet56",
    "ResNet-56 for CIFAR-10",
    claims=numbers(853_018, About(0.85e6, 5e3), 125_485_696, 39, 109, 249),
    published=(Published(TEST, TABLE_6, 6.97),),
)
def resnet56(width: int = 16, size: int = 32) -> Net:
    return resnet(9, width, size)


@resnet_model(
    "resnet110",
    "ResNet-110 for CIFAR-10",
    claims=numbers(1_727_962, About(1.7e6, 5e4), 252_887_680, 75, 217, 501),
    published=(Published(TEST, TABLE_6, 6.43),),
)
def resnet110(width: int = 16, size: int = 32) -> Net:
    return resnet(18, width, size)


@resnet_model(
    "resnet1202",
    "ResNet-1202 for CIFAR-10",
    claims=numbers(19_421_274, About(19.4e6, 5e4), 2_829_238_912, 803, 2401, 5597),
    published=(Published(TEST, TABLE_6, 7.93),),
)
def resnet1202(width: int = 16, size: int = 32) -> Net:
    return resnet(200, width, size)


def resnet_v2(n: int, width: int, size: int) -> Net:
    """9n + 2 layers: three stages of n bottlenecks with pre-activation."""
    stages = []
    for i in range(3):
        filters = 2**i * width
        first = preactivated(4 * filters, filters, min(i + 1, 2), projected=True)
        stages.append(named(f"stage{i + 1}", first, repeated(n - 1, preactivated(4 * filters, filters))))
    last = [BatchNorm(), Relu(), MeanPool(size // 4), Linear(10)]
    return network((size, size, 3), conv(3, width, bias=False), stages, last)


def numbers_v2(parameters: int, multiply_adds: int, pytorchcv: str, field: int) -> Claims:
    return {
        f"{PYTORCHCV}, {pytorchcv}": {"parameters": parameters},
        "by hand: 27 x 16 and, for a bottleneck of f maps on c, cf + 9f^2 + 4f^2, at each place": {
            "multiply-adds": multiply_adds
        },
        f"{IDENTITY}, section 5": {
            "volume of stage1": "32x32x64",
            "volume of stage2": "16x16x128",
            "volume of stage3": "8x8x256",
        },
        "by hand: 3 + 2n, 2 + 4 x (n - 1) more, 4 + 8 x (n - 1) more": {"receptive field of stage3": field},
    }


@resnet_model(
    "resnet164:v2",
    "ResNet-164 for CIFAR-10 with pre-activation",
    source=IDENTITY,
    claims=numbers_v2(1_703_258, 247_646_720, "preresnet164bn_cifar10", 249),
    published=(Published(TEST, f"{IDENTITY}, table 4", 5.46),),
)
def resnet164_v2(width: int = 16, size: int = 32) -> Net:
    return resnet_v2(18, width, size)


@resnet_model(
    "resnet1001:v2",
    "ResNet-1001 for CIFAR-10 with pre-activation",
    source=IDENTITY,
    claims=numbers_v2(10_327_706, 1_490_995_712, "preresnet1001_cifar10", 1551),
    published=(Published(TEST, f"{IDENTITY}, table 4", 4.92),),
)
def resnet1001_v2(width: int = 16, size: int = 32) -> Net:
    return resnet_v2(111, width, size)
