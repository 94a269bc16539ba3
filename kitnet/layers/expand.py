"""A volume repeated along axes of one place: y[n, i, j, c] = x[n, i, 0, c] where x has one place there.

Volumes with fewer axes count as having axes of one place in front, as NumPy broadcasts. The gradient of a
number is the sum over the places that show it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, Sizes, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Case, Context
from kitnet.layers.rearrangement import Rearrangement
from kitnet.layers.value import SIZES, argument, as_shape


@dataclass(frozen=True)
class Expand(Rearrangement):
    """`expand to=4x4x8`: y = x, which has these sizes or 1 in their place, repeated to this volume."""

    word = "expand"
    repeats = True

    to: Sizes = argument(SIZES)

    def output_shape(self, *x: Shape) -> Shape:
        to, ones = as_shape(self.to), (1,) * (len(as_shape(self.to)) - len(x[0]))
        if len(x[0]) > len(to) or any(size not in (1, n) for size, n in zip((*ones, *x[0]), to, strict=True)):
            raise ShapeError(
                f"{say(x[0])} does not expand to {say(to)}", "its sizes are those of the result or 1"
            )
        return to

    def arrange(self, x: Array) -> Array:
        to = as_shape(self.to)
        ones = (1,) * (len(to) - (x.ndim - 1))
        return np.broadcast_to(x.reshape(len(x), *ones, *x.shape[1:]), (len(x), *to))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = x[0]
        while y.ndim <= len(as_shape(self.to)):
            y = y[:, None]
        for axis, n in enumerate(as_shape(self.to), start=1):
            if y.shape[axis] != n:
                y = np.concatenate([y] * n, axis)
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls((2, 3, 2)), ((1, 3, 1),))
        yield Case(cls((2, 3)), ((3,),), batch=1)
