"""LeNet's trainable subsampling: y[n, o, c] = a[c] * (sum of x over the window at o, map c) + b[c].

One coefficient and one bias a map (LeCun et al. 1998, section II.B, layers S2 and S4); the squashing function
that follows is a layer of its own. With s the sum over the window:

    dx[n, i, c] = sum over the positions o whose windows hold i of a[c] * dy[n, o, c]
    da[c]       = sum over n, o of s[n, o, c] * dy[n, o, c]
    db[c]       = sum over n, o of dy[n, o, c]
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Misfit, Shape, Sizes, slide
from kitnet.base.spec import INITIALISERS, Array, Param
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms
from kitnet.layers.tracing import sum_of_dy
from kitnet.layers.value import MISFIT, SIZES, argument, choice
from kitnet.layers.window import Axes, area, output_sizes, positions_and_taps, send_back, sums


@dataclass(frozen=True)
class Subsampling(Layer):
    """`subsample2`: y = a * (sum of x over each window) + b, with one a and one b a map; windows of 2x2, side
    by side. The coefficient a begins as a mean unless `init` says otherwise."""

    word = "subsample"
    numbers = ("window",)

    window: Sizes = argument(SIZES)
    stride: Sizes | None = argument(SIZES, None)  # None: the window's own size
    on_misfit: Misfit = argument(MISFIT, "error")
    init: str = argument(choice(*INITIALISERS), "mean")

    def axes(self, x: Shape) -> Axes:
        return slide(
            x,
            self.window,
            self.stride,
            on_misfit=self.on_misfit,
            what="subsampling window",
        )

    def output_shape(self, *x: Shape) -> Shape:
        return *output_sizes(self.axes(x[0])), x[0][-1]

    def params(self, *x: Shape) -> dict[str, Param]:
        maps, taps = x[0][-1:], area(self.axes(x[0]))
        return {"coefficient": Param(maps, self.init, taps, 1, decay=False), "bias": Param(maps, decay=False)}

    def connections(self, *x: Shape) -> int:
        return (area(self.axes(x[0])) + 1) * math.prod(self.output_shape(*x))

    def multiplications(self, *x: Shape) -> int:
        return math.prod(
            self.output_shape(*x)
        )  # coefficient times sum, plus bias; the sum itself has no products

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(w["coefficient"] * sums(x[0], self.axes(x[0].shape[1:])) + w["bias"])

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (x,) = kept.x
        axes = self.axes(x.shape[1:])
        every = tuple(range(dy.ndim - 1))
        dw = {"coefficient": (dy * sums(x, axes)).sum(every), "bias": dy.sum(every)}
        return Backward((send_back(w["coefficient"] * dy, axes),), dw)

    def terms(self, run: Pass, at: At) -> Terms:
        """y is bias + the sum of coefficient * x0 over the window, dx0 the sum of coefficient * dy,
        dcoefficient of x0 * dy, and dbias of dy."""
        (x,) = run.x
        axes = self.axes(x.shape[1:])
        match at:
            case At("y", (n, *position, c)):
                met = positions_and_taps(axes, position=tuple(position))
                scaled = [run.term(("coefficient", (c,)), ("x0", (n, *place, c))) for _, _, place in met]
                return Terms((run.term(("bias", (c,))), *scaled))
            case At("dx0", (n, *place, c)):
                met = positions_and_taps(axes, place=tuple(place))
                return Terms(tuple(run.term(("coefficient", (c,)), ("dy", (n, *o, c))) for o, _, _ in met))
            case At("dcoefficient", (c,)):
                every = itertools.product(range(len(x)), positions_and_taps(axes))
                return Terms(
                    tuple(run.term(("x0", (n, *place, c)), ("dy", (n, *o, c))) for n, (o, _, place) in every)
                )
            case At("dbias", (c,)):
                return sum_of_dy(run, c)
        return super().terms(run, at)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        axes = self.axes(x[0].shape[1:])
        y = np.zeros((len(x[0]), *output_sizes(axes), x[0].shape[-1]), x[0].dtype) + w["bias"]
        for position, _, place in positions_and_taps(axes):
            y[:, *position] += w["coefficient"] * x[0][:, *place]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(2), ((4, 6, 3),))
        yield Case(cls(3, 2), ((7, 5, 2),))
        yield Case(cls(2, 3, on_misfit="floor"), ((6, 8, 2),), batch=1)
        yield Case(cls(3, 2, on_misfit="pad"), ((6, 8, 2),))
        yield Case(cls(2, 4, on_misfit="crop"), ((8, 9, 1),))
        yield Case(cls(2), ((6, 2),))
        yield Case(cls(2), ((2, 4, 2, 2),))
