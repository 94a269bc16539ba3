"""Sum pooling: y = the sum of each window, map by map.

The gradient dy goes to every position of the window: without overlap dx is the Kronecker product of dy with a
window of ones. Bouvrie, "Notes on convolutional neural networks", 2006, section 3.2 (up- and down-sampling).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pooling import Pooling
from kitnet.layers.window import output_sizes, positions_and_taps, send_back, sums


@dataclass(frozen=True)
class SumPool(Pooling):
    """`sumpool2`: y = the sum of each window, 2x2 and side by side; `sumpool3/2`: windows of 3x3, two apart;
    `sumpool regions=2x3`: of 2x3 parts of the map; `sumpool global`: of all of it."""

    word = "sumpool"

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(sums(x[0], self.axes(x[0].shape[1:])))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((send_back(dy, self.axes(kept.shapes[0][1:])),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        axes = self.axes(x[0].shape[1:])
        y = np.zeros((len(x[0]), *output_sizes(axes), x[0].shape[-1]), x[0].dtype)
        for position, _, place in positions_and_taps(axes):
            y[:, *position] += x[0][:, *place]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(2), ((4, 6, 3),))
        yield Case(cls((3, 2), (2, 1), pad=1), ((5, 4, 1),), batch=1)
        yield Case(cls(2, 3, dilation=2, on_misfit="floor"), ((8, 2),))
        yield Case(cls(regions=(2, 1, 3)), ((3, 2, 4, 2),))
