"""The classic filters of images: y = factor * correlation(x, numbers) + bias."""

from __future__ import annotations

from typing import NamedTuple

Numbers = list[list[float]]


class ImageFilter(NamedTuple):
    """What it shows, its numbers, and what makes a pixel of their sum: factor * sum + bias."""

    about: str
    numbers: Numbers
    factor: float = 1.0
    bias: float = 0.0


FILTERS: dict[str, ImageFilter] = {
    "identity": ImageFilter("every place as it is", [[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    "sharpen": ImageFilter(
        "9 times a place without its 8 neighbours", [[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]]
    ),
    "sharpen5": ImageFilter(
        "the same over a larger area",
        [[-1, -1, -1, -1, -1], [-1, 2, 2, 2, -1], [-1, 2, 8, 2, -1], [-1, 2, 2, 2, -1], [-1, -1, -1, -1, -1]],
        1 / 8,
    ),
    "blur": ImageFilter("the mean of a place and its 8 neighbours", [[1, 1, 1], [1, 1, 1], [1, 1, 1]], 1 / 9),
    "edge-horizontal": ImageFilter("bright above dark", [[1, 1, 1], [0, 0, 0], [-1, -1, -1]]),
    "edge-vertical": ImageFilter("bright left of dark", [[1, 0, -1], [1, 0, -1], [1, 0, -1]]),
    "edge-45": ImageFilter(
        "bright to the upper right, dark to the lower left", [[0, 1, 1], [-1, 0, 1], [-1, -1, 0]]
    ),
    "emboss": ImageFilter(
        "lit from the lower right; grey where it is even", [[-1, -1, 0], [-1, 0, 1], [0, 1, 1]], bias=128
    ),
}
