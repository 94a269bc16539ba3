"""Layer, group and instance normalisation: y = scale * (x - mean) / sqrt(var + eps) + shift, with the mean
and the variance of numbers of one sample. What is normalised together:

    layernorm                 all numbers of a sample              Ba, Kiros & Hinton 2016, section 3
    layernorm over=channels   the channels of each position        Liu et al. 2022 ("A ConvNet for the 2020s")
    groupnorm8                each of 8 groups of channels,
                              at all positions                     Wu & He 2018, equations 1, 2, 6 and 7
    instancenorm              each channel, at all positions       Ulyanov, Vedaldi & Lempitsky 2016

A sample does not depend on the others, and training does what evaluation does. The variance is the biased
one, divided by the count m. With d = scale * dy and normalised = (x - mean) / sqrt(var + eps):

    dx = (d - mean of d - normalised * (mean of d * normalised)) / sqrt(var + eps)
    dscale = sum dy * normalised,  dshift = sum dy
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array, Buffer, Param
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.value import argument, choice

Over = Literal["sample", "channels"]
_TOGETHER = 2, 4  # the axes of (samples, places, positions, groups, channels) that a mean is taken over


class SampleNorm(Layer):
    """A family of layers with statistics of their own for each set of numbers. With `affine` they are
    followed by a learned scale and shift.
    """

    affine: bool
    eps: float

    @abstractmethod
    def sets(self, x: Shape) -> tuple[int, int, int, int]:
        """A sample as (places, positions, groups, channels): each place and group is a set, of all its
        positions and channels.
        """

    def scale_shape(self, x: Shape) -> Shape:
        """Of scale and shift: one number a channel."""
        return x[-1:]

    def output_shape(self, *x: Shape) -> Shape:
        if self.eps <= 0:
            raise ShapeError(f"an eps of {self.eps:g} does not keep var + eps above 0", "use 1e-5")
        _, positions, _, channels = self.sets(x[0])
        if positions * channels == 1:
            raise ShapeError(
                f"{self.word} on {say(x[0])} would take the mean of every single number, which leaves 0",
                "normalise more numbers together",
            )
        return x[0]

    def params(self, *x: Shape) -> dict[str, Param]:
        if not self.affine:
            return {}
        shape = self.scale_shape(x[0])
        return {"scale": Param(shape, "ones", decay=False), "shift": Param(shape, decay=False)}

    def extras(self, *x: Shape) -> dict[str, Buffer]:
        places, _, groups, _ = self.sets(x[0])
        of_a_set = Buffer((places, groups), per_sample=True)
        return {"mean": of_a_set, "inverse": of_a_set}

    def multiplications(self, *x: Shape) -> int:
        return math.prod(x[0])

    def _split(self, x: Array) -> Array:
        """(samples, places, positions, groups, channels)"""
        return x.reshape(len(x), *self.sets(x.shape[1:]))

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        split, dtype = self._split(x[0]), x[0].dtype
        mean = split.mean(_TOGETHER, np.float64, keepdims=True)  # float32 would lose digits over so many
        var = ((split - mean) ** 2).mean(_TOGETHER, keepdims=True)
        extras = {"mean": mean.astype(dtype), "inverse": (1 / np.sqrt(var + self.eps)).astype(dtype)}
        y = ((split - extras["mean"]) * extras["inverse"]).reshape(x[0].shape)
        if self.affine:
            y = w["scale"] * y + w["shift"]
        return Forward(y, {name: array.squeeze(_TOGETHER) for name, array in extras.items()})

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        mean, inverse = (np.expand_dims(kept.extras[name], _TOGETHER) for name in ("mean", "inverse"))
        normalised = (self._split(kept.x[0]) - mean) * inverse
        d = self._split(w["scale"] * dy if self.affine else dy)
        dx = inverse * (d - _mean(d) - normalised * _mean(d * normalised))
        if not self.affine:
            return Backward((dx.reshape(dy.shape),))
        shared = tuple(range(dy.ndim - w["scale"].ndim))  # the axes along which scale and shift are the same
        of_scale = (dy * normalised.reshape(dy.shape)).sum(shared, np.float64)
        dw = {"scale": of_scale, "shift": dy.sum(shared, np.float64)}
        return Backward((dx.reshape(dy.shape),), {name: array.astype(dy.dtype) for name, array in dw.items()})

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        import statistics

        places, positions, groups, channels = self.sets(x[0].shape[1:])
        numbers = x[0].reshape(len(x[0]), -1)
        y = np.empty_like(numbers)
        for n, place, group in np.ndindex(len(numbers), places, groups):
            first = [(place * positions + p) * groups * channels + group * channels for p in range(positions)]
            together = [i + c for i in first for c in range(channels)]
            values = numbers[n, together].tolist()
            mean, var = statistics.fmean(values), statistics.pvariance(values)
            y[n, together] = [(value - mean) / math.sqrt(var + self.eps) for value in values]
        whole: Array = y.reshape(x[0].shape)
        return whole * w["scale"] + w["shift"] if self.affine else whole


def _mean(a: Array) -> Array:
    """Of each set, in float64."""
    mean: Array = a.mean(_TOGETHER, np.float64, keepdims=True)
    return mean.astype(a.dtype)


@dataclass(frozen=True)
class LayerNorm(SampleNorm):
    """`layernorm`: y = scale * (x - mean) / sqrt(var + eps) + shift over all numbers of a sample, with one
    scale and one shift for each of them; `layernorm over=channels`: over the channels of each position, with
    one scale and one shift a channel."""

    word = "layernorm"

    over: Over = argument(choice("sample", "channels"), "sample")
    affine: bool = True
    eps: float = 1e-5

    def sets(self, x: Shape) -> tuple[int, int, int, int]:
        positions, channels = math.prod(x[:-1]), x[-1]
        return (1, positions, 1, channels) if self.over == "sample" else (positions, 1, 1, channels)

    def scale_shape(self, x: Shape) -> Shape:
        return x if self.over == "sample" else x[-1:]

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 5),))
        yield Case(cls("channels"), ((4, 3, 7),))
        yield Case(cls("sample", False, 0.1), ((9,),), batch=1)
        yield Case(cls("channels", eps=0.1), ((2, 3, 2, 6),), batch=3)
        yield Case(cls(), ((6, 1),), draw=_far)


@dataclass(frozen=True)
class GroupNorm(SampleNorm):
    """`groupnorm8`: y = scale * (x - mean) / sqrt(var + eps) + shift over each of 8 groups of channels and
    all positions, with one scale and one shift a channel."""

    word = "groupnorm"
    numbers = ("groups",)

    groups: int
    affine: bool = True
    eps: float = 1e-5

    def output_shape(self, *x: Shape) -> Shape:
        channels = x[0][-1]
        if self.groups < 1:
            raise ShapeError(f"{self.groups} groups of channels are not possible", "use 1 or more")
        if channels % self.groups:
            able = [groups for groups in range(1, channels + 1) if channels % groups == 0]
            near = min(able, key=lambda groups: (abs(groups - self.groups), groups))
            raise ShapeError(
                f"{self.groups} groups do not divide the {channels} channels of {say(x[0])}",
                f"use {near} or another divisor of {channels}",
            )
        return super().output_shape(*x)

    def sets(self, x: Shape) -> tuple[int, int, int, int]:
        return 1, math.prod(x[:-1]), self.groups, x[-1] // self.groups

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(2), ((3, 4, 6),))
        yield Case(cls(3, False), ((5, 9),), batch=1)
        yield Case(cls(2, eps=0.1), ((10,),), batch=3)
        yield Case(cls(1), ((2, 2, 3),), draw=_far)


@dataclass(frozen=True)
class InstanceNorm(SampleNorm):
    """`instancenorm`: y = (x - mean) / sqrt(var + eps) over all positions of each map; with `affine=yes`
    times a scale and plus a shift, one of each a map."""

    word = "instancenorm"

    affine: bool = False  # as the paper has it
    eps: float = 1e-5

    def sets(self, x: Shape) -> tuple[int, int, int, int]:
        return 1, math.prod(x[:-1]), x[-1], 1

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((3, 4, 5),))
        yield Case(cls(True, 0.1), ((7, 1),), batch=3)
        yield Case(cls(True), ((2, 3, 2, 2),), batch=1)


def _far(random: np.random.Generator, shapes: tuple[Shape, ...]) -> tuple[Array, ...]:
    """A mean of 100 deviations: squares of the numbers themselves would cancel."""
    return (100 + random.standard_normal(shapes[0]),)
