"""The score of a class over a picture larger than the network's input, by sliding: `kitnet.surgery.Scan`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kitnet.base.argument import whole
from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.look.probe import Probe
from kitnet.surgery import Scan

TIMES = 3  # as large as the input is the picture brought


@dataclass(frozen=True)
class Slid:
    """`values` (rows,columns): the probability, or score where there is none, of the class for the crop with
    its centre at `rows` and `columns` of `picture`, uint8 (H,W,c)."""

    values: Array
    rows: Array
    columns: Array
    picture: Array


def slide(probe: Probe, image: Array, of: int | str, times: int = TIMES, stride: int | None = None) -> Slid:
    """Of the class `of`; the picture's shorter side becomes `times` the input's. Raises KitnetError for a
    network that does not slide."""
    H, W = probe.net.input_shape[:2]
    h, w = image.shape[:2]
    factor = whole("times", times, 1) * max(H / h, W / w)
    sizes = max(H, round(h * factor)), max(W, round(w * factor))
    wide = probe.preparation.enlarged((*sizes, probe.net.input_shape[2]))
    placed = wide.placed(image[None])
    scan = Scan(probe.net, sizes, stride=stride, engine=probe.engine)
    scores = scan(wide.standardise(placed))[0]
    if scores.shape[-1] != len(probe.classes):
        raise KitnetError("the network gives no score a class at each position; it cannot be slid")
    values = probe.certainty(scores.reshape(-1, scores.shape[-1]))[:, probe.class_number(of)]
    rows, columns = (
        np.arange(n) * s + (c - 1) / 2 for n, s, c in zip(scan.positions, scan.stride, (H, W), strict=True)
    )
    return Slid(values.reshape(scan.positions), rows, columns, placed[0])
