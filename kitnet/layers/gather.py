"""Places of one axis in any order and number: y[..., o, ...] = x[..., indices[o], ...]; the gradient of a
place is the sum over all places of y that show it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Case, Context
from kitnet.layers.rearrangement import Rearrangement, check_axis
from kitnet.layers.value import INTEGERS, argument


@dataclass(frozen=True)
class Gather(Rearrangement):
    """`gather axis=3 indices=2,0,0`: y = these places of an axis of x, counted from 0, the axes from 1."""

    word = "gather"
    repeats = True

    axis: int
    indices: tuple[int, ...] = argument(INTEGERS)

    def output_shape(self, *x: Shape) -> Shape:
        check_axis(self.axis, x[0])
        n = x[0][self.axis - 1]
        for index in self.indices:
            if not 0 <= index < n:
                raise ShapeError(
                    f"axis {self.axis} of {say(x[0])} has no place {index}", f"its places are 0 to {n - 1}"
                )
        return *x[0][: self.axis - 1], len(self.indices), *x[0][self.axis :]

    def keeps_positions(self, x: Shape) -> bool:
        return self.axis == len(x)

    def arrange(self, x: Array) -> Array:
        return x.take(self.indices, self.axis)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        slices = np.moveaxis(x[0], self.axis, 0)
        return np.stack([slices[index] for index in self.indices], self.axis)

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(3, (2, 0, 0, 1)), ((2, 1, 3),))
        yield Case(cls(1, (1,)), ((3, 2),), batch=1)
