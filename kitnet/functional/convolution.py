"""Convolution and its gradients as functions."""

from __future__ import annotations

from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from kitnet.base.error import ShapeError
from kitnet.base.spec import Array
from kitnet.functional import argument
from kitnet.functional.argument import PadLike, SizesLike
from kitnet.layers import Context, Convolution, Kept

ALGORITHMS = "direct", "winograd", "fourier"  # of compiled code

# What a call says besides its arrays: stride, pad, dilation, groups, on_misfit, flip.
Options = tuple[SizesLike, PadLike, SizesLike, SupportsIndex, str, bool]


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
    flip: bool = False,
    algorithm: str | None = None,
    engine: str | None = None,
) -> Array:
    """x (N, *sizes, C), w (*window, C/groups, K), b (K,) -> y (N, *output, K), their correlation plus b:

        y[n, o, k] = b[k] + sum over r, c of  x[n, stride*o + dilation*r - before, c] * w[r, c, k]

    `stride` and `dilation` are one number, or one an axis. `pad` is "valid", "same", "full", a number, or one
    number or pair (before, after) an axis. With a window of even size "same" pads the odd place behind, as
    libraries of deep learning do; SciPy's and NumPy's "same" has it before, which is pad=((F // 2,
    (F - 1) // 2), ...) for a window of F. `on_misfit` says what becomes of places that the stride does not
    divide: "error", or "floor", "ceil", "pad", "crop" (`kitnet.base.shape`).
    `algorithm` forces one: "direct", the usual sum, which is taken by default; "winograd", F(4x4,3x3),
    about twice as fast for many channels, with an error of some 1e-6 of the result; "fourier", transforms,
    for large windows; or "formula". `engine` is "compiled" or "formula", by default compiled where llvmlite
    is there; float64 always runs the formula.

    With `flip` filters are turned by 180 degrees: the convolution of mathematics, of NumPy and of SciPy,
    but for the "same" of even windows. Source: LeCun, Bottou, Bengio, Haffner 1998, section II.A; the formula
    is `kitnet.layers.Convolution`.
    """
    options = stride, pad, dilation, groups, on_misfit, flip
    return correlated("convolve", x, w, b, options, algorithm, engine)


def correlated(
    name: str,
    x: ArrayLike,
    w: ArrayLike,
    b: ArrayLike | None,
    options: Options,
    algorithm: str | None = None,
    engine: str | None = None,
) -> Array:
    """`convolve` for a function of this name."""
    given = {"x": x, "w": w} if b is None else {"x": x, "w": w, "b": b}
    arrays = argument.arrays(name, **given)
    x, w = arrays.pop("x"), arrays["w"]
    fast = argument.compiled(name, x, engine, algorithm, ALGORITHMS)
    layer = _layer(name, x, w, b is not None, options)
    weights = {"weight": w}
    if b is not None:
        weights["bias"] = arrays["b"]
        argument.expect(name, "b", weights["bias"], (layer.filters,), "a number for each filter")
    if fast:
        from kitnet.functional.plans import forward

        with argument.named(name):
            return forward(layer, x, weights, algorithm or "direct")
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
    flip: bool = False,
    algorithm: str | None = None,
    engine: str | None = None,
) -> tuple[Array, Array, Array]:
    """The gradients (dx, dw, db) of sum(dy * convolve(x, w, b)): shaped as x, w and b. dy is shaped as y.

    The other arguments as in `convolve`. "fourier" is for dx; dw is the direct sum then, as it is with
    "winograd" where the filters do not fill whole vectors. Source: Bouvrie, "Notes on convolutional neural
    networks", 2006, eq. 9-13.
    """
    name = "convolve_backward"
    dy, x, w = argument.arrays(name, dy=dy, x=x, w=w).values()
    fast = argument.compiled(name, x, engine, algorithm, ALGORITHMS)
    layer = _layer(name, x, w, True, (stride, pad, dilation, groups, on_misfit, flip))
    argument.expect(name, "dy", dy, (len(x), *layer.output_shape(x.shape[1:])), "that of the output")
    if fast:
        from kitnet.functional.plans import backward

        with argument.named(name):
            dx, dw, db = backward(layer, dy, x, {"weight": w}, algorithm or "direct")
            return dx, dw, db
    found = layer.backward({"weight": w}, Kept((x.shape,), (x,)), dy)
    dx, dw, db = map(np.ascontiguousarray, (found.dx[0], found.dw["weight"], found.dw["bias"]))
    return dx, dw, db


def _layer(name: str, x: Array, w: Array, bias: bool, options: Options) -> Convolution:
    """The layer that a call means; it takes arrays shaped as x and w."""
    stride, pad, dilation, groups, on_misfit, flip = options
    shape = argument.volume(name, x)
    if w.ndim != x.ndim:
        raise ShapeError(
            f"{name}: w must have {x.ndim} dimensions, {len(shape) - 1} of the window and (C/groups, K), but "
            f"its shape is {w.shape}"
        )
    layer = Convolution(
        w.shape[:-2],
        w.shape[-1],
        argument.sizes(name, "stride", stride),
        argument.padding(name, pad),
        argument.sizes(name, "dilation", dilation),
        argument.whole(name, "groups", groups),
        bias=bias,
        on_misfit=argument.misfit(name, on_misfit),
        flip=bool(flip),
    )
    with argument.named(name):
        layer.output_shape(shape)
    if w.shape[-2] != shape[-1] // layer.groups:
        cut = f" in {layer.groups} groups" if layer.groups > 1 else ""
        need = (*w.shape[:-2], shape[-1] // layer.groups, layer.filters)
        raise ShapeError(
            f"{name}: filters of depth {w.shape[-2]} do not fit the {shape[-1]} channels of x{cut}",
            f"w must have the shape {need}",
        )
    return layer
