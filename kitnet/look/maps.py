"""The maps of a value, or of its gradient, as pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.look.canvas import LINE, Canvas, enlarged, shortened, text_width

SHOWN = 256  # maps of a value
SIDES = ((1, 400), (12, 96), (SHOWN, 64))  # up to so many tiles: pixels of a tile's longer side, about
SINGLE = 32  # pixels of a single number
WIDE = 1200  # pixels of a sheet, about
LEAST = 420  # so that a title has room
GAP = 8


@dataclass(frozen=True)
class Maps:
    """Grey pictures uint8 (n,h,w) of the first maps of a value: 0 is `low`, 255 is `high`, its smallest and
    largest number. `left_out` more are not shown."""

    images: Array
    low: float
    high: float
    left_out: int

    @property
    def range(self) -> str:
        return f"black {self.low:.4g}, white {self.high:.4g}"


def maps_of(values: Array, most: int = SHOWN) -> Maps:
    """Of (h,w,C), or (C,), (l,C) and (d,h,w,C), whose planes lie below each other."""
    planes = as_planes(values)
    low, high = float(values.min()), float(values.max())
    return Maps(shaded(planes[:most], low, high), low, high, max(0, len(planes) - most))


def as_planes(values: Array) -> Array:
    """A value (*sizes, C) as planes (C,h,w)."""
    sizes, channels = values.shape[:-1], values.shape[-1]
    width = sizes[-1] if len(sizes) > 1 else 1
    return np.moveaxis(values.reshape(math.prod(sizes) // width, width, channels), -1, 0)


def shaded(values: Array, low: float, high: float) -> Array:
    """uint8, 0 at `low` and 255 at `high`; 128 where these are the same."""
    if high <= low:
        return np.full(values.shape, 128, np.uint8)
    return np.rint(255 * (np.clip(values, low, high) - low) / (high - low)).astype(np.uint8)


def sheet(
    images: Array, title: str, below: str = "", columns: int | None = None,
    names: Sequence[str] | None = None, side: int | None = None,
) -> Array:  # fmt: skip
    """Pictures uint8 (n,h,w) or (n,h,w,c) as tiles with their numbers, or names, under a title: uint8
    (H,W,3). `side` are the pixels of a tile's longer side, about, usually the fewer, the larger."""
    names = [str(i) for i in range(len(images))] if names is None else names
    n, h, w = images.shape[:3]
    side = side or next((pixels for most, pixels in SIDES if n <= most), SIDES[-1][1])
    factor = SINGLE if h == w == 1 else max(1, round(side / max(h, w)))
    tall, wide = h * factor + LINE + GAP, max(w * factor, *map(text_width, names)) + GAP
    columns = min(n, max(1, (WIDE - GAP) // wide) if columns is None else columns)
    rows = -(-n // columns)
    width = max(columns * wide + GAP, LEAST)
    words = [line for line in (title, below) if line]
    canvas = Canvas(width, rows * tall + LINE * len(words) + 2 * GAP)
    for i, line in enumerate(words):
        canvas.text(shortened(line, width - 2 * GAP), GAP, GAP // 2 + i * LINE, faint=i > 0)
    top = LINE * len(words) + GAP
    for i, (name, image) in enumerate(zip(names, images, strict=True)):
        x, y = GAP + i % columns * wide, top + i // columns * tall
        canvas.text(name, x, y, faint=True)
        canvas.frame(x, y + LINE, w * factor, h * factor)
        canvas.paste(enlarged(image, factor), x, y + LINE)
    return canvas.pixels


def maps_sheet(maps: Maps, title: str) -> Array:
    """All maps as tiles, with the range of their numbers: uint8 (H,W,3)."""
    more = f"; {maps.left_out:,} more maps are not shown" if maps.left_out else ""
    return sheet(maps.images, title, f"{maps.range}{more}")
