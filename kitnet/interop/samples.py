"""The images inside a page, by which it is checked when it is opened."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.data import Preparation, renumbered
from kitnet.train import Model
from kitnet.train.folder import RunFolder
from kitnet.train.held_out import held_out

MOST = 8
BUDGET = 40_000  # bytes of all images and their scores
LARGE = 12_288  # bytes of one image, 64x64x3, above which it is made smaller


@dataclass(frozen=True)
class Samples:
    """Images as they are before preparation, uint8 (h,w,c) each; the class that each is of, "" where nobody
    knows; and the part of which data set they are, "" for those that a model file holds."""

    images: Sequence[Array]
    labels: Sequence[str]
    part: str = ""
    data: str = ""

    def within(self, budget: int, classes: int) -> Samples:
        """So many of these, one at least, each perhaps made smaller, that they and their scores need no more
        than `budget` bytes."""
        images = [_smaller(image) for image in self.images]
        count = max(1, budget // (max(image.size for image in images) + 4 * classes))
        return Samples(images[:count], self.labels[:count], self.part, self.data)


def samples_of(where: str | Path, model: Model) -> Samples:
    """Of a run folder images of its test part, or of its validation part where its data have no other, evenly
    picked; of a model file those that it holds. Raises KitnetError where the data of a run cannot be read."""
    if not Path(where).is_dir():
        return golden_samples(model)
    _, settings = RunFolder.open(where)
    name, part = held_out(settings)
    source = renumbered(part, model.classes) if model.classes else part  # one that gives its input has none
    picked = np.unique(np.linspace(0, len(source) - 1, MOST).round().astype(int))
    images, labels = source.read(picked)
    called = [model.classes[k] if model.classes else "" for k in labels]
    return Samples([*images], called, name, source.name)


def golden_samples(model: Model) -> Samples:
    """The golden images of a model file, or of the best model of a run. Raises KitnetError."""
    images = model.examples
    if images is None:
        raise KitnetError("the model knows no images to be checked by; save it with some, and load the file")
    return Samples([*images], [""] * len(images))


def _smaller(image: Array) -> Array:
    """Resized in proportion, where it has more than `LARGE` bytes."""
    height, width, depth = image.shape
    if image.size <= LARGE:
        return image
    shrink = math.sqrt(LARGE / image.size)
    size = max(1, int(height * shrink)), max(1, int(width * shrink))
    return Preparation((*size, depth), size, (0.0,) * depth, (1.0,) * depth).placed(image[None])[0]
