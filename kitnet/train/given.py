"""What is given in Python as x and y, arrays, pictures, paths and sources, as what training takes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from kitnet.base.argument import array
from kitnet.base.error import DataError, shorten
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.data import Arrays, Dataset, Parts, Source, open_image, renumbered
from kitnet.data.arrays import Prepared, Standardisation
from kitnet.data.checked import checked
from kitnet.data.kind import Given, check_given
from kitnet.data.loading import ARRAYS
from kitnet.data.source import CHUNK, Images
from kitnet.data.validation import with_validation

SAMPLE: tuple[str, ...] = ("sample",)  # the class of all where there are none
SAMPLES, LABELS = "samples or a Source", "the class of each sample, numbers or names"
DEPTHS = (1, 3)  # of pictures: grey and colour


def parts_of(
    x: Any, y: Any, validation: Any, input_shape: Shape, classes: Sequence[str], nameless: bool
) -> Parts:
    """The training part and the validation part, which is a share of the first one, a Source, a pair (x, y),
    or not there.

    The classes are those of a Source, the names that y has where the model's are `nameless`, or the model's.
    Raises DataError for data that do not fit the network's input or each other.
    """
    train = source_of(x, y, input_shape, classes, nameless)
    named = train.classes if classes else ()
    if validation is None:
        return Parts(train)
    if isinstance(validation, int | float | np.number):
        share = validation.item() if isinstance(validation, np.number) else validation
        check_given(Given(), share)
        return with_validation(Parts(train), share)
    is_pair = isinstance(validation, tuple) and len(validation) == 2
    if classes and not is_pair and not isinstance(validation, Source):
        raise DataError(
            "validation: expected a share such as 0.1, a pair (x, y) or a Source, but got "
            f"{shorten(validation)}"
        )
    vx, vy = validation if is_pair else (validation, None)
    return Parts(train, source_of(vx, vy, input_shape, named, nameless=not classes))


def source_of(x: Any, y: Any, input_shape: Shape, classes: Sequence[str], nameless: bool) -> Source:
    """x and y as a Source: unsigned bytes for a picture's input as pictures, all else as floats. Without
    `classes` there is no y."""
    if isinstance(x, Source):
        if y is not None:
            raise DataError(f"{x.name}: it has labels of its own; leave y out")
        return checked(x) if nameless else renumbered(checked(x), classes)
    values = _array("x", x, SAMPLES)
    if not classes:  # the network gives its input
        if y is not None:
            raise DataError("y: the network gives its input, and learns from x alone; leave y out")
        labels, names = np.zeros(len(values) if values.ndim else 0, np.int64), SAMPLE
    elif y is None:
        raise DataError("y is missing; give the class of each sample, numbers or names")
    else:
        labels, names = _labels(_array("y", y, LABELS), tuple(classes), nameless)
    if values.dtype == np.uint8 and _is_of_pictures(input_shape):
        return Dataset(ARRAYS, values[..., None] if values.ndim == 3 else values, labels, names)
    return Arrays(ARRAYS, _floats(values, input_shape), labels, names)


def batches_of(x: Any, preparation: Prepared) -> tuple[int, Iterator[Images]]:
    """What shall be predicted: how many samples, and these in batches, one at least. A Source is read batch
    by batch."""
    if isinstance(x, Source):
        return len(x), (images for images, _ in checked(x).chunks())
    samples = _samples(x, preparation)
    starts = range(0, max(1, len(samples)), CHUNK)
    return len(samples), (samples[i : i + CHUNK] for i in starts)


def _samples(x: Any, preparation: Prepared) -> Images:
    """A batch, of one sample, too, and of the pictures that paths name."""
    if isinstance(x, str | os.PathLike):
        x = [x]
    if isinstance(x, list | tuple) and any(isinstance(one, str | os.PathLike) for one in x):
        return [open_image(one) for one in x]
    is_of_arrays = isinstance(preparation, Standardisation)
    axes = (3,) if is_of_arrays else (2, 3)
    if isinstance(x, list) and x and all(getattr(one, "ndim", 0) in axes for one in x):
        return [one if one.ndim == 3 else one[..., None] for one in x]  # pictures of sizes of their own
    values = _array("x", x, "samples, pictures, paths or a Source")
    if is_of_arrays:
        shape = preparation.input
        if values.dtype == np.uint8 and _is_of_pictures(shape):
            return preparation.placed(values)  # which refuses them
        one = values.shape in (shape, shape[:-1]) and values.ndim > 0
        return _floats(values[None] if one else values, shape)
    with_channels = values.ndim == 3 and values.shape[2] in DEPTHS
    if values.ndim == 2 or with_channels:  # one picture
        values = values[None]
    return values[..., None] if values.ndim == 3 else values


def _array(name: str, given: Any, expected: str) -> Array:
    """What is given as an array of some axes. Raises DataError for any other thing, such as None."""
    values: Array = array(name, given)
    if values.ndim == 0:
        raise DataError(f"{name}: expected {expected}, but got {shorten(given)}")
    return values


def _is_of_pictures(shape: Shape) -> bool:
    return len(shape) == 3 and shape[2] in DEPTHS


def _floats(values: Array, input_shape: Shape) -> Array:
    """Numbers as float32 or float64, with the axis of the channels, which may be left out for one channel."""
    if values.dtype.kind not in "fiub":
        raise DataError(f"x of type {values.dtype}; expected numbers")
    if input_shape[-1] == 1 and values.shape[1:] == input_shape[:-1] and len(input_shape) > 1:
        values = values[..., None]
    if values.shape[1:] != input_shape:
        sizes = "; unsigned bytes would be resized" if _is_of_pictures(values.shape[1:]) else ""
        came = say(values.shape[1:]) if values.ndim > 1 else "one number"
        raise DataError(f"x: samples of {came}; the network reads {say(input_shape)}{sizes}")
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float32)


def _labels(y: Array, classes: tuple[str, ...], nameless: bool) -> tuple[Array, tuple[str, ...]]:
    """Labels as class numbers, and the names of the classes."""
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim == 2:
        raise DataError(f"y of shape {say(y.shape)}; expected one class a sample, such as y.argmax(1)")
    if y.dtype.kind == "O" and all(isinstance(one, str) for one in y.tolist()):
        y = y.astype(str)
    if y.dtype.kind != "U":
        return y, classes
    found = sorted(set(y.tolist()))
    if nameless:
        if len(found) != len(classes):
            raise DataError(
                f"y has {len(found)} classes, but the network ends in {len(classes)} scores; end it with "
                f"fc{len(found)}"
            )
        classes = tuple(found)
    unknown = [name for name in found if name not in classes]
    if unknown:
        raise DataError(f"y has the class {shorten(unknown[0])}; known: {shorten(', '.join(classes))}")
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[name] for name in y.tolist()], np.int64), classes
