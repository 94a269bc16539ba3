"""Channel shuffle: the maps of g groups are dealt out in turn, so that the groups of the next convolution see
maps of all groups of this one (Zhang, Zhou, Lin & Sun 2018, "ShuffleNet", section 3.1):

    y[g i + j] = x[n j + i],   n = C / g maps a group,   i < n, j < g

The way back is the shuffle by n groups: dx[n j + i] = dy[g i + j].
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
class Shuffle(Layer):
    """`shuffle3`: y[3 i + j] = x[n j + i], the maps of 3 groups of n dealt out in turn."""

    word = "shuffle"
    numbers = ("groups",)
    keeps = frozenset()

    groups: int

    def output_shape(self, *x: Shape) -> Shape:
        if self.groups < 1 or x[0][-1] % self.groups:
            raise ShapeError(
                f"the {x[0][-1]} channels of {say(x[0])} make no {self.groups} equal groups", "use a divisor"
            )
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(_shuffled(x[0], self.groups))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((_shuffled(dy, dy.shape[-1] // self.groups),))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is a number of x0, and its dy goes back there."""
        *place, channel = at.index
        each = run.x[0].shape[-1] // self.groups
        if at.of == "y":
            i, j = divmod(channel, self.groups)
            return Terms((run.term(("x0", (*place, each * j + i))),))
        j, i = divmod(channel, each)
        return Terms((run.term(("dy", (*place, self.groups * i + j))),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty_like(x[0])
        each = y.shape[-1] // self.groups
        for i, j in np.ndindex(each, self.groups):
            y[..., self.groups * i + j] = x[0][..., each * j + i]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(3), ((2, 3, 6),))
        yield Case(cls(2), ((2, 2, 34),), batch=1)
        yield Case(cls(5), ((5,),), batch=3)


def _shuffled(x: Array, groups: int) -> Array:
    grouped = x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)
    return np.ascontiguousarray(grouped.swapaxes(-1, -2)).reshape(x.shape)
