"""Axes in another order: y[n, i, j, ...] is x[n, ...] with i, j, ... at the axes that `order` names;
dx is dy with its axes where they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Case, Context
from kitnet.layers.rearrangement import Rearrangement
from kitnet.layers.value import INTEGERS, argument


@dataclass(frozen=True)
class Permute(Rearrangement):
    """`permute order=3,1,2`: y = x with its axes in this order, counted from 1; the batch stays in front."""

    word = "permute"

    order: tuple[int, ...] = argument(INTEGERS)

    def output_shape(self, *x: Shape) -> Shape:
        if sorted(self.order) != list(range(1, len(x[0]) + 1)):
            raise ShapeError(
                f"{','.join(map(str, self.order))} is no order of the axes of {say(x[0])}",
                f"name each from 1 to {len(x[0])} once",
            )
        return tuple(x[0][axis - 1] for axis in self.order)

    def arrange(self, x: Array) -> Array:
        return x.transpose(0, *self.order)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty((len(x[0]), *self.output_shape(x[0].shape[1:])), x[0].dtype)
        for n, *place in np.ndindex(*y.shape):
            there = [0] * len(place)
            for axis, i in zip(self.order, place, strict=True):
                there[axis - 1] = i
            y[n, *place] = x[0][n, *there]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls((3, 1, 2)), ((2, 3, 2),))
        yield Case(cls((2, 1)), ((2, 5),), batch=1)
