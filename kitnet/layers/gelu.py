"""The Gaussian error linear unit: x times the probability F(x) that a standard normal number is below x
(Hendrycks & Gimpel 2016, section 2), with f its density:

    y = x F(x) = x (1 + erf(x / sqrt 2)) / 2,   dx = (F(x) + x f(x)) dy

and the paper's form by tanh, which is nearly the same:

    y = x (1 + tanh u) / 2 = x s(2u),   u = sqrt(2 / pi) (x + 0.044715 x^3),   s the sigmoid
    dx = (s + 2 x s (1 - s) u') dy
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kitnet.base.normal import CUBIC, SLOPE
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.pointwise import Pointwise
from kitnet.layers.sigmoid import sigmoid
from kitnet.layers.value import argument, choice


def below(x: Array) -> Array:
    """The probability that a standard normal number is below x, by erfc, which keeps the digits of small
    ones."""
    return (np.vectorize(math.erfc, otypes=[x.dtype])(-x * math.sqrt(0.5)) / 2).astype(x.dtype)


def density(x: Array) -> Array:
    """The density of standard normal numbers at x."""
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def argument_of_tanh(x: Array) -> Array:
    """2u"""
    return 2 * SLOPE * (x + CUBIC * x**3)


def sigmoid_slope(x: Array) -> Array:
    """s (1 - s), which keeps its digits where s is nearly 1."""
    e = np.exp(-np.abs(x))
    return e / (1 + e) ** 2


@dataclass(frozen=True)
class Gelu(Pointwise):
    """`gelu`: y = x (1 + erf(x / sqrt 2)) / 2; `gelu form=tanh`: y = x (1 + tanh(sqrt(2 / pi) (x + 0.044715
    x^3))) / 2."""

    word = "gelu"

    form: Literal["erf", "tanh"] = argument(choice("erf", "tanh"), "erf")

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0] * (below(x[0]) if self.form == "erf" else sigmoid(argument_of_tanh(x[0]))))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        x = kept.x[0]
        if self.form == "erf":
            return Backward(((below(x) + x * density(x)) * dy,))
        u = argument_of_tanh(x)
        slope = 2 * SLOPE * (1 + 3 * CUBIC * x**2)
        return Backward(((sigmoid(u) + x * sigmoid_slope(u) * slope) * dy,))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        """The probability as the integral of the density, by Gauss's rule; tanh by its exponentials."""
        nodes, weights = np.polynomial.legendre.leggauss(12)

        def by_erf(v: float) -> float:
            width = (10 + max(v, 0)) / 12  # of twelve pieces of the way down to where nothing is left
            places = v - width * (np.arange(12)[:, None] + (1 + nodes) / 2)
            parts = width / 2 * weights * np.exp(-(places**2) / 2)
            return v * math.fsum(parts.flat) / math.sqrt(2 * math.pi)

        def by_tanh(v: float) -> float:
            u = math.sqrt(2 / math.pi) * (v + 0.044715 * v * v * v)
            return v * math.exp(u) / (math.exp(u) + math.exp(-u))

        return np.vectorize(by_erf if self.form == "erf" else by_tanh, otypes=[x[0].dtype])(x[0])

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 2),))
        yield Case(cls("tanh"), ((7, 2),), batch=3)
        yield Case(cls(), ((5,),), 1, _wide)
        yield Case(cls("tanh"), ((5,),), 1, _wide)


def _wide(random: np.random.Generator, shapes: tuple[Shape, ...]) -> tuple[Array, ...]:
    return (random.uniform(-6, 6, shapes[0]),)
