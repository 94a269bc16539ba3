"""Local contrast normalisation (Jarrett, Kavukcuoglu, Ranzato & LeCun 2009, section 2, the layer N): the mean
of the numbers around a position, in all maps, is taken off, and their deviation divides.

    v[p, c] = x[p, c] - sum_q,c' w[p, q] x[q, c'] / maps            subtractive
    sigma[p] = sqrt(sum_q,c' w[p, q] v[q, c']^2 / maps)
    y[p, c] = v[p, c] / max(sigma[p], mean of sigma, floor)         divisive

w is a Gaussian window of `size` places along each axis. At the border, of which the paper says nothing, the
places that there are share its weight: sum_q w[p, q] = 1 everywhere. The paper gives no width either; the
deviation of the Gaussian is `sigma`, or a quarter of the size. `floor` keeps an even image from being divided
by the rounding of its own deviation.

With D the divisor and dsigma the gradient of sigma, which D sends to its largest term:

    dv[p, c] = dy[p, c] / D[p] + v[p, c] sum_q w[q, p] dsigma[q] / (sigma[q] maps)
    dx[p, c] = dv[p, c] - sum_q,c' w[q, p] dv[q, c'] / maps
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, slide
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.value import REAL, argument


@dataclass(frozen=True)
class ContrastNorm(Layer):
    """`contrastnorm9`: y = v / max(sigma, mean of sigma, floor), where v is x less the mean and sigma the
    deviation of all maps in a Gaussian window of 9x9, whose width is `sigma`, usually a quarter of it."""

    word = "contrastnorm"
    numbers = ("size",)

    size: int = 9
    sigma: float | None = argument(REAL, None)
    floor: float = 1e-4

    def output_shape(self, *x: Shape) -> Shape:
        if self.size < 1 or self.size % 2 == 0:
            raise ShapeError(
                f"a window of {self.size} has no middle", f"use {max(self.size // 2 * 2, 2) + 1}"
            )
        if self.floor <= 0 or (self.sigma is not None and self.sigma <= 0):
            raise ShapeError(
                "sigma and floor have to be above 0", "leave them out, or use such as 2.0 and 1e-4"
            )
        slide(x[0], self.size, pad="same", what="normalisation window")
        return x[0]

    def multiplications(self, *x: Shape) -> int:
        """Of two means, by one axis after the other, and the square and quotient."""
        return math.prod(x[0]) * (2 * self.size * (len(x[0]) - 1) + 2)

    def weights(self, sizes: Shape) -> list[Array]:
        """For each axis the matrix w[p, q], rows of which add up to 1: a Gaussian is the product of its
        axes.
        """
        found = []
        for places in sizes:
            far = np.subtract.outer(np.arange(places), np.arange(places))
            width = self.size / 4 if self.sigma is None else self.sigma
            near = np.where(abs(far) <= self.size // 2, np.exp(-((far / width) ** 2) / 2), 0)
            found.append(near / near.sum(1, keepdims=True))
        return found

    def _weights(self, x: Array) -> list[Array]:
        return [matrix.astype(x.dtype) for matrix in self.weights(x.shape[1:-1])]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        v, sigma = self._standard(x[0])
        return Forward(v / self._divisor(sigma))

    def _standard(self, x: Array) -> tuple[Array, Array]:
        """v, and sigma (N, *sizes, 1)."""
        weights = self._weights(x)
        v = x - _mean(x, weights)
        return v, np.sqrt(_mean(v**2, weights))

    def _divisor(self, sigma: Array) -> Array:
        return np.maximum(np.maximum(sigma, _mean_of_positions(sigma)), sigma.dtype.type(self.floor))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        """The chain from y back to x. `_spread` is the adjoint of `_mean`."""
        (x,) = kept.x
        weights = self._weights(x)
        v, sigma = self._standard(x)
        middle, divisor = _mean_of_positions(sigma), self._divisor(sigma)
        ddivisor = -(dy * v).sum(-1, keepdims=True) / divisor**2
        by_mean = np.where((middle > sigma) & (middle >= self.floor), ddivisor, 0)
        dsigma = np.where((sigma >= middle) & (sigma >= self.floor), ddivisor, 0) + _mean_of_positions(
            by_mean
        )
        dsquare = np.divide(dsigma, 2 * sigma, out=np.zeros_like(sigma), where=sigma > 0)
        dv = dy / divisor + 2 * v * _spread(dsquare, weights, x.shape[-1])
        return Backward((dv - _spread(dv.sum(-1, keepdims=True), weights, x.shape[-1]),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty_like(x[0])
        sizes, maps = x[0].shape[1:-1], x[0].shape[-1]
        width = self.size / 4 if self.sigma is None else self.sigma
        places = list(np.ndindex(sizes))
        near = {
            p: [q for q in places if max(abs(a - b) for a, b in zip(p, q, strict=True)) <= self.size // 2]
            for p in places
        }
        weight = {(p, q): math.exp(-(math.dist(p, q) ** 2) / (2 * width**2)) for p in places for q in near[p]}
        for n in range(len(y)):
            v, sigma = np.empty((*sizes, maps)), {}
            for p in places:
                whole = maps * math.fsum(weight[p, q] for q in near[p])
                v[p] = (
                    x[0][n, *p] - math.fsum(weight[p, q] * float(x[0][n, *q].sum()) for q in near[p]) / whole
                )
            for p in places:
                whole = maps * math.fsum(weight[p, q] for q in near[p])
                sigma[p] = math.sqrt(
                    math.fsum(weight[p, q] * float((v[q] ** 2).sum()) for q in near[p]) / whole
                )
            middle = math.fsum(sigma.values()) / len(places)
            for p in places:
                y[n, *p] = v[p] / max(sigma[p], middle, self.floor)
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(3), ((5, 4, 2),))
        yield Case(cls(sigma=1.5), ((4, 3, 3),), batch=1)  # a window larger than the image
        yield Case(cls(3, 0.8), ((7, 2),))
        yield Case(cls(3, floor=5.0), ((2, 3, 2, 1),))


def _mean(a: Array, weights: Sequence[Array]) -> Array:
    """(N, *sizes, C) -> (N, *sizes, 1): the weighted mean around each position, of all maps."""
    return _along(a.mean(-1, keepdims=True), weights)


def _spread(d: Array, weights: Sequence[Array], maps: int) -> Array:
    """(N, *sizes, 1) -> (N, *sizes, 1): what each map gets of the gradients of the means."""
    return _along(d / maps, [matrix.T for matrix in weights])


def _along(a: Array, matrices: Sequence[Array]) -> Array:
    """Each axis times its matrix."""
    for axis, matrix in enumerate(matrices, 1):
        a = np.moveaxis(np.tensordot(matrix, a, (1, axis)), 0, axis)
    return a


def _mean_of_positions(a: Array) -> Array:
    mean: Array = a.mean(tuple(range(1, a.ndim - 1)), keepdims=True)
    return mean
