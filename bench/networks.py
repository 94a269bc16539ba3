"""Networks that are measured, each once as kitnet's line and once as PyTorch code.

Both definitions list their layers in the same order, so that weights are handed over by counting; every run
checks that both count the same operations and compute the same numbers. A builder is given `torch.nn`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Build = Callable[[Any], Any]  # torch.nn -> module


@dataclass(frozen=True)
class Network:
    """`line` is kitnet's definition, `build` PyTorch's; `shape` is height, width, channels of the input.

    Gradients of two sides may lie `apart`, relative to their length: they jump where rounding makes a ReLU
    or a maximum decide otherwise, the more the deeper the network is. PyTorch's own layouts differ from
    float64 by 1e-2 for ResNet-20; with four images of AlexNet kitnet's direct sums are 7e-3 from float64, and
    its usual ones, which decide as float64 does there, 6e-6.
    """

    line: str
    build: Build
    shape: tuple[int, int, int]
    classes: int
    note: str = ""
    apart: float = 1e-3


def _convolutions(nn: Any, depth: int, plan: str) -> list[Any]:
    """'3x64 M2' as modules: 64 filters of 3x3, padded to keep the size, with their ReLU; a max pooling."""
    parts: list[Any] = []
    for word in plan.split():
        if word[0] == "M":
            parts.append(nn.MaxPool2d(int(word[1]), 2))
        else:
            size, filters = map(int, word.split("x"))
            parts += [nn.Conv2d(depth, filters, size, padding=size // 2), nn.ReLU()]
            depth = filters
    return parts


def _classifier(nn: Any, *units: int) -> list[Any]:
    parts: list[Any] = [nn.Flatten()]
    for inputs, outputs in itertools.pairwise(units):
        parts += [nn.Linear(inputs, outputs), nn.ReLU()]
    return parts[:-1]


# LeNet-5 as it is written today


def _lenet5(nn: Any) -> Any:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 120, 5), nn.ReLU()),
        *_classifier(nn, 120, 84, 10),
    )


LENET5 = Network(
    "32x32x1 -> conv5-6 -> relu -> maxpool2 -> conv5-16 -> relu -> maxpool2 -> conv5-120 -> relu "
    "-> fc84 -> relu -> fc10",
    _lenet5,
    (32, 32, 1),
    10,
    "kitnet's zoo: lenet5-modern",
)


# convnet-benchmarks, imagenet_winners


def _alexnet(nn: Any) -> Any:
    return nn.Sequential(
        *(nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        *_convolutions(nn, 64, "5x192 M3 3x384 3x256 3x256 M3"),
        *_classifier(nn, 256 * 6 * 6, 4096, 4096, 1000),
    )


ALEXNET = Network(
    "224x224x3 -> conv11-64/4 pad=2 floor -> relu -> maxpool3/2 -> conv5-192 same -> relu -> maxpool3/2 "
    "-> conv3-384 same -> relu -> [conv3-256 same -> relu]*2 -> maxpool3/2 "
    "-> fc4096 -> relu -> fc4096 -> relu -> fc1000",
    _alexnet,
    (224, 224, 3),
    1000,
    "the one tower of Krizhevsky 2014, 'One weird trick'; no dropout",
    apart=3e-2,
)


def _overfeat(nn: Any) -> Any:
    return nn.Sequential(
        *(nn.Conv2d(3, 96, 11, 4), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(96, 256, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *_convolutions(nn, 256, "3x512 3x1024 3x1024 M2"),
        *_classifier(nn, 1024 * 6 * 6, 3072, 4096, 1000),
    )


OVERFEAT = Network(
    "231x231x3 -> conv11-96/4 -> relu -> maxpool2 -> conv5-256 -> relu -> maxpool2 -> conv3-512 same -> relu "
    "-> [conv3-1024 same -> relu]*2 -> maxpool2 -> fc3072 -> relu -> fc4096 -> relu -> fc1000",
    _overfeat,
    (231, 231, 3),
    1000,
    "the fast model of Sermanet et al. 2013; no dropout",
    apart=3e-2,
)


def _vgg_a(nn: Any) -> Any:
    return nn.Sequential(
        *_convolutions(nn, 3, "3x64 M2 3x128 M2 3x256 3x256 M2 3x512 3x512 M2 3x512 3x512 M2"),
        *_classifier(nn, 512 * 7 * 7, 4096, 4096, 1000),
    )


VGG_A = Network(
    "224x224x3 -> conv3-64 same -> relu -> maxpool2 -> conv3-128 same -> relu -> maxpool2 "
    "-> [conv3-256 same -> relu]*2 -> maxpool2 -> [[conv3-512 same -> relu]*2 -> maxpool2]*2 "
    "-> fc4096 -> relu -> fc4096 -> relu -> fc1000",
    _vgg_a,
    (224, 224, 3),
    1000,
    "configuration A of Simonyan & Zisserman 2014; no dropout",
    apart=3e-2,
)

# Filters of the 1x1; of a 1x1 and its 3x3; of a 1x1 and its 5x5; of the 1x1 behind the pooling.
_Inception = tuple[int, int, int, int, int, int]
_INCEPTIONS: list[_Inception | Literal["pool"]] = [
    (64, 96, 128, 16, 32, 32),
    (128, 128, 192, 32, 96, 64),
    "pool",
    (192, 96, 208, 16, 48, 64),
    (160, 112, 224, 24, 64, 64),
    (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128),
    "pool",
    (256, 160, 320, 32, 128, 128),
    (384, 192, 384, 48, 128, 128),
]


def _joined(nn: Any, branches: list[Any]) -> Any:
    import torch

    class Concat(nn.Module):  # type: ignore[misc]  # nn is given
        def __init__(self) -> None:
            super().__init__()
            self.branches = nn.ModuleList(branches)

        def forward(self, x: Any) -> Any:
            return torch.cat([branch(x) for branch in self.branches], 1)

    return Concat()


def _googlenet(nn: Any) -> Any:
    def conv(depth: int, size: int, filters: int) -> list[Any]:
        return [nn.Conv2d(depth, filters, size, padding=size // 2), nn.ReLU()]

    parts = [nn.Conv2d(3, 64, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True)]
    parts += [*conv(64, 1, 64), *conv(64, 3, 192), nn.MaxPool2d(3, 2, ceil_mode=True)]
    depth = 192
    for row in _INCEPTIONS:
        if row == "pool":
            parts.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            continue
        a, b1, b3, c1, c5, d = row
        branches = [
            conv(depth, 1, a),
            [*conv(depth, 1, b1), *conv(b1, 3, b3)],
            [*conv(depth, 1, c1), *conv(c1, 5, c5)],
            [nn.MaxPool2d(3, 1, 1), *conv(depth, 1, d)],
        ]
        parts.append(_joined(nn, [nn.Sequential(*branch) for branch in branches]))
        depth = a + b3 + c5 + d
    return nn.Sequential(*parts, nn.AvgPool2d(7), nn.Flatten(), nn.Linear(depth, 1000))


def _googlenet_line() -> str:
    parts = ["224x224x3", "conv7-64/2 pad=3 floor", "relu", "maxpool3/2 same", "conv1-64", "relu"]
    parts += ["conv3-192 same", "relu", "maxpool3/2 same"]
    for row in _INCEPTIONS:
        if row == "pool":
            parts.append("maxpool3/2 same")
            continue
        a, b1, b3, c1, c5, d = row
        parts.append(
            f"concat[conv1-{a} -> relu | conv1-{b1} -> relu -> conv3-{b3} same -> relu "
            f"| conv1-{c1} -> relu -> conv5-{c5} same -> relu | maxpool3/1 same -> conv1-{d} -> relu]"
        )
    return " -> ".join([*parts, "meanpool7", "fc1000"])


GOOGLENET = Network(
    _googlenet_line(),
    _googlenet,
    (224, 224, 3),
    1000,
    "Szegedy et al. 2014, V1; no LRN, no dropout, no auxiliary classifiers",
    apart=3e-2,
)


# Residual networks


def _residual(nn: Any, body: Any, shortcut: Any) -> Any:
    class Residual(nn.Module):  # type: ignore[misc]  # nn is given
        def __init__(self) -> None:
            super().__init__()
            self.body, self.shortcut, self.relu = body, shortcut, nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.relu(self.body(x) + self.shortcut(x))

    return Residual()


@dataclass(frozen=True)
class _Resnet:
    """Blocks of two 3x3 filters, or of 1x1, 3x3 and a four times wider 1x1 (`wide`)."""

    stages: tuple[tuple[int, int], ...]  # blocks, filters
    stem: tuple[int, int]  # size and stride of the first filter
    wide: bool = False
    side: int = 224

    @property
    def blocks(self) -> list[tuple[int, int, int]]:
        """(filters, stride, depth before) of every block."""
        found, depth = [], self.stages[0][1]
        for stage, (blocks, filters) in enumerate(self.stages):
            for i in range(blocks):
                found.append((filters, 2 if stage and not i else 1, depth))
                depth = filters * (4 if self.wide else 1)
        return found

    def convolutions(self, filters: int, stride: int) -> list[tuple[int, int, int]]:
        """(size, filters, stride) of each convolution of a block."""
        if self.wide:
            return [(1, filters, 1), (3, filters, stride), (1, 4 * filters, 1)]
        return [(3, filters, stride), (3, filters, 1)]

    def build(self, nn: Any) -> Any:
        def conv(depth: int, size: int, filters: int, stride: int) -> list[Any]:
            return [
                nn.Conv2d(depth, filters, size, stride, size // 2, bias=False),
                nn.BatchNorm2d(filters),
            ]

        size, stride = self.stem
        parts = [*conv(3, size, self.stages[0][1], stride), nn.ReLU()]
        if size == 7:
            parts.append(nn.MaxPool2d(3, 2, 1))
        depth = self.stages[0][1]
        for filters, stride, depth in self.blocks:
            body, here = [], depth
            for size, maps, step in self.convolutions(filters, stride):
                body += [*conv(here, size, maps, step), nn.ReLU()]
                here = maps
            plain = here == depth and stride == 1
            shortcut = nn.Identity() if plain else nn.Sequential(*conv(depth, 1, here, stride))
            parts.append(_residual(nn, nn.Sequential(*body[:-1]), shortcut))
        return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(here, self.classes))

    @property
    def classes(self) -> int:
        return 10 if self.side == 32 else 1000

    @property
    def line(self) -> str:
        def conv(size: int, filters: int, stride: int) -> str:
            step = f"/{stride}" if stride > 1 else ""
            return f"conv{size}-{filters}{step} pad={size // 2} floor bias=no -> batchnorm"

        size, stride = self.stem
        parts = [f"{self.side}x{self.side}x3", conv(size, self.stages[0][1], stride), "relu"]
        if size == 7:
            parts.append("maxpool3/2 pad=1 floor")
        for filters, stride, depth in self.blocks:
            body = [conv(*each) for each in self.convolutions(filters, stride)]
            out = self.convolutions(filters, stride)[-1][1]
            shortcut = "" if out == depth and stride == 1 else f" | {conv(1, out, stride)}"
            parts += [f"residual[{' -> relu -> '.join(body)}{shortcut}]", "relu"]
        left = self.side // (32 if size == 7 else 4)
        return " -> ".join([*parts, f"meanpool{left}", f"fc{self.classes}"])

    def network(self, note: str) -> Network:
        return Network(self.line, self.build, (self.side, self.side, 3), self.classes, note, apart=5e-2)


RESNET20 = _Resnet(((3, 16), (3, 32), (3, 64)), (3, 1), side=32).network(
    "He et al. 2015 for CIFAR, with 1x1 projections (option B) where the size changes"
)
RESNET18 = _Resnet(((2, 64), (2, 128), (2, 256), (2, 512)), (7, 2)).network("He et al. 2015")
RESNET50 = _Resnet(((3, 64), (4, 128), (6, 256), (3, 512)), (7, 2), wide=True).network(
    "He et al. 2015, the stride on the 3x3 filter as in torchvision (V1.5)"
)
