"""Layers that compare windows with templates."""

from __future__ import annotations

import math

import numpy as np

from kitnet.base.spec import Array
from kitnet.interop.onnx.writing.building import Here, channels_first
from kitnet.interop.onnx.writing.linear import filters_first
from kitnet.interop.onnx.writing.registry import writes
from kitnet.interop.onnx.writing.windows import framed, sliding, sums, unfolded
from kitnet.layers.radial_basis import digit_bitmaps
from kitnet.layers.window import Axes

FLOAT, DOUBLE = 1, 11  # ONNX's numbers for the types


def _correlate(here: Here, x: str, weight: str) -> str:
    x, axes = framed(here, x, here.layer.axes(here.shapes[0]))
    return here.to.op("Conv", x, weight, **sliding(axes))


@writes("cosine")
def _cosine(here: Here) -> str:
    """As a product of matrices, which ONNX run-times have in double precision, too: squares of small and
    large numbers are neither 0 nor infinite."""
    to, layer, (shape,) = here.to, here.layer, here.shapes
    axes: Axes = layer.axes(shape)
    size = math.prod(a.window for a in axes) * shape[-1]

    def columns(weight: Array) -> Array:
        """(*window, C, K) -> (C taps, K)"""
        return np.moveaxis(weight, -2, 0).reshape(size, layer.filters)

    seen = to.turn(unfolded(here, here.x[0], axes, shape[-1]), 0, 2, 1, 3)
    seen = to.op("Cast", to.reshape(seen, math.prod(a.output for a in axes), size), to=DOUBLE)
    weight = to.op("Cast", here.weight("weight", columns), to=DOUBLE)
    product = to.op("MatMul", seen, weight)
    squares = to.reduce("Sum", to.op("Mul", seen, seen), 2)
    of_templates = to.reduce("Sum", to.op("Mul", weight, weight), 0)
    lengths = to.op("Mul", to.op("Sqrt", squares), to.op("Sqrt", of_templates))
    zero = to.constant(0, np.float64)
    y = to.op("Where", to.op("Greater", lengths, zero), to.op("Div", product, lengths), zero)
    y = to.turn(to.op("Cast", y, to=FLOAT), 0, 2, 1)
    return to.reshape(y, *channels_first(here.shape))


@writes("scell")
def _s_cell(here: Here) -> str:
    to, layer, (x,), (shape,) = here.to, here.layer, here.x, here.shapes
    excited = to.plus(_correlate(here, x, here.weight("weight", filters_first)), 1)
    squares = to.reduce("Sum", to.op("Mul", x, x), 1)
    mean = to.times(sums(here, squares, layer.axes(shape), 1), 1 / layer.size(shape))
    inhibition = to.op("Relu", here.of_maps("inhibition"))
    share = 2 * layer.selectivity / (1 + layer.selectivity)
    divisor = to.plus(to.op("Mul", to.op("Sqrt", mean), to.times(inhibition, share)), 1)
    return to.times(to.op("Relu", to.plus(to.op("Div", excited, divisor), -1)), layer.selectivity)


@writes("patch")
def _patch(here: Here) -> str:
    """The sum of m (x - w)^2, multiplied out into three sums."""
    to, layer, (x,), (shape,) = here.to, here.layer, here.x, here.shapes
    patch, squares = here.weight("weight", filters_first), to.op("Mul", x, x)
    if layer.sparse:
        mask = here.weight("mask", filters_first)
        seen, masked = _correlate(here, squares, mask), to.op("Mul", mask, patch)
    else:
        seen, masked = sums(here, to.reduce("Sum", squares, 1), layer.axes(shape), 1), patch
    own = to.reduce("Sum", to.op("Mul", masked, patch), *range(1, 2 + here.rank))
    crossed = to.times(_correlate(here, x, masked), 2)
    distance = to.op("Add", to.op("Sub", seen, crossed), to.op("Transpose", own, perm=[1, 0, *here.spatial]))
    return to.op("Exp", to.times(distance, -layer.sharpness))


@writes("rbf")
def _radial_basis(here: Here) -> str:
    """Squared distances from the bitmaps, whose numbers stand as those of x do."""
    to, (shape,) = here.to, here.shapes
    bitmaps = np.moveaxis(digit_bitmaps().reshape(10, *shape), -1, 1).reshape(10, -1)
    x = to.reshape(here.x[0], 1, -1)
    difference = to.op("Sub", x, to.constant(bitmaps))
    return to.reduce("Sum", to.op("Mul", difference, difference), 2, keep=False)
