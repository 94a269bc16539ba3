"""The most probable classes of samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array


@dataclass(frozen=True)
class Prediction:
    """The most probable classes of one image, best first, with their probabilities."""

    classes: tuple[tuple[str, float], ...]


def most_probable(probabilities: Array, classes: Sequence[str], count: int) -> list[Prediction]:
    """So many classes of each row of probabilities (N, classes); of equal ones the first."""
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :count]
    return [
        Prediction(tuple((classes[k], float(row[k])) for k in some))
        for row, some in zip(probabilities, order, strict=True)
    ]
