"""What a network that gives its input makes of pictures, beside them, and what its decoder draws."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.data import Source
from kitnet.data.preparation import Preparation
from kitnet.data.source import Images
from kitnet.look.filters import grid
from kitnet.train import Model, Score, evaluate
from kitnet.train.reconstruction import given_back

SHOWN, DRAWN = 24, 48  # pictures
COLUMNS, SIDE = 12, 64


class Reconstructions(NamedTuple):
    """Some pictures of a part of a data set, evenly picked and brought to the network's size, what it makes
    of them, and what its decoder makes of codes from the prior: uint8 (n,H,W,C). `drawn` is None where it has
    no such decoder, all three where it reads no pictures."""

    source: Source
    part: str
    score: Score
    images: Array | None = None
    made: Array | None = None
    drawn: Array | None = None


def reconstruct(model: Model, source: Source, part: str = "test") -> Reconstructions:
    """The model's losses on a part of a data set, and its pictures. Raises DataError."""
    score = evaluate(model, source)
    preparation = model.preparation
    if not isinstance(preparation, Preparation):
        return Reconstructions(source, part, score)
    chosen = np.unique(np.linspace(0, len(source) - 1, SHOWN).round().astype(int))
    read = source.read(chosen)[0]
    try:
        drawn = model.draw(DRAWN)
    except KitnetError:  # not a variational autoencoder
        drawn = None
    return Reconstructions(source, part, score, *seen_and_made(model, read), drawn)


def seen_and_made(model: Model, images: Images) -> tuple[Array, Array]:
    """Pictures as the network reads them, and what it makes of them: uint8 (n,H,W,C) both. Raises
    DataError."""
    x = model.preparation.prepare(images)
    model.refresh()
    return np.rint(255 * x).astype(np.uint8), given_back(model, model.scores(x))


def pairs(images: Array, made: Array) -> Array:
    """A sheet, uint8 (H,W,c): rows of pictures, under each of them what was made of it."""
    rows, columns = [], min(COLUMNS, len(images))
    for start in range(0, len(images), columns):
        some = slice(start, start + columns)
        blank = np.full((columns - len(images[some]), *images.shape[1:]), 255, np.uint8)
        rows += [images[some], blank, made[some], blank]
    return grid(np.concatenate(rows), columns)


def enlarged(sheet: Array, side: int) -> Array:
    """A sheet of pictures of this side as it is, or each pixel as a square, so that a picture has some `SIDE`
    pixels."""
    times = max(1, SIDE // side)
    return sheet.repeat(times, 0).repeat(times, 1)


def sheet(images: Array) -> Array:
    """Pictures row by row as one, uint8 (H,W,c)."""
    return grid(images, COLUMNS)
