"""What pictures and labels must be. The errors are bare reasons; whoever knows the file or name adds it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kitnet.base.error import DataError, shorten
from kitnet.base.shape import say
from kitnet.base.spec import Array


def check_images(images: Array) -> None:
    """Raises DataError unless `images` is uint8 (N,H,W,C), C 1 or 3, with a picture and a pixel at least."""
    if images.ndim != 4 or images.shape[3] not in (1, 3):
        raise DataError(
            f"pictures of shape {say(images.shape)}; expected number x height x width x 1 or 3 channels"
        )
    if images.size == 0:
        raise DataError(
            f"it is empty ({say(images.shape)}); expected at least one picture of at least one pixel"
        )
    if images.dtype.kind == "f" and np.isnan(images).any():
        sample = int(np.argmax(np.isnan(images).any(axis=(1, 2, 3))))
        raise DataError(
            f"NaN in the data, first in sample {sample}; pictures must be unsigned bytes, 0 to 255"
        )
    if images.dtype != np.uint8:
        raise DataError(f"pixels of type {images.dtype}; pictures must be unsigned bytes, 0 to 255")


def check_labels(labels: Array, images: int, classes: int) -> None:
    """Raises DataError unless `labels` is one integer, 0 to classes - 1, for each of `images` pictures."""
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"labels of shape {say(labels.shape)} and type {labels.dtype}; expected one integer a picture"
        )
    if len(labels) != images:
        raise DataError(f"{len(labels)} labels for {images} pictures; expected one label a picture")
    if (labels < 0).any():
        sample = int(np.argmax(labels < 0))
        raise DataError(
            f"label {labels[sample]} of sample {sample} is negative; classes are numbered from 0, so leave "
            "such pictures out or number them anew"
        )
    outside = labels >= classes
    if outside.any():
        sample = int(np.argmax(outside))
        raise DataError(
            f"label {labels[sample]} of sample {sample} is outside the {classes} classes; "
            f"expected 0 to {classes - 1}"
        )


def check_classes(names: Sequence[str]) -> None:
    """Raises DataError where two classes have one name."""
    if len(set(names)) < len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise DataError(f"two classes are called {shorten(twice)}; give each a name of its own")
