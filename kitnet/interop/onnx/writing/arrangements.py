"""Layers that put numbers elsewhere, and those that name axes.

Axes of a volume count from 1, channels last; in ONNX the channels are axis 1, and the others one further.
"""

from __future__ import annotations

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.interop.onnx.writing.building import Building, Here, channels_first, first
from kitnet.interop.onnx.writing.pools import along
from kitnet.interop.onnx.writing.registry import writes

BACKWARDS = -(1 << 31)  # the end of a slice that goes back to the first place


def axis_in_onnx(axis: int, shape: Shape) -> int:
    return 1 if axis == len(shape) else axis + 1


def channels_behind(to: Building, x: str, shape: Shape) -> str:
    """(N, C, *sizes) -> (N, *sizes, C)"""
    return to.turn(x, 0, *range(2, 1 + len(shape)), 1) if len(shape) > 1 else x


def channels_ahead(to: Building, x: str, shape: Shape) -> str:
    """(N, *sizes, C) -> (N, C, *sizes)"""
    return to.turn(x, 0, len(shape), *range(1, len(shape))) if len(shape) > 1 else x


@writes("permute")
def _permute(here: Here) -> str:
    *others, channels = (axis_in_onnx(axis, here.shapes[0]) for axis in here.layer.order)
    return here.to.turn(here.x[0], 0, channels, *others)


@writes("reshape")
def _reshape(here: Here) -> str:
    x = here.to.reshape(channels_behind(here.to, here.x[0], here.shapes[0]), *here.shape)
    return channels_ahead(here.to, x, here.shape)


@writes("expand")
def _expand(here: Here) -> str:
    *sizes, channels = here.shapes[0]
    ones = (1,) * (len(here.shape) - len(here.shapes[0]))
    x = here.to.reshape(here.x[0], channels, *ones, *sizes)
    return here.to.op("Expand", x, here.to.whole(1, *channels_first(here.shape)))


@writes("slice")
def _slice(here: Here) -> str:
    to, shape, steps = here.to, here.shape, here.layer.step or (1,) * len(here.shape)
    ends = [s + m * d for s, m, d in zip(here.layer.start, shape, steps, strict=True)]
    axes = [axis_in_onnx(axis, shape) for axis in range(1, 1 + len(shape))]
    rows = here.layer.start, [end if end >= 0 else BACKWARDS for end in ends], axes, steps
    return to.op("Slice", here.x[0], *(to.whole(*row) for row in rows))


@writes("gather")
def _gather(here: Here) -> str:
    axis = axis_in_onnx(here.layer.axis, here.shapes[0])
    return here.to.op("Gather", here.x[0], here.to.whole(*here.layer.indices), axis=axis)


@writes("reduce")
def _reduce(here: Here) -> str:
    axes = (axis_in_onnx(axis, here.shapes[0]) for axis in here.layer.over)
    return here.to.reduce(here.layer.of.capitalize(), here.x[0], *axes)


@writes("depthtospace")
def _depth_to_space(here: Here) -> str:
    layer = here.layer
    if len(here.shape) != 3:
        return _rearranged(here)
    return here.to.op("DepthToSpace", here.x[0], blocksize=layer.block, mode=layer.order)


@writes("spacetodepth")
def _space_to_depth(here: Here) -> str:
    if len(here.shape) != 3 or here.layer.order != "DCR":
        return _rearranged(here)
    return here.to.op("SpaceToDepth", here.x[0], blocksize=here.layer.block)


def _rearranged(here: Here) -> str:
    """Number by number: what ONNX has for two axes alone."""
    places = np.arange(np.prod(here.shapes[0])).reshape(channels_first(here.shapes[0]))
    taken: Array = here.layer.arrange(np.moveaxis(places, 0, -1)[None])[0]
    x = here.to.reshape(here.x[0], places.size)
    x = here.to.op("Gather", x, here.to.whole(*first(taken).ravel().tolist()), axis=1)
    return here.to.reshape(x, *channels_first(here.shape))


@writes("matmul")
def _matrix_product(here: Here) -> str:
    a, b = (channels_behind(here.to, x, shape) for x, shape in zip(here.x, here.shapes, strict=True))
    return channels_ahead(here.to, here.to.op("MatMul", a, b), here.shape)


@writes("constant")
def _constant(here: Here) -> str:
    """The weights once for every sample."""
    to = here.to
    samples = to.op("Shape", here.x[0], start=0, end=1)
    weight = here.weight("weight", lambda array: first(array)[None])
    return to.op("Expand", weight, to.op("Concat", samples, to.whole(*channels_first(here.shape)), axis=0))


@writes("resize")
def _resize(here: Here) -> str:
    """By the shares of each place: a run-time has ONNX's Resize not for all its modes and ranks."""
    x = here.x[0]
    for axis, line in enumerate(here.layer.lines(here.shapes[0])):
        shares = np.zeros((len(line.sources), line.size))
        for place, sources in enumerate(line.sources):
            for source, share in sources:
                shares[place, source] = share
        if not line.same:
            x = along(here, x, axis, shares)
    return x
