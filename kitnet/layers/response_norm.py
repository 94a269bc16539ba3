"""Local response normalisation: y = x / (k + alpha * S)^beta, where S is a sum of squares around each number.

    lrn            S = the sum of x^2 over `size` neighbouring maps at the same position, fewer at the first
                   and last maps (Krizhevsky, Sutskever & Hinton 2012, section 3.3; cuda-convnet's cmrnorm)
    lrn5 within    S = the sum of x^2 over a window of 5x5 of the same map (cuda-convnet's rnorm)
    lrn5 contrast  S = the sum of (x - m)^2 over that window, where m is the mean of the window around each
                   number (cuda-convnet's cnorm)

`alpha` multiplies the sum itself, as in the paper. Caffe, PyTorch, ONNX and cuda-convnet divide theirs by the
numbers in a window: their alpha = size * alpha across maps, size^2 * alpha within them.

A window reaches as far to both sides, so that the numbers that see x_j are those that x_j sees. With
u = k + alpha S, sums W over windows, and d = x or x - m:

    dx = dy * u^-beta + g,  g = -2 alpha beta * d * W(dy * x * u^(-beta - 1))

and where m is taken off, g - W(g / numbers in the window) in the place of g.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, slide
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Closing, Index, Number, Pass, Term, Terms
from kitnet.layers.value import argument, choice
from kitnet.layers.window import Axes, windows

Region = Literal["across", "within", "contrast"]


@dataclass(frozen=True)
class LocalResponseNorm(Layer):
    """`lrn5`: y = x / (k + alpha * S)^beta, S = the sum of x^2 over 5 neighbouring maps; `lrn5 within`: over
    5x5 of the same map; `lrn5 contrast`: the sum of (x - m)^2 there, m the mean of the window around each
    number. alpha is not divided by the size of the window."""

    word = "lrn"
    numbers = ("size",)

    size: int = 5
    region: Region = argument(choice("across", "within", "contrast", bare=True), "across")
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0

    def window_axes(self, x: Shape) -> Axes:
        """The window within a map."""
        return slide(x, self.size, pad="same", what="normalisation window")

    def output_shape(self, *x: Shape) -> Shape:
        if self.size < 1 or self.size % 2 == 0:
            raise ShapeError(
                f"a window of {self.size} has no middle", f"use {max(self.size // 2 * 2, 2) + 1}"
            )
        if self.k <= 0 or self.alpha < 0:
            raise ShapeError(
                f"k={self.k:g} and alpha={self.alpha:g} do not keep k + alpha * S above 0",
                "use a k above 0 and an alpha of 0 or more",
            )
        if self.region != "across":
            self.window_axes(x[0])
        return x[0]

    def multiplications(self, *x: Shape) -> int:
        return 2 * math.prod(x[0])  # the square, added to the sums, and alpha times the sum, plus k

    def _sum(self, a: Array) -> Array:
        """W: for each number the sum over the window around it."""
        if self.region != "across":
            axes = self.window_axes(a.shape[1:])
            total: Array = windows(a, axes).sum(tuple(range(1 + len(axes), 1 + 2 * len(axes))))
            return total
        half, maps = self.size // 2, a.shape[-1]
        around = np.pad(a, [*[(0, 0)] * (a.ndim - 1), (half, half)])
        total = np.zeros_like(a)
        for first in range(self.size):
            total += around[..., first : first + maps]
        return total

    def _base(self, x: Array) -> tuple[Array, Array, Array]:
        """u = k + alpha S, d and how many numbers a window has."""
        numbers = self._sum(np.ones_like(x))
        d = x - self._sum(x) / numbers if self.region == "contrast" else x
        return self.k + self.alpha * self._sum(d**2), d, numbers

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        u, _, _ = self._base(x[0])
        return Forward(x[0] * u**-self.beta)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (x,) = kept.x
        u, d, numbers = self._base(x)
        g = -2 * self.alpha * self.beta * d * self._sum(dy * x * u ** (-self.beta - 1))
        if self.region == "contrast":
            g = g - self._sum(g / numbers)
        return Backward((dy * u**-self.beta + g,))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is x u^-beta, which closes the sum u = k + alpha S; dx is the two terms of the gradient, the
        second one a sum over the window. Of deviations from a mean dx is found by asking the formulas."""
        u, d, _ = self._base(run.x[0])

        def raised(power: float, index: Index) -> Number:
            return Number(f"u^{power:g}", index, float(u[index]) ** power)

        window = self._around(run.x[0].shape, at.index)
        if at.of == "y":
            x = run.number("x0", at.index).value
            squares = [_square(run, d, j, self.alpha, self.region == "contrast") for j in window]
            close = Closing(f"x * sum^{-self.beta:g}", lambda total: x * total**-self.beta)
            return Terms((Term((Number("k", (), self.k),)), *squares), close)
        if at.of == "dx0" and self.region != "contrast":
            direct = run.term(("dy", at.index)).by(raised(-self.beta, at.index))
            sent = [
                run.term(
                    ("x0", at.index), ("dy", j), ("x0", j), times=-2 * self.alpha * self.beta
                ).by(raised(-self.beta - 1, j))
                for j in window
            ]  # fmt: skip
            return Terms((direct, *sent))
        return super().terms(run, at)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        import statistics

        y = np.empty_like(x[0])
        for at in np.ndindex(x[0].shape):
            d = [x[0][i] for i in self._around(x[0].shape, at)]
            if self.region == "contrast":
                means = [
                    statistics.fmean(x[0][j] for j in self._around(x[0].shape, i))
                    for i in self._around(x[0].shape, at)
                ]
                d = [value - mean for value, mean in zip(d, means, strict=True)]
            y[at] = x[0][at] / (self.k + self.alpha * math.fsum(v * v for v in d)) ** self.beta
        return y

    def _around(self, shape: Shape, at: tuple[int, ...]) -> list[tuple[int, ...]]:
        """The places in the window around a place."""
        moving = range(len(shape) - 1, len(shape)) if self.region == "across" else range(1, len(shape) - 1)
        reach = self.size // 2
        along = [range(i, i + 1) for i in at]
        for axis in moving:
            along[axis] = range(max(at[axis] - reach, 0), min(at[axis] + reach + 1, shape[axis]))
        return list(itertools.product(*along))

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 7),))
        yield Case(cls(3, "across", 0.5, 0.6, 1.0), ((5,),), batch=3)
        yield Case(cls(9, alpha=0.2), ((3, 4),), batch=1)  # more maps than there are
        yield Case(cls(3, "within", 0.3), ((5, 4, 3),))
        yield Case(cls(3, "contrast", 0.3, 0.5, 1.0), ((4, 3, 2),))
        yield Case(cls(5, "within", 0.2, 1.0, 1.0), ((4, 2),), batch=1)


def _square(run: Pass, d: Array, index: Index, times: float, deviation: bool) -> Term:
    """times * d^2, where d is x or its deviation from the mean."""
    if not deviation:
        return run.term(("x0", index), ("x0", index), times=times)
    number = Number("deviation", index, float(d[index]))
    return Term((number, number), times)
