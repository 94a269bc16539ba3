"""Weighted sums: convolutions, with filters that positions share or not, and linear layers."""

from __future__ import annotations

import math

import numpy as np

from kitnet.base.spec import Array
from kitnet.interop.onnx.writing.building import Here, channels_first, first
from kitnet.interop.onnx.writing.registry import writes
from kitnet.interop.onnx.writing.windows import framed, sliding, unfolded


def filters_first(weight: Array) -> Array:
    """The last two axes, of the maps, come first: (*window, C, K) -> (K, C, *window)."""
    return np.moveaxis(weight, (-1, -2), (0, 1))


@writes("conv")
def _convolution(here: Here) -> str:
    layer, (shape,) = here.layer, here.shapes
    x, axes = framed(here, here.x[0], layer.axes(shape))
    weight = here.weight("weight", lambda w: filters_first(layer.dense(w, shape[-1])))
    bias = [here.weight("bias")] if layer.bias else []
    return here.to.op("Conv", x, weight, *bias, group=layer.groups, **sliding(axes))


@writes("transposed")
def _transposed(here: Here) -> str:
    """What is cut off or added behind is the difference to the output that nothing is cut off from."""
    layer, axes = here.layer, here.layer.adjoint_axes(here.shapes[0])
    more = [a.size - (a.stride * (a.output - 1) + a.extent - a.before - a.after) for a in axes]
    weight = here.weight("weight", filters_first)  # maps of x before those of y: (C, K, *window)
    bias = [here.weight("bias")] if layer.bias else []
    attributes = {**sliding(axes), **({"output_padding": more} if any(more) else {})}
    return here.to.op("ConvTranspose", here.x[0], weight, *bias, group=layer.groups, **attributes)


@writes("local")
def _locally_connected(here: Here) -> str:
    """A product of matrices for each position: (positions, N, C taps) by (positions, C taps, K)."""
    to, layer, (shape,) = here.to, here.layer, here.shapes
    axes, channels = layer.axes(shape), shape[-1]
    positions, taps = math.prod(a.output for a in axes), math.prod(a.window for a in axes)

    def matrices(weight: Array) -> Array:
        """(*output, *window, C, K) -> (positions, C taps, K)"""
        apart = weight.reshape(positions, taps, channels, layer.filters)
        return apart.swapaxes(1, 2).reshape(positions, channels * taps, layer.filters)

    seen = to.turn(unfolded(here, here.x[0], axes, channels), 2, 0, 1, 3)
    seen = to.reshape(seen, -1, channels * taps)
    y = to.turn(to.op("MatMul", seen, here.weight("weight", matrices)), 1, 2, 0)
    y = to.reshape(y, *channels_first(here.shape))
    return to.op("Add", y, here.weight("bias", first)) if layer.bias else y


@writes("fc")
def _linear(here: Here) -> str:
    """The rows of the matrix stand as ONNX has the numbers of x: map by map."""
    layer, (shape,) = here.layer, here.shapes

    def by_maps(weight: Array) -> Array:
        """(inputs, units) -> (units, inputs)"""
        return filters_first(weight.reshape(*shape, layer.units)).reshape(layer.units, -1)

    x = here.x[0] if len(shape) == 1 else here.to.op("Flatten", here.x[0], axis=1)
    weight = here.weight("weight", by_maps)
    bias = [here.weight("bias")] if layer.bias else []
    return here.to.op("Gemm", x, weight, *bias, transB=1)


@writes("bias")
def _bias(here: Here) -> str:
    return here.to.op("Add", here.x[0], here.weight("bias", first))
