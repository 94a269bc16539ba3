"""Unpooling: y goes back to the places from which a max pool took its largest values; all else is 0.

The second operand is what the max pool saw: its winners are the switches. Where windows overlap, what comes
to one place is added, so that unpooling is the adjoint of the choice that the max pool made, and the gradient
of the pooled volume is dy at the winners; what was seen has none. Zeiler & Fergus,
"Visualizing and understanding convolutional networks", 2014, section 2.1 (deconvolutional network);
Badrinarayanan, Kendall & Cipolla, "SegNet", 2017 (decoder).

    unpool2[maxpool2 -> conv3-8 same | identity]        down, some layers, up to where the winners were
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array, Buffer
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept
from kitnet.layers.max_pool import MaxPool
from kitnet.layers.pooling import Pooling
from kitnet.layers.window import area, positions_and_taps, windows


@dataclass(frozen=True)
class Unpool(Pooling):
    """`unpool2[a | x]`: y = a at the places of the largest values of x, of which `maxpool2` makes a volume of
    a's shape, and 0 elsewhere. Window, stride, pad, dilation and regions are those of the max pool."""

    word = "unpool"
    joins = True

    @property
    def pool(self) -> MaxPool:
        return MaxPool(**{one.name: getattr(self, one.name) for one in fields(self)})

    def output_shape(self, *x: Shape) -> Shape:
        if len(x) != 2:
            raise ShapeError(
                f"unpool reads two operands, a pooled volume and what the max pool saw, but got {len(x)}",
                "write unpool2[pooled | seen]",
            )
        pooled, seen = x
        if pooled != self.pool.output_shape(seen):
            raise ShapeError(
                f"max pooling {say(seen)} gives {say(self.pool.output_shape(seen))}, but what is to be "
                f"unpooled is {say(pooled)}",
                "use the window and stride of the max pool, and as many channels",
            )
        return seen

    def connections(self, *x: Shape) -> int:
        return self.pool.connections(x[1])

    def extras(self, *x: Shape) -> dict[str, Buffer]:
        return self.pool.extras(x[1])

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        pooled, seen = x
        winners = self.pool.forward({}, {}, ctx, seen).extras
        (y,) = self.pool.backward({}, Kept((seen.shape,), extras=winners), pooled).dx
        assert y is not None
        return Forward(y, winners)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        axes = self.axes(dy.shape[1:])
        winners = kept.extras["indices"][..., None, :].astype(np.intp)
        d = windows(dy, axes).reshape(*kept.shapes[0][:-1], area(axes), dy.shape[-1])
        return Backward((np.take_along_axis(d, winners, -2).squeeze(-2), None))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        pooled, seen = x
        axes, y = self.axes(seen.shape[1:]), np.zeros_like(seen)
        for n, *position, c in np.ndindex(*pooled.shape):
            places = [place for _, _, place in positions_and_taps(axes, position=tuple(position))]
            winner = max(places, key=lambda place: seen[n, *place, c])  # the first of equal ones
            y[n, *winner, c] += pooled[n, *position, c]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(2), ((2, 3, 3), (4, 6, 3)))
        yield Case(cls((3, 2), (2, 1), pad=1), ((3, 5, 1), (5, 4, 1)), batch=1)
        yield Case(cls(2, 3, dilation=2, on_misfit="floor"), ((2, 2), (8, 2)))
        yield Case(cls(regions=(2, 1, 3)), ((2, 1, 3, 2), (3, 2, 4, 2)))
