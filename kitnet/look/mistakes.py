"""The pictures that a model is most wrong about."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kitnet.base.spec import Array
from kitnet.train import Judgement

SHOWN = 24
SIDE = 160  # pixels: the longest side of a picture that is shown


class Mistake(NamedTuple):
    """A picture that is taken for another class, with the probability of that class and its loss."""

    called: str  # its file, or number
    label: str
    predicted: str
    confidence: float
    loss: float
    image: Array  # uint8 (h,w,c), at most `SIDE` wide and high


def worst(judgement: Judgement, most: int = SHOWN) -> list[Mistake]:
    """The wrong pictures with the largest losses, the worst first, of equal ones in their order."""
    (wrong,) = np.nonzero(judgement.labels != judgement.predicted)
    order = wrong[np.argsort(-judgement.losses[wrong], kind="stable")][:most]
    source, classes = judgement.source, judgement.classes
    return [
        Mistake(
            source.called(int(i)),
            classes[judgement.labels[i]],
            classes[judgement.predicted[i]],
            float(judgement.confidence[i]),
            float(judgement.losses[i]),
            small(source.read(np.array([i]))[0][0]),
        )
        for i in order
    ]


def small(image: Array) -> Array:
    """uint8 (h,w,c) as it is, or in proportion where a side is longer than `SIDE`."""
    if max(image.shape[:2]) <= SIDE:
        return image
    from kitnet.look.png import picture

    reduced = picture(image)
    reduced.thumbnail((SIDE, SIDE))
    return np.asarray(reduced).reshape(reduced.height, reduced.width, -1)
