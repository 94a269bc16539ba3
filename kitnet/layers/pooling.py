"""What all pools share: windows that slide over each map and never lie wholly in padding, or regions that
each map is cut into.

With `regions` each axis of N places is cut into O parts as equal as can be: part o begins at floor(o N / O)
and ends before ceil((o + 1) N / O). Where O divides N they are disjoint; otherwise neighbours share a place,
as in the adaptive pooling of other libraries. One region is the whole map: global pooling (Lin, Chen & Yan,
"Network in network", 2014, section 3.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from kitnet.base.error import ShapeError
from kitnet.base.shape import Misfit, Pad, Shape, Sizes, divide, slide
from kitnet.layers.contract import Layer
from kitnet.layers.value import MISFIT, PAD, REGIONS, SIZES, argument
from kitnet.layers.window import Axes, output_sizes


@dataclass(frozen=True)
class Pooling(Layer):
    """A family of layers without weights, whose backward reads nothing of x and y unless it says so."""

    numbers = ("window",)
    keeps = frozenset()

    window: Sizes | None = argument(SIZES, None)  # None: there are `regions`
    stride: Sizes | None = argument(SIZES, None)  # None: the window's own size
    pad: Pad = argument(PAD, "valid")
    on_misfit: Misfit = argument(MISFIT, "error")
    dilation: Sizes = argument(SIZES, 1)
    regions: Sizes | None = argument(REGIONS, None)  # in the place of a window; 1: the whole map

    def axes(self, x: Shape) -> Axes:
        if self.regions is not None:
            self._refuse_windows()
            return divide(x, self.regions, "pooling window")
        if self.window is None:
            raise ShapeError(
                f"{self.word} needs a window or regions", f"write {self.word}2 or {self.word} global"
            )
        return slide(
            x,
            self.window,
            self.stride,
            self.pad,
            self.dilation,
            self.on_misfit,
            "pooling window",
            meets_input=True,
        )

    def _refuse_windows(self) -> None:
        """Regions always fit; nothing that says how windows slide goes with them."""
        for one in fields(self):
            if one.name not in ("regions", "on_misfit", "p") and getattr(self, one.name) != one.default:
                raise ShapeError(
                    f"{self.word} has regions, with which {one.name} does not go", "leave out one of the two"
                )

    def output_shape(self, *x: Shape) -> Shape:
        return *output_sizes(self.axes(x[0])), x[0][-1]

    def connections(self, *x: Shape) -> int:
        return math.prod(axis.links for axis in self.axes(x[0])) * x[0][-1]
