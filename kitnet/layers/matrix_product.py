"""The product of two matrices that both depend on the input, as attention takes it:

y[n, i, j] = sum over k of a[n, i, k] b[n, k, j]
da[n, i, k] = sum over j of dy[n, i, j] b[n, k, j]
db[n, k, j] = sum over i of a[n, i, k] dy[n, i, j]

Axes before the last two are equal, and there is a product for each of their places.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms


@dataclass(frozen=True)
class MatrixProduct(Layer):
    """`matmul[a | b]`: y = a b, of matrices I x K and K x J, a product for each place of the axes before."""

    word = "matmul"
    joins = True

    def output_shape(self, *x: Shape) -> Shape:
        if len(x) < 2:
            raise ShapeError("matmul joins two branches or more", "write matmul[one | other]")
        if len(x) > 2:
            raise ShapeError(
                f"matmul joins two branches, but got {len(x)}", "write matmul[matmul[one | other] | third]"
            )
        a, b = x
        if len(a) != len(b) or len(a) < 2 or a[:-2] != b[:-2] or a[-1] != b[-2]:
            raise ShapeError(
                f"no matrix product of {say(a)} and {say(b)}",
                "the last axis of the first is as long as the last but one of the second, and the axes "
                "before are equal",
            )
        return *a[:-1], b[-1]

    def multiplications(self, *x: Shape) -> int:
        return math.prod(x[0]) * x[1][-1]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0] @ x[1])

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        a, b = kept.x
        return Backward((dy @ b.swapaxes(-1, -2), a.swapaxes(-1, -2) @ dy))

    def terms(self, run: Pass, at: At) -> Terms:
        *place, i, j = at.index
        match at.of:
            case "y":
                inner = range(run.x[0].shape[-1])
                pairs = [(("x0", (*place, i, k)), ("x1", (*place, k, j))) for k in inner]
            case "dx0":
                inner = range(run.x[1].shape[-1])
                pairs = [(("dy", (*place, i, k)), ("x1", (*place, j, k))) for k in inner]
            case _:
                inner = range(run.x[0].shape[-2])
                pairs = [(("x0", (*place, k, i)), ("dy", (*place, k, j))) for k in inner]
        return Terms(tuple(run.term(*pair) for pair in pairs))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        a, b = x
        y = np.zeros((*a.shape[:-1], b.shape[-1]), a.dtype)
        for k in range(a.shape[-1]):
            y += a[..., :, k, None] * b[..., None, k, :]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 3), (3, 3)))
        yield Case(cls(), ((2, 1, 3), (2, 3, 2)), batch=1)
