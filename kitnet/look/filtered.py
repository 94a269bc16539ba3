"""A photograph through a filter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.functional import convolve

if TYPE_CHECKING:
    from kitnet.lab.image_filters import ImageFilter


def filtered(pixels: Array, filter: ImageFilter, *, flip: bool = False, engine: str | None = None) -> Array:
    """uint8 (H,W,C) -> uint8 (H,W,C): each channel for itself, factor * sum + bias, rounded, below 0 black
    and above 255 white. With `flip` the filter is turned by 180 degrees. Places outside the picture are as
    the nearest one inside. Raises KitnetError for a filter that is no rectangle of finite numbers, or has no
    middle.
    """
    w = checked(filter)
    around = [(n // 2, n // 2) for n in w.shape]
    wide = np.pad(pixels.astype(np.float32), [*around, (0, 0)], mode="edge")
    planes = np.ascontiguousarray(np.moveaxis(wide, -1, 0))[..., None]
    sums = convolve(planes, w[..., None, None], flip=flip, engine=engine)
    made = np.moveaxis(sums[..., 0], 0, -1)
    return np.clip(np.rint(filter.factor * made + filter.bias), 0, 255).astype(np.uint8)


def checked(filter: ImageFilter) -> Array:
    """The filter's numbers, float32 (R,S) with R and S odd. Raises KitnetError."""
    rows = {len(row) for row in filter.numbers}
    if len(rows) != 1 or 0 in rows:
        raise KitnetError("a filter is rows of as many numbers each, such as '0 -1 0; -1 5 -1; 0 -1 0'")
    w = np.array(filter.numbers, np.float32)
    if not np.isfinite([*w.flat, filter.factor, filter.bias]).all():
        raise KitnetError("a filter, its factor and its bias are finite numbers")
    if w.shape[0] % 2 == 0 or w.shape[1] % 2 == 0:
        raise KitnetError(
            f"a filter of {w.shape[0]}x{w.shape[1]} has no middle; use odd numbers of rows and columns"
        )
    return w
