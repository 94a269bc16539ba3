"""The same numbers in the same order, row by row with channels innermost, as another volume; dx is dy as the
volume of x."""

from __future__ import annotations

import math
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
class Reshape(Rearrangement):
    """`reshape to=4x6`: y = the numbers of x in their order, in another volume of as many."""

    word = "reshape"

    to: Sizes = argument(SIZES)

    def output_shape(self, *x: Shape) -> Shape:
        to = as_shape(self.to)
        if math.prod(to) != math.prod(x[0]):
            raise ShapeError(
                f"the {math.prod(x[0])} numbers of {say(x[0])} do not make {say(to)}, which holds "
                f"{math.prod(to)}",
                "use sizes with the same product",
            )
        return to

    def arrange(self, x: Array) -> Array:
        return x.reshape(len(x), *as_shape(self.to))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty((len(x[0]), *as_shape(self.to)), x[0].dtype)
        places = np.ndindex(*y.shape)
        for number in x[0].flat:
            y[next(places)] = number
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls((4, 3)), ((2, 3, 2),))
        yield Case(cls(6), ((2, 3),), batch=1)
