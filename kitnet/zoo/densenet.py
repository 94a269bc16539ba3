"""Dense networks: Huang, Liu, van der Maaten & Weinberger, "Densely connected convolutional networks", CVPR
2017: each layer reads what all before it in its block gave."""

from __future__ import annotations

from functools import partial

from kitnet.layers import BatchNorm, Identity, Linear, MaxPool, MeanPool, Relu
from kitnet.net import Net
from kitnet.zoo.card import model
from kitnet.zoo.claim import About, Claims, Published
from kitnet.zoo.parts import Piece, concat, conv, named, network, rectified
from kitnet.zoo.recipe import Recipe
from kitnet.zoo.sources import COUNTED, FIELD_BY_HAND, PYTORCHCV, TORCHVISION

SOURCE = "Huang, Liu, van der Maaten, Weinberger: Densely connected convolutional networks, CVPR 2017"
TABLE_1, TABLE_2, TABLE_3 = (f"{SOURCE}, table {n}" for n in (1, 2, 3))
SINGLE, TEN_CROPS = "ImageNet validation, one crop", "ImageNet validation, ten crops"
TEST = "CIFAR-10 test images, shifted and mirrored in training"


def dense_layer(growth: int, bottleneck: bool = True) -> Piece:
    """What is there and `growth` new maps beside it; a bottleneck of 1x1 filters gives four times as many
    first."""
    narrow = [BatchNorm(), Relu(), conv(1, 4 * growth, bias=False)] if bottleneck else []
    return concat(Identity(), [narrow, BatchNorm(), Relu(), conv(3, growth, bias=False)])


def transition(depth: int) -> Piece:
    """Between blocks: fewer maps of half the size."""
    return [BatchNorm(), Relu(), conv(1, depth, bias=False), MeanPool(2)]


def blocks(
    layers: tuple[int, ...], first: int, growth: int, bottleneck: bool, compression: float
) -> list[Piece]:
    """Dense blocks of so many layers behind `first` maps, with transitions between them, and a last norm."""
    parts: list[Piece] = []
    depth = first
    for i, times in enumerate(layers, 1):
        parts.append(named(f"block{i}", dense_layer(growth, bottleneck), times=times))
        depth += times * growth
        if i < len(layers):
            depth = int(depth * compression)
            parts.append(named(f"transition{i}", transition(depth)))
    return [*parts, BatchNorm(), Relu()]


def densenet(layers: tuple[int, ...], growth: int, first: int, size: int) -> Net:
    stem = [rectified(7, first, 2), MaxPool(3, 2, 1, "floor")]
    dense = blocks(layers, first, growth, bottleneck=True, compression=0.5)
    return network((size, size, 3), stem, dense, MeanPool(size // 32), Linear(1000))


def numbers(
    parameters: int, multiply_adds: int, depths: tuple[int, ...], field: int, network: str = ""
) -> Claims:
    """What torchvision's network of this name has, or another `network` of it, and what the paper's table 1
    shows: `depths` behind each block, of which transitions pass on half."""
    sizes = (56, 28, 14, 7)
    after = {
        f"volume of block{i}": f"{n}x{n}x{d}" for i, (n, d) in enumerate(zip(sizes, depths, strict=True), 1)
    }
    between = {
        f"volume of transition{i}": f"{n}x{n}x{d // 2}"
        for i, (n, d) in enumerate(zip(sizes[1:], depths[:-1], strict=True), 1)
    }
    return {
        f"{TORCHVISION}{network}": {"parameters": parameters},
        f"{COUNTED}{network}": {"multiply-adds": multiply_adds},
        f"{TABLE_1}, with its growth rate": {**after, **between, "volume of meanpool1": f"1x1x{depths[-1]}"},
        FIELD_BY_HAND: {"receptive field of block4": field},
    }


# Section 4.2: on ImageNet, and on CIFAR with its shifts and reflections.
IMAGENET = Recipe(
    "nesterov", "drops at=30,60", rate=0.1, decay=1e-4, augment="resizedcrop,flip", batch=256, epochs=90
)
CIFAR = Recipe(
    "nesterov", "drops at=150,225", rate=0.1, decay=1e-4, augment="flip,crop4", batch=64, epochs=300
)
densenet_model = partial(model, source=SOURCE, year=2017, recipe=IMAGENET)


@densenet_model(
    "densenet121",
    "DenseNet-121",
    claims=numbers(7_978_856, 2_834_161_664, (256, 512, 1024, 1024), 2071),
    published=(Published(SINGLE, TABLE_3, 25.02, 7.71), Published(TEN_CROPS, TABLE_3, 23.61, 6.66)),
)
def densenet121(growth: int = 32, width: int = 64, size: int = 224) -> Net:
    return densenet((6, 12, 24, 16), growth, width, size)


@densenet_model(
    "densenet161",
    "DenseNet-161",
    claims=numbers(28_681_000, 7_727_907_072, (384, 768, 2112, 2208), 2967),
    differences=("Of the paper's preprint and its authors' code; the table of the paper has four others.",),
)
def densenet161(growth: int = 48, width: int = 96, size: int = 224) -> Net:
    return densenet((6, 12, 36, 24), growth, width, size)


@densenet_model(
    "densenet169",
    "DenseNet-169",
    claims=numbers(14_149_480, 3_359_843_328, (256, 512, 1280, 1664), 3351),
    published=(Published(SINGLE, TABLE_3, 23.80, 6.85), Published(TEN_CROPS, TABLE_3, 22.08, 5.92)),
)
def densenet169(growth: int = 32, width: int = 64, size: int = 224) -> Net:
    return densenet((6, 12, 32, 32), growth, width, size)


@densenet_model(
    "densenet201",
    "DenseNet-201",
    claims=numbers(20_013_928, 4_291_365_888, (256, 512, 1792, 1920), 3863),
    published=(Published(SINGLE, TABLE_3, 22.58, 6.34), Published(TEN_CROPS, TABLE_3, 21.46, 5.54)),
)
def densenet201(growth: int = 32, width: int = 64, size: int = 224) -> Net:
    return densenet((6, 12, 48, 32), growth, width, size)


@densenet_model(
    "densenet264",
    "DenseNet-264",
    claims=numbers(
        33_337_704, 5_751_653_376, (256, 512, 2304, 2688), 5399, ", DenseNet(32, (6, 12, 64, 48), 64)"
    ),
    published=(Published(SINGLE, TABLE_3, 22.15, 6.12), Published(TEN_CROPS, TABLE_3, 20.80, 5.29)),
)
def densenet264(growth: int = 32, width: int = 64, size: int = 224) -> Net:
    return densenet((6, 12, 64, 48), growth, width, size)


def densenet_cifar(layers: int, growth: int, first: int, size: int, bottleneck: bool) -> Net:
    """Three dense blocks of so many layers, each on half the size of the one before."""
    dense = blocks((layers,) * 3, first, growth, bottleneck, compression=0.5 if bottleneck else 1.0)
    return network((size, size, 3), conv(3, first, bias=False), dense, MeanPool(size // 4), Linear(10))


cifar_model = partial(densenet_model, recipe=CIFAR, recipes={"cifar10": CIFAR})


@cifar_model(
    "densenet40",
    "DenseNet-40 for CIFAR-10, growth 12",
    claims={
        "by hand: 432 + 108 x (984 + 2712 + 4440) + 160^2 + 304^2 of filters, "
        "2 x (984 + 2712 + 4440 + 160 + 304 + 448) of norms, 448 x 10 + 10": {"parameters": 1_019_722},
        TABLE_2: {"parameters": About(1.0e6, 5e4)},
        f"{SOURCE}, section 3": {
            "conv layers": 39,
            "volume of block1": "32x32x160",
            "volume of transition1": "16x16x160",
            "volume of block2": "16x16x304",
            "volume of transition2": "8x8x304",
            "volume of block3": "8x8x448",
        },
        "by hand: 32^2 x (432 + 108 x 984 + 160^2) + 16^2 x (108 x 2712 + 304^2) + 8^2 x 108 x 4440 + 4480": {
            "multiply-adds": 264_812_928
        },
        FIELD_BY_HAND: {"receptive field of block3": 174},
    },
    published=(Published(TEST, TABLE_2, 5.24),),
)
def densenet40(growth: int = 12, width: int = 16, size: int = 32) -> Net:
    return densenet_cifar(12, growth, width, size, bottleneck=False)


@cifar_model(
    "densenet-bc100",
    "DenseNet-BC-100 for CIFAR-10, growth 12",
    claims={
        f"{PYTORCHCV}, densenet100_k12_bc_cifar10": {"parameters": 769_162},
        TABLE_2: {"parameters": About(0.8e6, 5e4)},
        f"{SOURCE}, section 3": {
            "conv layers": 99,
            "volume of block1": "32x32x216",
            "volume of transition1": "16x16x108",
            "volume of block2": "16x16x300",
            "volume of transition2": "8x8x150",
            "volume of block3": "8x8x342",
        },
        "by hand: 5184 + 48c for each dense layer on c maps, c^2 / 2 for each transition, at each place": {
            "multiply-adds": 287_929_692
        },
        FIELD_BY_HAND: {"receptive field of block3": 230},
    },
    published=(Published(TEST, TABLE_2, 4.51),),
)
def densenet_bc100(growth: int = 12, width: int = 24, size: int = 32) -> Net:
    return densenet_cifar(16, growth, width, size, bottleneck=True)
