"""Padding of the depth: y is x with maps of zeros behind its own; dx is the part of dy that belongs to x.

The parameter-free shortcut of residual networks for CIFAR (He, Zhang, Ren & Sun 2015, section 4.2, option A).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms


@dataclass(frozen=True)
class PadChannels(Layer):
    """`padchannels32`: y = x with zeros for the maps behind its own, 32 maps in all."""

    word = "padchannels"
    numbers = ("depth",)
    keeps = frozenset()

    depth: int

    def output_shape(self, *x: Shape) -> Shape:
        if self.depth < x[0][-1]:
            raise ShapeError(
                f"a depth of {self.depth} has no room for the {x[0][-1]} maps of {say(x[0])}",
                f"use {x[0][-1]} or more",
            )
        return *x[0][:-1], self.depth

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        more = np.zeros((*x[0].shape[:-1], self.depth - x[0].shape[-1]), x[0].dtype)
        return Forward(np.concatenate([x[0], more], -1))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((dy[..., : kept.shapes[0][-1]].copy(),))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is a number of x0, or no term at all; dx0 is dy."""
        if at.of == "y":
            return Terms((run.term(("x0", at.index)),) if at.index[-1] < run.x[0].shape[-1] else ())
        return Terms((run.term(("dy", at.index)),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty((*x[0].shape[:-1], self.depth), x[0].dtype)
        for index in np.ndindex(*y.shape):
            y[index] = x[0][index] if index[-1] < x[0].shape[-1] else 0
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(7), ((3, 4, 3),))
        yield Case(cls(16), ((2, 3, 8),), batch=3)
        yield Case(cls(5), ((5,),), batch=1)
        yield Case(cls(2), ((4, 1),))
