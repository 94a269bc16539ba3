"""What a layer says about the arrays it needs: parameters that are learned, buffers that are not, and how
both begin."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.base.shape import Shape

Array = NDArray[Any]


@dataclass(frozen=True)
class Param:
    """A learned array, a single number where `shape` is ().

    `fan_in` and `fan_out` are the connections into and out of one unit, as initialisers need them; `fan_in`
    may be one number for each index of the last axis. Weight decay applies where `decay` is True. Weights are
    a matrix, (connections, units) with units in the last axis: one for each of the first `positions`, and
    `groups` of them side by side.
    """

    shape: Shape
    init: str = "zeros"
    fan_in: int | tuple[int, ...] = 1
    fan_out: int = 1
    decay: bool = True
    positions: int = 1
    groups: int = 1

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class Matrix(NamedTuple):
    """Numbers of a flat array, from `start` on, that are a matrix."""

    start: int
    rows: int
    columns: int

    @property
    def slice(self) -> slice:
        return slice(self.start, self.start + self.rows * self.columns)


@dataclass(frozen=True)
class Buffer:
    """An array that is not learned: state of a layer, or what forward saves for backward.

    `dtype` None is the dtype of the input. `per_sample` puts the batch axis in front of `shape`. `value` is
    how state begins.
    """

    shape: Shape
    dtype: str | None = None
    per_sample: bool = False
    value: float | Array = 0.0


Initialiser = Callable[["np.random.Generator", Param], Array]


def _uniform(limit: Callable[[Any, int], Any]) -> Initialiser:
    def draw(random: np.random.Generator, p: Param) -> Array:
        return random.uniform(-1.0, 1.0, p.shape) * limit(np.asarray(p.fan_in, float), p.fan_out)

    return draw


def _normal(deviation: Callable[[Any, int], Any]) -> Initialiser:
    def draw(random: np.random.Generator, p: Param) -> Array:
        return random.standard_normal(p.shape) * deviation(np.asarray(p.fan_in, float), p.fan_out)

    return draw


def _orthogonal(random: np.random.Generator, p: Param) -> Array:
    """Matrices whose columns are orthogonal and of length 1; their rows, where there are fewer of them."""
    if isinstance(p.fan_in, tuple):
        raise KitnetError(
            "orthogonal weights are a matrix, but a connection table leaves some out; use another init"
        )
    units = (p.shape[-1] if p.shape else 1) // p.groups
    inputs = p.size // (p.positions * p.groups * units)
    drawn = random.standard_normal((p.positions, p.groups, max(inputs, units), min(inputs, units)))
    q, r = np.linalg.qr(drawn)
    q *= np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1, 1)[..., None, :]  # so that all are as likely
    if inputs < units:
        q = q.swapaxes(-1, -2)
    return q.swapaxes(1, 2).reshape(p.shape)  # groups lie side by side in the last axis


def _dirac(random: np.random.Generator, p: Param) -> Array:
    """Filters of which the first ones, as many as there are input channels, hand on one each; the others are
    uniform between -1/sqrt(F) and 1/sqrt(F), F the fan-in."""
    if isinstance(p.fan_in, tuple) or p.groups > 1 or p.positions > 1 or len(p.shape) < 3:
        raise KitnetError(
            "dirac filters hand on whole channels, without groups and connection tables; use another init"
        )
    w = random.uniform(-1.0, 1.0, p.shape) / math.sqrt(p.fan_in)
    centre: list[Any] = [n // 2 for n in p.shape[:-2]]
    handed_on = np.arange(min(p.shape[-2:]))
    w[..., handed_on] = 0
    w[(*centre, handed_on, handed_on)] = 1
    return w


INITIALISERS: dict[str, Initialiser] = {
    "zeros": lambda random, p: np.zeros(p.shape),
    "ones": lambda random, p: np.ones(p.shape),
    # one over the connections into a unit: a trainable mean, for subsampling
    "mean": lambda random, p: np.ones(p.shape) / np.asarray(p.fan_in, float),
    # He, Zhang, Ren, Sun 2015, section 2.1: how the slopes of parametric ReLUs begin
    "quarter": lambda random, p: np.full(p.shape, 0.25),
    # LeCun, Bottou, Bengio, Haffner 1998, section "weights before training": between -2.4/F and 2.4/F, F the
    # fan-in
    "lecun1998": _uniform(lambda i, o: 2.4 / i),
    # LeCun, Bottou, Orr, Müller 1998, "Efficient BackProp", equation 16: deviation 1/sqrt(F)
    "lecun": _normal(lambda i, o: i**-0.5),
    # Glorot & Bengio 2010, equation 16
    "glorot": _uniform(lambda i, o: (6.0 / (i + o)) ** 0.5),
    # He, Zhang, Ren, Sun 2015, equation 10
    "he": _normal(lambda i, o: (2.0 / i) ** 0.5),
    # Krizhevsky, Sutskever, Hinton 2012, section 5
    "gaussian": _normal(lambda i, o: 0.01),
    # Saxe, McClelland, Ganguli 2013, section 3: deviation 1/sqrt of the longer side of the matrix
    "orthogonal": _orthogonal,
    # Zagoruyko & Komodakis 2017, "DiracNets", section 3.1; Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a
    # single GPU", section 3.2
    "dirac": _dirac,
}
WHOLE = ("orthogonal", "dirac")  # which need all of an array at once
USUAL = "he"  # of layers that do not say their own
OF_WEIGHTS = (
    "zeros",
    "lecun1998",
    "lecun",
    "glorot",
    "he",
    "orthogonal",
    "gaussian",
    "dirac",
)  # in its place


def initial(random: np.random.Generator, p: Param, dtype: Any = np.float32) -> Array:
    """An array as `p.init` says, drawn from `random` in float64 and rounded to `dtype` once."""
    if p.init not in INITIALISERS:
        raise KitnetError(
            f"unknown initialiser {shorten(p.init)}{nearest(p.init, INITIALISERS)}; "
            f"known: {', '.join(INITIALISERS)}"
        )
    return np.asarray(INITIALISERS[p.init](random, p), dtype)  # NumPy draws a scalar as a number
