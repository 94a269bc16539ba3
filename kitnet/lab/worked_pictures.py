"""The worked example of image filters, on a picture of characters."""

from __future__ import annotations

import numpy as np

from kitnet.base.spec import Array
from kitnet.lab.blackboard import Board, Example, Sliding, array_lines

PICTURE = (
    "0000000000",
    "0000000000",
    "0099999900",
    "0099999900",
    "0099999900",
    "0099999900",
    "0000000000",
    "0000000000",
)
SHADES = " .:-=+*#%@"  # from the darkest to the brightest
FILTERS: dict[str, tuple[str, list[list[float]]]] = {
    "identity": ("every place as it is", [[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
    "sharpen": ("9 times a place without its 8 neighbours", [[-1, -1, -1], [-1, 9, -1], [-1, -1, -1]]),
    "sharpen wider": (
        "the same over a larger area, divided by 8",
        [[-1, -1, -1, -1, -1], [-1, 2, 2, 2, -1], [-1, 2, 8, 2, -1], [-1, 2, 2, 2, -1], [-1, -1, -1, -1, -1]],
    ),
    "horizontal edges": ("bright above dark", [[1, 1, 1], [0, 0, 0], [-1, -1, -1]]),
    "vertical edges": ("bright left of dark", [[1, 0, -1], [1, 0, -1], [1, 0, -1]]),
    "edges at 45 degrees": (
        "bright to the upper right, dark to the lower left",
        [[0, 1, 1], [-1, 0, 1], [-1, -1, 0]],
    ),
    "emboss": ("lit from the lower right; grey where it is even", [[-1, -1, 0], [-1, 0, 1], [0, 1, 1]]),
}
DIVISORS = {"sharpen wider": 8}


def image_filters(board: Board) -> Example:
    picture = np.array([list(map(int, row)) for row in PICTURE])
    board.write("A picture of 8x10 places, dark (0) but for a bright (9) part. Shades: darkest to brightest")
    board.array("picture", picture)
    board.lines += shaded(picture)
    for name, (what, filter) in FILTERS.items():
        w = np.array(filter) / DIVISORS.get(name, 1)
        made = Sliding(picture, w, pad="same")
        board.write(f"{name[0].upper()}{name[1:]}: {what}")
        over = f", divided by {DIVISORS[name]}" if name in DIVISORS else ""
        board.lines += [
            f"{line}{over if i == 0 else ''}" for i, line in enumerate(array_lines("w", np.array(filter)))
        ]
        if name == "sharpen":
            board.sum("the corner of the bright part", made.factors(2, 2), made.y[2, 2])
        board.results[name] = made.y
        board.lines += shaded(made.y)
        low, high = made.y.min(), made.y.max()
        board.add(f"  from {low:g} to {high:g}")
    board.write("Places outside the picture count as 0. The filters are not turned (correlation).")
    return board.done()


def shaded(picture: Array) -> list[str]:
    """Lines of characters, two a place, from the darkest to the brightest."""
    low, high = picture.min(), picture.max()
    steps = (picture - low) * (len(SHADES) - 1) / (high - low if high > low else 1)
    return ["    |" + "".join(SHADES[round(step)] * 2 for step in row) + "|" for row in steps]
