"""The single convolutions of the name `conv`, and their passes."""

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

    @property
    def output(self) -> int:
        return (self.side + 2 * self.pad - self.size) // self.stride + 1

    @property
    def multiply_adds(self) -> int:
        """Of the whole batch; the same for all three passes."""
        return self.batch * self.output**2 * self.filters * self.size**2 * self.depth

    def __str__(self) -> str:
        step = f"/{self.stride}" if self.stride > 1 else ""
        return f"{self.size}x{self.size}{step} {self.depth}->{self.filters}@{self.side} batch {self.batch}"


LAYERS = (
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


def label(layer: ConvLayer, what: Pass) -> str:
    return f"{layer} {what}"
