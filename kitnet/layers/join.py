"""Where branches meet: the sum of equal volumes, the concatenation along the depth, and the branch that does
nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer


@dataclass(frozen=True)
class Add(Layer):
    """`add[a | b | ...]`: y = a + b + ..., of branches with equal shapes."""

    word = "add"
    joins = True
    keeps = frozenset()

    def output_shape(self, *x: Shape) -> Shape:
        if len(x) < 2:
            raise ShapeError("add joins two branches or more", "write add[one | other]")
        if len(set(x)) > 1:
            raise ShapeError(
                f"only equal volumes can be added, but got {' + '.join(map(say, x))}", "make them equal"
            )
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        y = x[0] + x[1]
        for other in x[2:]:
            y = y + other
        return Forward(y)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((dy,) * len(kept.shapes))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.stack(x).sum(0)

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 4),) * 2)
        yield Case(cls(), ((5,),) * 3, batch=1)


@dataclass(frozen=True)
class Concatenate(Layer):
    """`concat[a | b | ...]`: y = the branches behind each other along the depth; the other axes are equal."""

    word = "concat"
    joins = True
    keeps = frozenset()

    def output_shape(self, *x: Shape) -> Shape:
        if len(x) < 2:
            raise ShapeError("concat joins two branches or more", "write concat[one | other]")
        if len({shape[:-1] for shape in x}) > 1:
            raise ShapeError(
                f"only volumes of equal sizes can be concatenated, but got {' and '.join(map(say, x))}",
                "make all axes but the depth equal",
            )
        return *x[0][:-1], sum(shape[-1] for shape in x)

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.concatenate(x, -1))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        cuts = list(accumulate(shape[-1] for shape in kept.shapes))[:-1]
        return Backward(tuple(np.split(dy, cuts, -1)))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty((*x[0].shape[:-1], sum(one.shape[-1] for one in x)), x[0].dtype)
        first = 0
        for one in x:
            for c in range(one.shape[-1]):
                y[..., first + c] = one[..., c]
            first += one.shape[-1]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 4), (2, 3, 1), (2, 3, 2)))
        yield Case(cls(), ((5,), (2,)), batch=1)


@dataclass(frozen=True)
class Identity(Layer):
    """`identity`: y = x, for a branch that passes its input on."""

    word = "identity"
    keeps = frozenset()

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0].copy())

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return x[0]

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 4),))
