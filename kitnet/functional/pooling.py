"""Pooling and its gradients as functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from kitnet.base.spec import Array
from kitnet.functional import argument
from kitnet.functional.argument import PadLike, SizesLike
from kitnet.layers import Context, Kept, MaxPool, MeanPool


def max_pool(
    x: ArrayLike,
    window: SizesLike,
    *,
    stride: SizesLike | None = None,
    pad: PadLike = "valid",
    on_misfit: str = "error",
    engine: str | None = None,
) -> Array:
    """x (N, *sizes, C) -> y (N, *output, C): the largest value of each window, map by map.

    Padding never wins. Without a `stride` windows lie side by side. `window` is one number, or one an axis;
    the other arguments as in `convolve`.
    """
    return _forward("max_pool", MaxPool, x, window, stride, pad, on_misfit, engine)


def max_pool_backward(
    dy: ArrayLike,
    x: ArrayLike,
    window: SizesLike,
    *,
    stride: SizesLike | None = None,
    pad: PadLike = "valid",
    on_misfit: str = "error",
    engine: str | None = None,
) -> Array:
    """The gradient dx (N, *sizes, C) of sum(dy * max_pool(x, ...)): each dy goes to the place that won.

    Of equal values the first wins; where windows overlap, what they send adds up.
    """
    return _backward("max_pool_backward", MaxPool, dy, x, window, stride, pad, on_misfit, engine)


def mean_pool(
    x: ArrayLike,
    window: SizesLike,
    *,
    stride: SizesLike | None = None,
    pad: PadLike = "valid",
    on_misfit: str = "error",
    engine: str | None = None,
) -> Array:
    """x (N, *sizes, C) -> y (N, *output, C): the mean of each window, map by map; padding is not counted.

    Arguments as in `max_pool`.
    """
    return _forward("mean_pool", MeanPool, x, window, stride, pad, on_misfit, engine)


def mean_pool_backward(
    dy: ArrayLike,
    x: ArrayLike,
    window: SizesLike,
    *,
    stride: SizesLike | None = None,
    pad: PadLike = "valid",
    on_misfit: str = "error",
    engine: str | None = None,
) -> Array:
    """The gradient dx (N, *sizes, C) of sum(dy * mean_pool(x, ...)): all places of a window get equal shares.

    Of x only shape and type matter.
    """
    return _backward("mean_pool_backward", MeanPool, dy, x, window, stride, pad, on_misfit, engine)


Pool = MaxPool | MeanPool


def _forward(
    name: str,
    kind: type[Pool],
    x: ArrayLike,
    window: SizesLike,
    stride: SizesLike | None,
    pad: PadLike,
    on_misfit: str,
    engine: str | None,
) -> Array:
    (x,) = argument.arrays(name, x=x).values()
    fast = argument.compiled(name, x, engine)
    layer = _layer(name, kind, x, window, stride, pad, on_misfit)
    if fast:
        from kitnet.functional.plans import forward

        return forward(layer, x, {})
    return np.ascontiguousarray(layer.forward({}, {}, Context(), x).y)


def _backward(
    name: str,
    kind: type[Pool],
    dy: ArrayLike,
    x: ArrayLike,
    window: SizesLike,
    stride: SizesLike | None,
    pad: PadLike,
    on_misfit: str,
    engine: str | None,
) -> Array:
    dy, x = argument.arrays(name, dy=dy, x=x).values()
    fast = argument.compiled(name, x, engine)
    layer = _layer(name, kind, x, window, stride, pad, on_misfit)
    argument.expect(name, "dy", dy, (len(x), *layer.output_shape(x.shape[1:])), "that of the output")
    if fast:
        from kitnet.functional.plans import backward

        return backward(layer, dy, x, {})[0]
    extras = layer.forward({}, {}, Context(), x).extras if isinstance(layer, MaxPool) else {}
    return np.ascontiguousarray(layer.backward({}, Kept((x.shape,), extras=extras), dy).dx[0])


def _layer(
    name: str,
    kind: type[Pool],
    x: Array,
    window: SizesLike,
    stride: SizesLike | None,
    pad: PadLike,
    on_misfit: str,
) -> Pool:
    """The layer that a call means; it takes arrays shaped as x."""
    shape = argument.volume(name, x)
    layer = kind(
        argument.sizes(name, "window", window),
        None if stride is None else argument.sizes(name, "stride", stride),
        argument.padding(name, pad),
        argument.misfit(name, on_misfit),
    )
    with argument.named(name):
        layer.output_shape(shape)
    return layer
