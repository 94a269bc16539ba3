"""Pools: what a window, or a region, of each map becomes."""

from __future__ import annotations

import numpy as np

from kitnet.base.spec import Array
from kitnet.interop.onnx.writing.building import Here
from kitnet.interop.onnx.writing.registry import writes
from kitnet.interop.onnx.writing.windows import (
    framed,
    is_global,
    places_of_regions,
    side_by_side,
    sliding,
    sums,
)
from kitnet.layers.window import Axes, area, inside


def _axes(here: Here) -> Axes:
    axes: Axes = here.layer.axes(here.shapes[0])
    return axes


def _plain(axes: Axes) -> bool:
    """Whether windows are those of ONNX's pools in every opset: neither dilated nor regions."""
    return all(a.dilation == 1 and not a.regions for a in axes)


@writes("maxpool")
def _max_pool(here: Here) -> str:
    axes = _axes(here)
    if is_global(axes):
        return here.to.op("GlobalMaxPool", here.x[0])
    x, axes = framed(here, *side_by_side(here, here.x[0], axes, -np.inf), -np.inf, most=True)
    return here.to.op("MaxPool", x, **sliding(axes))


@writes("meanpool")
def _mean_pool(here: Here) -> str:
    axes, counted = _axes(here), here.layer.count_pad
    if is_global(axes):
        return here.to.op("GlobalAveragePool", here.x[0])
    if _plain(axes):
        x, axes = framed(here, here.x[0], axes)
        return here.to.op("AveragePool", x, count_include_pad=int(counted), **sliding(axes))
    counts = np.full([a.output for a in axes], area(axes)) if counted else inside(axes)
    return here.to.times(_sums(here, here.x[0]), 1 / counts)


@writes("sumpool")
def _sum_pool(here: Here) -> str:
    return _sums(here, here.x[0])


@writes("squarepool")
def _square_pool(here: Here) -> str:
    return _sums(here, here.to.op("Mul", here.x[0], here.x[0]))


@writes("normpool")
def _norm_pool(here: Here) -> str:
    """ONNX has p as a whole number alone."""
    to, axes, p = here.to, _axes(here), here.layer.p
    if is_global(axes) and p.is_integer():
        return to.op("GlobalLpPool", here.x[0], p=int(p))
    if _plain(axes) and p.is_integer():
        x, axes = framed(here, here.x[0], axes)
        return to.op("LpPool", x, p=int(p), **sliding(axes))
    powers = to.op("Pow", to.op("Abs", here.x[0]), to.constant(p))
    return to.op("Pow", _sums(here, powers), to.constant(1 / p))


@writes("stochasticpool")
def _stochastic_pool(here: Here) -> str:
    """In evaluation the mean with the probabilities as weights: sum of a^2 / sum of a, 0 where that is 0."""
    to = here.to
    a = to.op("Relu", here.x[0])
    total, squares = _sums(here, a), _sums(here, to.op("Mul", a, a))
    zero = to.constant(0)
    return to.op("Where", to.op("Greater", total, zero), to.op("Div", squares, total), zero)


@writes("subsample")
def _subsample(here: Here) -> str:
    to = here.to
    scaled = to.op("Mul", _sums(here, here.x[0]), here.of_maps("coefficient"))
    return to.op("Add", scaled, here.of_maps("bias"))


@writes("unpool")
def _unpool(here: Here) -> str:
    """The max pool's indices count the places of all that it saw; what comes to one place is added."""
    to, (pooled, seen) = here.to, here.x
    axes, channels = here.layer.axes(here.shape), here.shape[-1]
    x, beside = side_by_side(here, seen, axes, -np.inf)
    x, around = framed(here, x, beside, -np.inf, most=True)
    _, indices = to.several("MaxPool", 2, x, **sliding(around))
    shape = to.op("Shape", x)
    zeros = to.op("ConstantOfShape", to.op("Shape", to.op("Reshape", x, to.whole(-1))))
    values, places = (to.op("Reshape", one, to.whole(-1)) for one in (pooled, indices))
    y = to.op("ScatterElements", zeros, places, values, axis=0, reduction="add")
    y = to.op("Reshape", y, shape)
    y = _unframed(here, y, beside, around)
    for i, a in enumerate(axes):
        if a.regions:
            y = along(here, y, i, _merged(places_of_regions(a), a.size))
    return to.reshape(y, channels, *here.shape[:-1])


def _unframed(here: Here, y: str, axes: Axes, around: Axes) -> str:
    """The way back from `framed`: what lies on the input, and 0 at the places that were not seen."""
    to, rank = here.to, 2 + len(axes)
    pairs = list(zip(axes, around, strict=True))
    if any((max(a.before, 0), max(a.after, 0)) != (b.before, b.after) for a, b in pairs):
        starts = [max(a.before, 0) - b.before for a, b in pairs]
        ends = [
            start + a.size + min(a.before, 0) + min(a.after, 0) for start, a in zip(starts, axes, strict=True)
        ]
        y = to.slice(y, range(2, rank), starts, ends)
    unseen = [(max(-a.before, 0), max(-a.after, 0)) for a in axes]
    return to.pad(y, range(2, rank), unseen, rank) if any(map(any, unseen)) else y


def along(here: Here, x: str, axis: int, matrix: Array) -> str:
    """One axis of the volume times a matrix (to, from)."""
    to, last = here.to, len(here.shape)
    turned = [*range(last + 1)]
    turned[2 + axis], turned[last] = turned[last], turned[2 + axis]
    moved = 2 + axis != last
    x = to.turn(x, *turned) if moved else x
    x = to.op("MatMul", x, to.constant(matrix.T))
    return to.turn(x, *turned) if moved else x


def _merged(places: Array, size: int) -> Array:
    """(size, places): 1 where a place shows this one."""
    return np.equal.outer(np.arange(size), places).astype(np.float32)


def _sums(here: Here, x: str) -> str:
    return sums(here, x, _axes(here), here.shapes[0][-1])
