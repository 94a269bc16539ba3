"""Occlusion: how sure the network is of a class while a grey square covers part of the picture.

Source: Zeiler & Fergus, "Visualizing and understanding convolutional networks", 2014, section 4.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.argument import whole
from kitnet.base.error import KitnetError
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.look.probe import BATCH, Probe

SHARE = 5  # of the shorter side, a window is this part
STEPS = 4  # in a window
GREY = 0.5  # of a plain network's input, 0 to 1; of a model 0 is the mean of its training pictures


@dataclass(frozen=True)
class Occlusion:
    """`values` (rows,columns): the probability, or score where there is none, of the class with the square's
    centre at `rows` and `columns`, in pixels of the input; `whole` is that of the whole picture."""

    values: Array
    rows: Array
    columns: Array
    whole: float
    window: int


def occlusion(
    probe: Probe,
    image: Any,
    of: int | str | None = None,
    window: int | None = None,
    stride: int | None = None,
) -> Occlusion:
    """Of the class `of`, usually the best one; the square has `window` pixels a side and moves by `stride`.
    Raises KitnetError."""
    x = probe.prepared(image)
    if x.ndim != 3:
        raise KitnetError(f"occlusion is for pictures, but the network reads {say(x.shape)}")
    H, W = x.shape[:2]
    side = max(1, min(H, W) // SHARE) if window is None else whole("a window of", window, 1)
    step = max(1, side // STEPS) if stride is None else whole("a stride of", stride, 1)
    if side > min(H, W):
        raise KitnetError(f"a window of {side} pixels is larger than the {H}x{W} input; use a smaller one")
    number = probe.class_number(probe(x).best(1)[0][0] if of is None else of)
    tops, lefts = np.arange(0, H - side + 1, step), np.arange(0, W - side + 1, step)
    places = [(top, left) for top in tops for left in lefts]
    grey = GREY if probe.trained is None else 0.0
    found = []
    for start in range(0, len(places), BATCH):
        some = np.repeat(x[None], len(places[start : start + BATCH]), 0)
        for one, (top, left) in zip(some, places[start : start + BATCH], strict=True):
            one[top : top + side, left : left + side] = grey
        found.append(probe.certainty(probe.batch(some))[:, number])
    middle = (side - 1) / 2
    values = np.concatenate(found).reshape(len(tops), len(lefts))
    alone = float(probe.certainty(probe.batch(x[None]))[0, number])
    return Occlusion(values, tops + middle, lefts + middle, alone, side)
