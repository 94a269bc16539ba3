"""Stochastic pooling: in training y = one number of each window, drawn with a probability in proportion to
it; in evaluation y = the mean of the window weighted with these probabilities, map by map:

    p_i = a_i / sum_j a_j        training: y = a_l with l drawn from p        evaluation: y = sum_i p_i a_i

with a = max(x, 0), since only what is positive can be a share: the paper pools the output of a ReLU, which
this changes nothing of. A window without a positive number gives 0 and sends no gradient back. In training dy
goes to the number that was drawn, as in max pooling. Zeiler & Fergus, "Stochastic pooling for regularization
of deep convolutional neural networks", 2013, equations 4 to 6.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array, Buffer
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pooling import Pooling
from kitnet.layers.window import area, output_sizes, overlap_add, positions_and_taps, windows


@dataclass(frozen=True)
class StochasticPool(Pooling):
    """`stochasticpool2`: in training y = a number of each window, drawn with the probability x / sum of x
    over the window, numbers below 0 counting as 0; in evaluation y = the mean with these probabilities as
    weights."""

    word = "stochasticpool"

    def extras(self, *x: Shape) -> dict[str, Buffer]:
        shape = *self.output_shape(*x)[:-1], area(self.axes(x[0])), x[0][-1]
        return {"slopes": Buffer(shape, per_sample=True)}  # how far y moves with each number of its window

    def multiplications(self, *x: Shape) -> int:
        return self.connections(*x)

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        axes = self.axes(x[0].shape[1:])
        a = np.maximum(windows(x[0], axes), 0)
        a = a.reshape(len(a), *output_sizes(axes), area(axes), a.shape[-1])
        y, slopes = _drawn(a, ctx) if ctx.train else _weighted(a)
        return Forward(y.squeeze(-2), {"slopes": slopes})

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        axes = self.axes(kept.shapes[0][1:])
        d = kept.extras["slopes"] * dy[..., None, :]
        return Backward(
            (overlap_add(d.reshape(*dy.shape[:-1], *(a.window for a in axes), dy.shape[-1]), axes),)
        )

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        axes = self.axes(x[0].shape[1:])
        y = np.zeros((len(x[0]), *self.output_shape(x[0].shape[1:])), x[0].dtype)
        for n in range(len(y)):
            alone = replace(ctx, first_sample=ctx.first_sample + n)
            words = alone.bits(1, y[n].size)[0].tolist()
            for (*position, c), word in zip(np.ndindex(*y.shape[1:]), words, strict=True):
                places = [place for _, _, place in positions_and_taps(axes, position=tuple(position))]
                seen = [float(x[0][n, *place, c]) for place in places if x[0][n, *place, c] > 0]
                if seen and ctx.train:
                    borders = list(accumulate(seen))
                    arrow = (word >> 11) / 2**53 * borders[-1]
                    y[n, *position, c] = next(v for v, end in zip(seen, borders, strict=True) if arrow < end)
                elif seen:
                    y[n, *position, c] = sum(v / sum(seen) * v for v in seen)
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(2), ((4, 6, 3),))
        yield Case(cls((3, 2), (2, 1), pad=1), ((5, 4, 1),), batch=1)
        yield Case(cls(2, 3, dilation=2, on_misfit="floor"), ((8, 2),))
        yield Case(cls(regions=(2, 1, 3)), ((3, 2, 4, 2),))


def _drawn(a: Array, ctx: Context) -> tuple[Array, Array]:
    """One of each window a (N, *output, taps, C), and 1 where it came from.

    Sums are taken in float64, in which an arrow never reaches the end of the last share.
    """
    each = (*a.shape[1:-2], 1, a.shape[-1])
    arrows = (ctx.bits(len(a), math.prod(each)).reshape(len(a), *each) >> np.uint64(11)) * 2.0**-53  # below 1
    borders = a.cumsum(-2, float)
    tap = (arrows * borders[..., -1:, :] < borders).argmax(-2, keepdims=True)
    y, slopes = np.take_along_axis(a, tap, -2), np.zeros_like(a)
    np.put_along_axis(slopes, tap, (y > 0).astype(a.dtype), -2)
    return y, slopes


def _weighted(a: Array) -> tuple[Array, Array]:
    """y = sum a^2 / sum a of each window a (N, *output, taps, C), and dy/da = (2 a - y) / sum a."""
    total = a.sum(-2, keepdims=True)
    share = np.divide(1, total, out=np.zeros_like(total), where=total > 0)
    y = (share * a * a).sum(-2, keepdims=True)
    return y, np.where(a > 0, (2 * a - y) * share, 0)
