"""The handwritten digits that come with kitnet, so that there is something to learn without any download.

1,797 pictures of 8x8 by 13 people: the test part of UCI's "Optical Recognition of Handwritten Digits"
(Alpaydin & Kaynak, 1998; CC BY 4.0), in the order and with the values of scikit-learn's `load_digits`. The
folder `digits` has them as idx files, and their licence.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kitnet.base.spec import Array
from kitnet.data.idx import read_idx

TRAIN = (
    1437  # the first four fifths; the source does not say who wrote which, so writers may be on both sides
)


def read_digits() -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """(train, test) of (images uint8 (N,8,8,1), labels uint8 (N,)): the first 1,437 digits and the last 360.

    The stored values are 0 to 16 (the inked pixels of a 4x4 block); here 255/16 times as much, rounded.
    """
    folder = Path(__file__).with_name("digits")
    inked = read_idx(folder / "images-idx3-ubyte.gz").astype(np.uint16)
    images = ((inked * 255 + 8) // 16).astype(np.uint8)[..., None]
    labels = read_idx(folder / "labels-idx1-ubyte.gz")
    return (images[:TRAIN], labels[:TRAIN]), (images[TRAIN:], labels[TRAIN:])
