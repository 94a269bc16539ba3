"""The single convolutions of the names `conv` and `depthwise`, and their passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Pass = Literal["forward", "backward data", "backward weights"]
PASSES: tuple[Pass, ...] = ("forward", "backward data", "backward weights")


@dataclass(frozen=True)
class ConvLayer:
    """`size` x `size` filters over a square input; no bias."""

    batch: int
    size: int
    depth: int
    filters: int
    side: int
    stride: int = 1
    pad: int = 0
    groups: int = 1

    @property
    def output(self) -> int:
        return (self.side + 2 * self.pad - self.size) // self.stride + 1

    @property
    def multiply_adds(self) -> int:
        """Of the whole batch; the same for all three passes."""
        return self.batch * self.output**2 * self.filters * self.weights

    @property
    def weights(self) -> int:
        """Of a filter."""
        return self.size**2 * self.depth // self.groups

    def __str__(self) -> str:
        step = f"/{self.stride}" if self.stride > 1 else ""
        maps = f"{self.depth}->{self.filters}" if self.groups == 1 else f"{self.depth} depthwise"
        return f"{self.size}x{self.size}{step} {maps}@{self.side} batch {self.batch}"


CONVOLUTIONS = (
    ConvLayer(16, 3, 64, 64, 56, pad=1),
    ConvLayer(16, 3, 128, 128, 28, pad=1),
    ConvLayer(16, 3, 256, 256, 14, pad=1),
    ConvLayer(16, 3, 512, 512, 7, pad=1),
    ConvLayer(16, 1, 256, 64, 56),
    ConvLayer(16, 7, 3, 64, 224, stride=2, pad=3),
    ConvLayer(64, 5, 1, 6, 28, pad=2),
    ConvLayer(64, 5, 6, 16, 14),
    ConvLayer(128, 3, 16, 16, 32, pad=1),
    ConvLayer(128, 3, 32, 32, 32, pad=1),
)
DEPTHWISE = tuple(
    ConvLayer(16, 3, depth, depth, side, stride, 1, depth)
    for side, depth in ((56, 128), (28, 256), (14, 512))
    for stride in (1, 2)
)
LAYERS = {"conv": CONVOLUTIONS, "depthwise": DEPTHWISE}


def label(layer: ConvLayer, what: Pass) -> str:
    return f"{layer} {what}"
