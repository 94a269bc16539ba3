"""Layers that kitnet does not know, one of each kind that asks something special of whatever runs a graph.

Importing this module does not leave them in the registry, so that tests which go over all registered layers
mean kitnet's. A test that needs their words uses the fixture `own_layers` and calls `register()`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array, Param
from kitnet.layers import LAYERS, Backward, Case, Context, Forward, Kept, Layer, Loss

Arrays = Mapping[str, Array]


@dataclass(frozen=True)
class Slope(Layer):
    """`slope`: y = x where x > 0 and a x elsewhere, with one learned number a (He et al. 2015, "Delving deep
    into rectifiers", section 2.1)."""

    word = "slope"

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def params(self, *x: Shape) -> dict[str, Param]:
        return {"a": Param((), "mean", fan_in=4, decay=False)}

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.where(x[0] > 0, x[0], w["a"] * x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (x,) = kept.x
        return Backward((np.where(x > 0, dy, w["a"] * dy),), {"a": (np.minimum(x, 0) * dy).sum()})

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty_like(x[0])
        for index, value in np.ndenumerate(x[0]):
            y[index] = value if value > 0 else w["a"].item() * value
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls(), ((5,),), batch=1)


@dataclass(frozen=True)
class Product(Layer):
    """`product[a | b]`: y = a * b, of two branches with equal shapes."""

    word = "product"
    joins = True

    def output_shape(self, *x: Shape) -> Shape:
        if len(x) != 2 or x[0] != x[1]:
            raise ShapeError("product joins two equal volumes")
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0] * x[1])

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        a, b = kept.x
        return Backward((dy * b, dy * a))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.array([a * b for a, b in zip(x[0].flat, x[1].flat, strict=True)]).reshape(x[0].shape)

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 4),) * 2)
        yield Case(cls(), ((5,),) * 2, batch=1)


@dataclass(frozen=True)
class Gaussian(Loss):
    """C = s + (t - m)^2 / (2 e^2s): minus the logarithm of a normal density, up to a constant (Nix & Weigend
    1994). The scores (..., 2) are the mean m and the logarithm s of the deviation, the target t (...) is a
    number for each pair of them."""

    word = "normal"
    targets = ("values",)

    def target_shape(self, scores: Shape) -> Shape:
        if scores[-1] != 2:
            raise ShapeError("normal reads pairs of a mean and a deviation")
        return scores[:-1]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        (m, s), t = np.moveaxis(x[0], -1, 0), x[1]
        return Forward((s + (t - m) ** 2 * np.exp(-2 * s) / 2).sum(tuple(range(1, t.ndim))))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        (m, s), t = np.moveaxis(kept.x[0], -1, 0), kept.x[1]
        dy = dy.reshape(-1, *(1,) * (t.ndim - 1))
        dt = dy * (t - m) * np.exp(-2 * s)
        return Backward((np.stack([-dt, dy - dt * (t - m)], -1), None))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.zeros(len(x[0]), x[0].dtype)
        for place, t in np.ndenumerate(x[1]):
            m, s = x[0][place].tolist()
            y[place[0]] += s + ((t - m) / math.exp(s)) ** 2 / 2
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2,), ()), batch=3)
        yield Case(cls(), ((2, 3, 2), (2, 3)))


@dataclass(frozen=True)
class Sign(Layer):
    """`sgn`: y = -1, 0 or 1. It has no gradient."""

    word = "sgn"
    keeps = frozenset()

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.sign(x[0]))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((None,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(lambda v: (v > 0) - (v < 0), otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 2),))


@dataclass(frozen=True)
class Inverse(Layer):
    """`inverse`: y = 1 / x, which has no value at 0."""

    word = "inverse"
    keeps = frozenset({"y"})

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(1 / x[0])

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((-dy * kept.y**2,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.array([1 / value for value in x[0].flat]).reshape(x[0].shape)

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((6, 7, 3),), batch=3)
        yield Case(cls(), ((5,),), batch=1)


OWN: tuple[type[Layer], ...] = (Slope, Product, Gaussian, Sign, Inverse)
for one in OWN:
    del LAYERS[one.word]


def register() -> None:
    """Make these layers words of the language."""
    LAYERS.update({one.word: one for one in OWN})
