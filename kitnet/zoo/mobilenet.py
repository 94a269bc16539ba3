"""MobileNets: Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto & Adam, "MobileNets: efficient
convolutional neural networks for mobile vision applications", 2017; Sandler, Howard, Zhu, Zhmoginov & Chen,
"MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018. A depthwise convolution has as many
groups as maps."""

from __future__ import annotations

from kitnet.layers import Dropout, Linear, MeanPool
from kitnet.net import Net
from kitnet.zoo.card import model
from kitnet.zoo.claim import About, Published
from kitnet.zoo.parts import Piece, named, network, normed, rectified, repeated, residual
from kitnet.zoo.recipe import Recipe
from kitnet.zoo.sources import ARAUJO, COUNTED, FIELD_BY_HAND, PYTORCHCV, TORCHVISION

SOURCE_1 = (
    "Howard, Zhu, Chen, Kalenichenko, Wang, Weyand, Andreetto, Adam: MobileNets: efficient convolutional "
    "neural networks for mobile vision applications, arXiv:1704.04861, 2017"
)
SOURCE_2 = (
    "Sandler, Howard, Zhu, Zhmoginov, Chen: MobileNetV2: inverted residuals and linear bottlenecks, CVPR 2018"
)
# of table 2: expansion, depth, repetitions, stride of the first
BOTTLENECKS = (
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)


def separable(depth: int, filters: int, stride: int = 1) -> list[Piece]:
    """A 3x3 convolution of each map by itself, then one of 1x1 (figure 3, right)."""
    return [*rectified(3, depth, stride, groups=depth), *rectified(1, filters)]


@model(
    "mobilenet-v1",
    "MobileNet",
    source=SOURCE_1,
    year=2017,
    claims={
        f"{PYTORCHCV}, mobilenet_w1": {"parameters": 4_231_976, "multiply-adds": 568_740_352},
        f"{SOURCE_1}, table 8": {"parameters": About(4.2e6, 5e4), "multiply-adds": About(569e6, 5e5)},
        f"{SOURCE_1}, table 1": {
            "volume of conv1": "112x112x32",
            "volume of stage1": "112x112x64",
            "volume of stage2": "56x56x128",
            "volume of stage3": "28x28x256",
            "volume of stage4": "14x14x512",
            "volume of stage5": "7x7x1024",
            "volume of meanpool1": "1x1x1024",
        },
        ARAUJO: {"receptive field of stage5": 315},
    },
    published=(Published("ImageNet", f"{SOURCE_1}, table 8", 29.4),),
    recipe=Recipe(rate=0.045, batch=96, epochs=100),
)
def mobilenet_v1(width: int = 32, size: int = 224) -> Net:
    w = width
    stages = [
        named("stage1", separable(w, 2 * w)),
        named("stage2", separable(2 * w, 4 * w, 2), separable(4 * w, 4 * w)),
        named("stage3", separable(4 * w, 8 * w, 2), separable(8 * w, 8 * w)),
        named("stage4", separable(8 * w, 16 * w, 2), repeated(5, separable(16 * w, 16 * w))),
        named("stage5", separable(16 * w, 32 * w, 2), separable(32 * w, 32 * w)),
    ]
    return network((size, size, 3), rectified(3, w, 2), stages, MeanPool(size // 32), Linear(1000))


def inverted(inputs: int, expansion: int, depth: int, stride: int = 1) -> list[Piece]:
    """Wide within and narrow at its ends, without an activation behind (figure 3b); what keeps size and depth
    is added to its input."""
    wide = expansion * inputs
    expand = rectified(1, wide, cap=6.0) if expansion > 1 else []
    body = [*expand, *rectified(3, wide, stride, groups=wide, cap=6.0), *normed(1, depth)]
    return [residual(body)] if stride == 1 and depth == inputs else body


@model(
    "mobilenet-v2",
    "MobileNetV2",
    source=SOURCE_2,
    year=2018,
    claims={
        TORCHVISION: {"parameters": 3_504_872},
        COUNTED: {"multiply-adds": 300_774_272},
        f"{SOURCE_2}, table 4": {"parameters": About(3.4e6, 1.1e5), "multiply-adds": About(300e6, 1e6)},
        f"{SOURCE_2}, table 2": {
            "volume of conv1": "112x112x32",
            "volume of stage1": "112x112x16",
            "volume of stage2": "56x56x24",
            "volume of stage3": "28x28x32",
            "volume of stage4": "14x14x64",
            "volume of stage5": "14x14x96",
            "volume of stage6": "7x7x160",
            "volume of stage7": "7x7x320",
            "volume of conv2": "7x7x1280",
            "volume of meanpool1": "1x1x1280",
        },
        FIELD_BY_HAND: {"receptive field of stage7": 491},
    },
    published=(Published("ImageNet", f"{SOURCE_2}, table 4", 28.0),),
    recipe=Recipe(rate=0.045, batch=96, epochs=300),
)
def mobilenet_v2(width: int = 32, size: int = 224) -> Net:
    parts: list[Piece] = [rectified(3, width, 2, cap=6.0)]
    inputs = width
    for i, (expansion, filters, times, stride) in enumerate(BOTTLENECKS, 1):
        depth = filters * width // 32
        first = inverted(inputs, expansion, depth, stride)
        parts.append(named(f"stage{i}", first, repeated(times - 1, inverted(depth, expansion, depth))))
        inputs = depth
    parts += [rectified(1, 40 * width, cap=6.0), MeanPool(size // 32), Dropout(0.2), Linear(1000)]
    return network((size, size, 3), parts)
