"""Arrays as a page shows them: a few numbers, a histogram, small pictures."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from kitnet.base.spec import Array

BINS = 24
SAMPLE = 1 << 14  # numbers of an array that are looked at; of a larger one each second, each third, ...
MAPS, SIDE = 16, 28  # pictures of a strip, and the longest side of one


def sample(array: Array) -> Array:
    """At most `SAMPLE` numbers of an array, spread evenly over it: a view where it is contiguous."""
    flat = array.reshape(-1)
    return flat[:: max(1, math.ceil(len(flat) / SAMPLE))]


def summary(array: Array) -> dict[str, Any]:
    """Mean, standard deviation, extremes, the share of zeros, and how many numbers lie in each of `BINS`
    equal parts from the least to the largest."""
    some = sample(array).astype(np.float64)
    if not some.size or not np.isfinite(some).all():
        return {"finite": False}
    least, largest = float(some.min()), float(some.max())
    counts, _ = np.histogram(some, BINS, (least, largest) if least < largest else (least - 1, largest + 1))
    return {
        "finite": True,
        "mean": float(some.mean()),
        "std": float(some.std()),
        "min": least,
        "max": largest,
        "zeros": float((some == 0).mean()),
        "bins": counts.tolist(),
    }


def strip(maps: Array) -> dict[str, Any]:
    """The first maps of (H,W,C) as unsigned bytes: 0 the least number of all shown, 255 the largest. A place
    of a map that is reduced is each second, each third, ... one."""
    every = max(1, math.ceil(max(maps.shape[:2]) / SIDE))
    shown = np.ascontiguousarray(maps[::every, ::every, :MAPS].transpose(2, 0, 1), np.float32)
    count, height, width = shown.shape
    least, largest = float(shown.min()), float(shown.max())
    if not math.isfinite(largest - least):
        return {"count": 0}
    bytes_ = np.rint((shown - least) * (255 / (largest - least or 1))).astype(np.uint8)
    return {
        "count": count,
        "height": height,
        "width": width,
        "least": least,
        "largest": largest,
        "left_out": maps.shape[2] - count,
        "pixels": base64.b64encode(bytes_.tobytes()).decode(),
    }


def norm(array: Array) -> float:
    """The length of the numbers that are looked at."""
    return float(np.linalg.norm(sample(array).astype(np.float64)))


def picture(pixels: Array) -> str:
    """uint8 (H,W,C) as the address of a PNG picture that holds it; the mean of other than 1 or 3 channels."""
    from kitnet.look.png import png

    if pixels.shape[2] not in (1, 3):
        pixels = pixels.mean(2, keepdims=True).astype(np.uint8)
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode()
