"""The share of a training part that is held back, to choose the best epoch by."""

from __future__ import annotations

import numpy as np

from kitnet.base.error import DataError
from kitnet.base.spec import Array
from kitnet.data.kind import Parts
from kitnet.data.place import place
from kitnet.data.source import Selection, Source


def with_validation(parts: Parts, share: float, usual: bool = False) -> Parts:
    """The parts, with this share of the training part as the validation part; of 0 as they are.

    Which pictures these are depends on the data alone, on no seed: of each class the same share, of files by
    their paths (`Source.places`). A class of which nothing would be left keeps all. Raises DataError where no
    picture is held back; `usual`: nobody has asked for this share.
    """
    if not share:
        return parts
    train, labels = parts.train, parts.train.labels_of(np.arange(len(parts.train)))
    held = train.places() < share
    too_many = bool(held.any())
    left = np.bincount(labels[~held], minlength=len(train.classes))
    held &= left[labels] > 0
    with place(train.name):
        if not held.any():
            raise DataError(_none_held(share, len(train), too_many, usual))
    rest = _picked(train, ~held)
    rest.warnings, rest.broken = train.warnings, train.broken  # told once, with the training part
    return parts._replace(train=rest, validation=_picked(train, held))


def _none_held(share: float, pictures: int, too_many: bool, usual: bool) -> str:
    what = "leaves nothing to train with" if too_many else "holds back none"
    other = "smaller" if too_many else "larger"
    flag = f"{'the usual ' if usual else ''}--validation {share:g}"
    off = "switch it off with --validation 0" if usual else "0"
    return f"{flag} {what} of {pictures} pictures; use a {other} share, or {off}"


def _picked(source: Source, mask: Array) -> Selection:
    return Selection(source, np.flatnonzero(mask))
