"""Convolution and its gradients as functions."""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from kitnet.base.error import ShapeError
from kitnet.base.spec import Array
from kitnet.functional import argument
from kitnet.functional.argument import PadLike, SizesLike
from kitnet.layers import Context, Convolution, Kept
from kitnet.layers.window import output_sizes

ALGORITHMS = ("direct",)  # compiled ones


def convolve(
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None = None,
    *,
    stride: SizesLike = 1,
    pad: PadLike = "valid",
    dilation: SizesLike = 1,
    groups: SupportsIndex = 1,
    on_misfit: str = "error",
    algorithm: str | None = None,
    engine: str | None = None,
) -> Array:
    """x (N, *sizes, C), w (*window, C/groups, K), b (K,) -> y (N, *output, K), the correlation of both plus b.

        y[n, o, k] = b[k] + sum over r, c of  x[n, stride*o + dilation*r - before, c] * w[r, c, k]

    `stride` and `dilation` are one number, or one an axis. `pad` is "valid", "same", "full", a number, or one
    number or pair (before, after) an axis. Where the stride does not divide, `on_misfit="floor"` drops the
    rest. `algorithm` forces an implementation, "direct" or "formula"; `engine` is "compiled" or "formula",
    by default compiled for float32 where llvmlite is there. float64 always runs the formula.

    For the convolution of mathematics turn w: `np.flip(w, (0, 1))` for two axes. Source: LeCun, Bottou,
    Bengio, Haffner 1998, section II.A; `kitnet.layers.Convolution` is the formula.
    """
    name = "convolve"
    given = {"x": x, "w": w} if b is None else {"x": x, "w": w, "b": b}
    x, w, *biases = argument.arrays(name, **given)
    fast = argument.compiled(name, x, engine, algorithm, ALGORITHMS)
    layer = _layer(name, x, w, stride, pad, dilation, groups, on_misfit, bool(biases))
    weights = {"weight": w}
    for bias in biases:
        argument.expect(name, "b", bias, w.shape[-1:], "a number for each filter")
        weights["bias"] = bias
    axes = layer.axes(x.shape[1:])
    if fast or not len(x):
        y = np.empty((len(x), *output_sizes(axes), layer.filters), x.dtype)
        if len(x):
            from kitnet.functional.program import Convolve

            Convolve(axes, x.shape[-1], layer.filters, layer.groups, layer.bias).run(x=x, y=y, **weights)
        return y
    return np.ascontiguousarray(layer.forward(weights, {}, Context(), x).y)


def convolve_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    *,
    stride: SizesLike = 1,
    pad: PadLike = "valid",
    dilation: SizesLike = 1,
    groups: SupportsIndex = 1,
    on_misfit: str = "error",
    algorithm: str | None = None,
    engine: str | None = None,
) -> tuple[Array, Array, Array]:
    """The gradients (dx, dw, db) of sum(dy * convolve(x, w, b)), shaped as x, w and b; dy as y.

    Arguments as in `convolve`. Source: Bouvrie, "Notes on convolutional neural networks", 2006, eq. 9-13.
    """
    name = "convolve_backward"
    dy, x, w = argument.arrays(name, dy=dy, x=x, w=w)
    fast = argument.compiled(name, x, engine, algorithm, ALGORITHMS)
    layer = _layer(name, x, w, stride, pad, dilation, groups, on_misfit, True)
    axes = layer.axes(x.shape[1:])
    argument.expect(name, "dy", dy, (len(x), *output_sizes(axes), layer.filters), "as the output has")
    if not len(x):
        return np.empty_like(x), np.zeros_like(w), np.zeros(layer.filters, x.dtype)
    if fast:
        from kitnet.functional.program import ConvolveBackward

        dx, dw, db = np.empty_like(x), np.empty_like(w), np.empty(layer.filters, x.dtype)
        problem = ConvolveBackward(axes, x.shape[-1], layer.filters, layer.groups)
        problem.run(dy=dy, x=x, weight=w, dx=dx, dw=dw, db=db)
        return dx, dw, db
    found = layer.backward({"weight": w}, Kept((x.shape,), (x,)), dy)
    (dx_,), dw_, db_ = found.dx, found.dw["weight"], found.dw["bias"]
    return _owned(dx_), _owned(dw_), _owned(db_)


def _owned(a: Any) -> Array:
    return np.ascontiguousarray(a)


def _layer(
    name: str,
    x: Array,
    w: Array,
    stride: SizesLike,
    pad: PadLike,
    dilation: SizesLike,
    groups: SupportsIndex,
    on_misfit: str,
    bias: bool,
) -> Convolution:
    """The layer that a call means. Raises ShapeError where x or w does not fit it."""
