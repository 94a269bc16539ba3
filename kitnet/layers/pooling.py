"""What max and mean pooling share: a window that slides over each map and never lies wholly in padding."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kitnet.base.shape import Misfit, Pad, Shape, Sizes, slide
from kitnet.layers.contract import Layer
from kitnet.layers.value import MISFIT, PAD, SIZES, argument
from kitnet.layers.window import Axes, area, output_sizes, refuse_empty_windows


@dataclass(frozen=True)
class Pooling(Layer):
    """A family of layers without weights, whose backward reads nothing of x and y."""

    numbers = ("window",)
    keeps = frozenset()

    window: Sizes = argument(SIZES)
    stride: Sizes | None = argument(SIZES, None)  # None: the window's own size
    pad: Pad = argument(PAD, "valid")
    on_misfit: Misfit = argument(MISFIT, "error")

    def axes(self, x: Shape) -> Axes:
        return slide(x, self.window, self.stride, self.pad, 1, self.on_misfit, "pooling window")

    def output_shape(self, *x: Shape) -> Shape:
        axes = self.axes(x[0])
        refuse_empty_windows(axes, "pooling")
        return *output_sizes(axes), x[0][-1]

    def connections(self, *x: Shape) -> int:
        return math.prod(self.output_shape(*x)) * area(self.axes(x[0]))
