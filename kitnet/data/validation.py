"""The share of a training part that is held back, to choose the best epoch by."""

from __future__ import annotations

import numpy as np

from kitnet.base.error import DataError
from kitnet.base.spec import Array
from kitnet.data.kind import Parts
from kitnet.data.place import place
from kitnet.data.source import Selection, Source


def with_validation(parts: Parts, share: float) -> Parts:
    """The parts, with this share of the training part as the validation part; of 0 as they are.

    Which pictures these are depends on the data alone, on no seed: of each class the same share, of files by
    their paths (`Source.places`). A class of which nothing would be left keeps all. Raises DataError where no
    picture is held back.
    """
    if not share:
        return parts
    train, labels = parts.train, parts.train.labels_of(np.arange(len(parts.train)))
    held = train.places() < share
    left = np.bincount(labels[~held], minlength=len(train.classes))
    held &= left[labels] > 0
    with place(train.name):
        if not held.any():
            raise DataError(
                f"--validation {share:g} holds back none of {len(train)} pictures; use a larger share, or 0"
            )
    rest = _picked(train, ~held)
    rest.warnings, rest.broken = train.warnings, train.broken  # told once, with the training part
    return parts._replace(train=rest, validation=_picked(train, held))


def _picked(source: Source, mask: Array) -> Selection:
    return Selection(source, np.flatnonzero(mask))
