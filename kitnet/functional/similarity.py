"""How alike windows and filters are, whatever their lengths; and the other way to count dilation."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.functional import argument
from kitnet.functional.argument import PadLike, SizesLike
from kitnet.functional.convolution import correlated


def normalised_correlation(
    x: ArrayLike,
    w: ArrayLike,
    *,
    stride: SizesLike = 1,
    pad: PadLike = "valid",
    dilation: SizesLike = 1,
    on_misfit: str = "error",
    engine: str | None = None,
) -> Array:
    """The cosine of the angle between every window of x (N, *sizes, C) and every filter of w (*window, C, K),
    as y (N, *output, K) from -1 to 1:

        y[n, o, k] = sum of x w / sqrt(sum of x^2 * sum of w^2)

    each sum over the window at o and all C maps. It is 1 where the window is the filter times a number above
    0, and 0 where one of the two is 0 everywhere. The mean is not taken off. Arguments as in `convolve`.
    Source: Lewis, "Fast normalized cross-correlation", 1995, equation 1, without the means.
    """
    name = "normalised_correlation"
    x, w = argument.arrays(name, x=x, w=w).values()
    options = stride, pad, dilation, 1, on_misfit, False
    # With the largest number of each image and of each filter at 1 no sum of products is infinite.
    x = x / _largest(x, tuple(range(1, x.ndim)))
    w = w / _largest(w, tuple(range(w.ndim - 1)))
    products = correlated(name, x, w, None, options, engine=engine)
    # In double precision no square is 0.
    squares, ones = np.square(x, dtype=np.float64), np.ones((*w.shape[:-1], 1))
    seen = correlated(name, squares, ones, None, options, engine="formula")
    lengths = np.sqrt(seen) * np.sqrt(np.square(w, dtype=np.float64).sum(tuple(range(w.ndim - 1))))
    return np.divide(products, lengths, out=np.zeros(products.shape), where=lengths > 0).astype(
        products.dtype
    )


def _largest(a: Array, axes: tuple[int, ...]) -> Array:
    """The largest magnitude along these axes, which stay as 1; 1 where all are 0."""
    found = np.abs(a).max(axes, keepdims=True, initial=0)
    return np.where(found > 0, found, 1).astype(a.dtype)


def dilation_of(gaps: SupportsIndex | Sequence[SupportsIndex]) -> int | tuple[int, ...]:
    """The `dilation` of filters that have so many places between their taps, one number or one an axis.

    Some texts call these gaps the dilation, so that an ordinary filter has dilation 0; here, as in PyTorch,
    Keras and ONNX, it has dilation 1 (Yu & Koltun 2016). Raises KitnetError.
    """
    try:
        each = [operator.index(gap) for gap in gaps] if isinstance(gaps, Sequence) else [operator.index(gaps)]
    except TypeError:
        each = [-1]
    if min(each, default=-1) < 0:
        raise KitnetError(f"dilation_of: {gaps!r} are no places between taps; give 0 or more, or one an axis")
    found = tuple(gap + 1 for gap in each)
    return found if isinstance(gaps, Sequence) else found[0]
