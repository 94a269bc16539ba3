"""Attributions as pictures, beside the picture that they are of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kitnet.base.spec import Array
from kitnet.look.canvas import LINE, Canvas, enlarged, in_colour, shortened
from kitnet.look.maps import shaded

# From low to high; as bright as they are high, and told apart by the colour-blind: five colours of
# matplotlib's viridis (van der Walt & Smith 2015).
HEAT = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], float)
SHARE = 0.6  # of the heat over the picture
SIDE = 320  # pixels of a picture's longer side, about
GAP = 10


def shown(x: Array) -> Array:
    """A prepared picture (H,W,C) as uint8 (H,W,1 or 3), from its smallest to its largest number."""
    depth = 3 if x.shape[-1] == 3 else 1
    return shaded(x[..., :depth], float(x.min()), float(x.max()))


def projected(values: Array) -> Array:
    """What goes back to a picture (H,W,C) as uint8: grey is 0, the number furthest from it black or white.
    Where C is neither 1 nor 3, of all channels that with the largest size."""
    if values.shape[-1] not in (1, 3):
        most = np.abs(values).argmax(-1)[..., None]
        values = np.take_along_axis(values, most, -1)
    largest = float(np.abs(values).max()) or 1.0
    return np.rint(128 + 127 * values / largest).astype(np.uint8)


def spread(values: Array, rows: Array, columns: Array, height: int, width: int) -> Array:
    """(rows,columns) with centres at these pixels -> (height,width), linear between them and as the nearest
    one outside."""
    along = np.stack([np.interp(np.arange(width), columns, row) for row in values])
    return np.stack([np.interp(np.arange(height), rows, column) for column in along.T], 1)


def centres(count: int, size: int) -> Array:
    """The middles of so many equal parts of `size` pixels."""
    return (np.arange(count) + 0.5) * size / count - 0.5


def heat(picture: Array, values: Array, rows: Array | None = None, columns: Array | None = None) -> Array:
    """Values (h,w) in colours over a picture, uint8 (H,W,c): uint8 (H,W,3). Without their centres they divide
    the picture equally."""
    H, W = picture.shape[:2]
    rows = centres(len(values), H) if rows is None else rows
    columns = centres(values.shape[1], W) if columns is None else columns
    wide = spread(values, rows, columns, H, W)
    low, high = float(values.min()), float(values.max())
    share = (wide - low) / (high - low) if high > low else np.zeros_like(wide)
    colours = np.stack([np.interp(share, np.linspace(0, 1, len(HEAT)), each) for each in HEAT.T], -1)
    grey = in_colour(picture).mean(-1, keepdims=True)
    mixed: Array = np.rint(SHARE * colours + (1 - SHARE) * grey).astype(np.uint8)
    return mixed


def beside(pictures: Sequence[Array], title: str, below: str = "") -> Array:
    """Pictures uint8 (h,w,c) of one size beside each other, enlarged, under a title: uint8 (H,W,3)."""
    h, w = pictures[0].shape[:2]
    factor = max(1, round(SIDE / max(h, w)))
    words = [line for line in (title, below) if line]
    width = max(len(pictures) * (w * factor + GAP) + GAP, 2 * SIDE + 3 * GAP)
    top = LINE * len(words) + GAP
    canvas = Canvas(width, top + h * factor + GAP)
    for i, line in enumerate(words):
        canvas.text(shortened(line, width - 2 * GAP), GAP, GAP // 2 + i * LINE, faint=i > 0)
    for i, picture in enumerate(pictures):
        canvas.paste(enlarged(picture, factor), GAP + i * (w * factor + GAP), top)
    return canvas.pixels
