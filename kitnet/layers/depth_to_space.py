"""Channels to places and back, in blocks of B x B:

    depthtospace   y[n, h B + i, w B + j, c] = x[n, h, w, d]     d = (i B + j) C + c  (DCR)
                                                                 d = (c B + i) B + j  (CRD)
    spacetodepth   y[n, h, w, d] = x[n, h B + i, w B + j, c]

where y of depthtospace, or x of spacetodepth, has C channels (written for two axes). CRD is the pixel shuffle
of Shi et al. 2016, "Real-time single image and video super-resolution", equation 4, DCR what TensorFlow
does; both names are ONNX's. Each is the other's way back, which gives dx from dy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Case, Context
from kitnet.layers.rearrangement import Rearrangement
from kitnet.layers.value import argument, choice

Order = Literal["DCR", "CRD"]
ORDER = choice("DCR", "CRD", bare=True)


@dataclass(frozen=True)
class DepthToSpace(Rearrangement):
    """`depthtospace2`: y = x with blocks of 2x2 places of each 4 channels, which lie C apart in the depth;
    `depthtospace2 CRD`: which lie side by side, as in a pixel shuffle."""

    word = "depthtospace"
    numbers = ("block",)

    block: int
    order: Order = argument(ORDER, "DCR")

    def output_shape(self, *x: Shape) -> Shape:
        *sizes, depth = _checked(self.word, self.block, x[0])
        each = self.block ** len(sizes)
        if depth % each:
            raise ShapeError(
                f"the {depth} channels of {say(x[0])} make no blocks of {each} places",
                f"use a number of channels that {each} divides",
            )
        return *(n * self.block for n in sizes), depth // each

    def arrange(self, x: Array) -> Array:
        batch, *sizes, depth = x.shape
        blocks, axes = (self.block,) * len(sizes), range(1, 1 + len(sizes))
        channels = depth // self.block ** len(sizes)
        parts = (*blocks, channels) if self.order == "DCR" else (channels, *blocks)
        first = 1 + len(sizes) + (self.order == "CRD")  # the axis of the first block
        channel = 1 + len(sizes) + (len(sizes) if self.order == "DCR" else 0)
        pairs = [axis for i, one in enumerate(axes) for axis in (one, first + i)]
        whole = x.reshape(batch, *sizes, *parts).transpose(0, *pairs, channel)
        return whole.reshape(batch, *(n * self.block for n in sizes), channels)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return _by_places(self.block, self.order, x[0], self.output_shape(x[0].shape[1:]))

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(2), ((1, 2, 8),))
        yield Case(cls(2, "CRD"), ((2, 1, 8),), batch=1)
        yield Case(cls(3, "CRD"), ((2, 6),), batch=1)


@dataclass(frozen=True)
class SpaceToDepth(Rearrangement):
    """`spacetodepth2`: y = x with the 2x2 places of a block in the depth, all maps of a place side by side;
    `spacetodepth2 CRD`: all places of a map side by side."""

    word = "spacetodepth"
    numbers = ("block",)

    block: int
    order: Order = argument(ORDER, "DCR")

    def output_shape(self, *x: Shape) -> Shape:
        *sizes, depth = _checked(self.word, self.block, x[0])
        if any(n % self.block for n in sizes):
            raise ShapeError(
                f"blocks of {self.block} places do not divide {say(x[0])}", "use sizes that they divide"
            )
        return *(n // self.block for n in sizes), depth * self.block ** len(sizes)

    def arrange(self, x: Array) -> Array:
        batch, *sizes, depth = x.shape
        split = [size for n in sizes for size in (n // self.block, self.block)]
        outer, inner = range(1, 1 + 2 * len(sizes), 2), range(2, 2 + 2 * len(sizes), 2)
        channel = 1 + 2 * len(sizes)
        last = (*inner, channel) if self.order == "DCR" else (channel, *inner)
        whole = x.reshape(batch, *split, depth).transpose(0, *outer, *last)
        return whole.reshape(batch, *(n // self.block for n in sizes), depth * self.block ** len(sizes))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        """The places that `depthtospace` would make of the numbers of y's places."""
        shape = self.output_shape(x[0].shape[1:])
        numbers = np.arange(math.prod(shape)).reshape(1, *shape)
        places = _by_places(self.block, self.order, numbers, x[0].shape[1:])
        y = np.empty((len(x[0]), math.prod(shape)), x[0].dtype)
        y[:, places.ravel()] = x[0].reshape(len(x[0]), math.prod(shape))
        return y.reshape(len(x[0]), *shape)

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(2), ((2, 4, 2),))
        yield Case(cls(2, "CRD"), ((4, 2),), batch=1)


def _checked(word: str, block: int, x: Shape) -> Shape:
    if len(x) < 2:
        raise ShapeError(f"{word} is for volumes such as 28x28x4, but its input is {say(x)}")
    if block < 1:
        raise ShapeError(f"a block of {block} is not possible", "use 1 or more")
    return x


def _by_places(block: int, order: Order, x: Array, sizes: Shape) -> Array:
    """y of `depthtospace` by its equation, place by place."""
    y = np.empty((len(x), *sizes), x.dtype)
    for n, *place, c in np.ndindex(*y.shape):
        inner, outer = [p % block for p in place], [p // block for p in place]
        d = c if order == "CRD" else 0
        for i in inner:
            d = d * block + i
        y[n, *place, c] = x[n, *outer, d if order == "CRD" else d * sizes[-1] + c]
    return y
