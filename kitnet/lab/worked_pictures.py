"""The worked example of image filters, on a picture of characters."""

from __future__ import annotations

import numpy as np

from kitnet.base.spec import Array
from kitnet.lab.blackboard import Board, Example, Sliding, array_lines, say
from kitnet.lab.image_filters import FILTERS

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


def image_filters(board: Board) -> Example:
    picture = np.array([list(map(int, row)) for row in PICTURE])
    board.write("A picture of 8x10 places, dark (0) but for a bright (9) part. Shades: darkest to brightest")
    board.array("picture", picture)
    board.lines += shaded(picture)
    for name, filter in FILTERS.items():
        made = Sliding(picture, np.array(filter.numbers) * filter.factor, pad="same")
        board.write(f"{name[0].upper()}{name[1:]}: {filter.about}")
        over = f", divided by {say(1 / filter.factor)}" if filter.factor != 1 else ""
        lines = array_lines("w", np.array(filter.numbers))
        board.lines += [f"{line}{over if i == 0 else ''}" for i, line in enumerate(lines)]
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
