"""Normalisation: by running statistics, by those of a sample, and by what is around a number."""

from __future__ import annotations

import math

import numpy as np

from kitnet.interop.onnx.writing.building import Here, channels_first, first
from kitnet.interop.onnx.writing.pools import along
from kitnet.interop.onnx.writing.registry import writes
from kitnet.interop.onnx.writing.windows import sums
from kitnet.layers.window import inside


@writes("batchnorm")
def _batch_norm(here: Here) -> str:
    learned, running = map(here.weight, ("scale", "shift")), map(here.state, ("mean", "var"))
    return here.to.op("BatchNormalization", here.x[0], *learned, *running, epsilon=here.layer.eps)


@writes("instancenorm", "groupnorm", "layernorm")
def _sample_norm(here: Here) -> str:
    """ONNX's InstanceNormalization takes each number of axis 1 as a set of its own."""
    to, (x,), layer, (shape,) = here.to, here.x, here.layer, here.shapes
    places, positions, groups, channels = layer.sets(shape)
    if places > 1:  # a set at each position, of all channels
        x = to.reshape(to.turn(x, 0, *range(2, 1 + len(shape)), 1), places, channels)
    else:
        x = to.reshape(x, groups, channels * positions)
    sets = places * groups
    x = to.op(
        "InstanceNormalization", x, to.constant(np.ones(sets)), to.constant(np.zeros(sets)), epsilon=layer.eps
    )
    if places > 1:
        x = to.turn(x, 0, 2, 1)
    x = to.reshape(x, *channels_first(shape))
    if not layer.affine:
        return x
    if len(layer.scale_shape(shape)) > 1:
        scale, shift = (here.weight(name, first) for name in ("scale", "shift"))
    else:
        scale, shift = (here.of_maps(name) for name in ("scale", "shift"))
    return to.op("Add", to.op("Mul", x, scale), shift)


@writes("lrn")
def _response_norm(here: Here) -> str:
    """ONNX divides alpha by the maps of a window, and has (N, C, H, W) alone."""
    to, layer, (x,), (shape,) = here.to, here.layer, here.x, here.shapes
    if layer.region == "across":
        flat = to.reshape(x, shape[-1], math.prod(shape[:-1]), 1) if len(shape) != 3 else x
        how = {"alpha": layer.alpha * layer.size, "beta": layer.beta, "bias": layer.k, "size": layer.size}
        y = to.op("LRN", flat, **how)
        return to.reshape(y, *channels_first(shape)) if len(shape) != 3 else y
    axes, d = layer.window_axes(shape), x
    if layer.region == "contrast":
        d = to.op("Sub", x, to.times(sums(here, x, axes, shape[-1]), 1 / inside(axes)))
    squares = sums(here, to.op("Mul", d, d), axes, shape[-1])
    base = to.plus(to.times(squares, layer.alpha), layer.k)
    return to.op("Mul", x, to.op("Pow", base, to.constant(-layer.beta)))


@writes("contrastnorm")
def _contrast_norm(here: Here) -> str:
    """The Gaussian window is the product of a matrix for each axis."""
    to, layer, (x,) = here.to, here.layer, here.x

    def mean(value: str) -> str:
        value = to.reduce("Mean", value, 1)
        for axis, matrix in enumerate(layer.weights(here.shape[:-1])):
            value = along(here, value, axis, matrix)
        return value

    v = to.op("Sub", x, mean(x))
    sigma = to.op("Sqrt", mean(to.op("Mul", v, v)))
    whole = to.reduce("Mean", sigma, *here.spatial)
    return to.op("Div", v, to.op("Max", sigma, whole, to.constant(layer.floor)))
