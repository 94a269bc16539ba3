"""What S cells, normalised correlation and patches share: each filter is a template that every window of x is
compared with."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kitnet.base.error import ShapeError
from kitnet.base.shape import Axis, Pad, Shape, Sizes, slide
from kitnet.base.spec import INITIALISERS, Array, Param
from kitnet.layers.contract import Layer
from kitnet.layers.value import INTEGER, PAD, SIZES, argument, choice
from kitnet.layers.window import Axes, area, output_sizes, sums


@dataclass(frozen=True)
class Template(Layer):
    """A family of layers with a weight (*window, C, K), one template a filter."""

    numbers = ("window", "filters")

    window: Sizes = argument(SIZES)
    filters: int = argument(INTEGER)
    stride: Sizes = argument(SIZES, 1)
    pad: Pad = argument(PAD, "valid")
    init: str = argument(choice(*INITIALISERS), "he")

    def axes(self, x: Shape) -> Axes:
        return slide(x, self.window, self.stride, self.pad, what="filter")

    def output_shape(self, *x: Shape) -> Shape:
        if self.filters < 1:
            raise ShapeError(f"{self.filters} filters are not possible", "use 1 or more")
        return *output_sizes(self.axes(x[0])), self.filters

    def size(self, x: Shape) -> int:
        """Numbers of a window."""
        return area(self.axes(x)) * x[-1]

    def weight(self, x: Shape) -> Param:
        window = tuple(a.window for a in self.axes(x))
        return Param((*window, x[-1], self.filters), self.init, self.size(x), self.filters)

    def connections(self, *x: Shape) -> int:
        return self.multiply_adds(*x)

    def multiply_adds(self, *x: Shape) -> int:
        return self.size(x[0]) * math.prod(self.output_shape(*x))

    def squares(self, x: Array) -> Array:
        """(N, *output, 1): the sum of the squares of each window."""
        total = (x * x).sum(-1, keepdims=True)
        for i, axis in enumerate(self.axes(x.shape[1:])):  # along one axis after the other
            along = [Axis(n, 1, 1, 1, 0, 0, n) for n in total.shape[1:-1]]
            along[i] = axis
            total = sums(total, tuple(along))
        return total
