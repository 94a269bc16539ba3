"""How a picture of any size becomes a network's input: one recipe for training and prediction."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from kitnet.base.error import DataError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.data.check import check_images
from kitnet.data.lists import from_lists, to_lists
from kitnet.data.place import place
from kitnet.data.source import CHUNK, Images, Source

LARGEST = 1 << 14  # pixels a side: a damaged model file must not ask for all memory
MOST_FITTED, MOST_FITTED_BYTES = 1 << 16, 1 << 30  # pictures that decide mean and deviation, and their bytes


@dataclass(frozen=True)
class Preparation:
    """The steps, in order; `input` is the network's (H,W,C), C 1 or 3:

    1. colour to grey, where the input is grey: ITU-R 601 luma, 0.299 R + 0.587 G + 0.114 B, as Pillow does;
    2. resize to `resize` (h,w), whatever the picture's proportions: bilinear, antialiased where it shrinks;
       all rows, then all columns, in bytes;
    3. centred padding with 0, or centred cropping, to H,W (an odd row or column is at the end);
    4. grey to colour, where the input is in colour: three times the same;
    5. (pixel / 255 - mean) / std, each one number a channel; computed in float64, rounded to float32 once.
    """

    input: tuple[int, int, int]
    resize: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        with place("preparation"):
            _check_input(self.input)
            if len(self.resize) != 2 or not all(_is_size(n) for n in self.resize):
                raise DataError(f"'resize' is {self.resize}; expected height and width, 1 to {LARGEST}")
            for name, values in (("mean", self.mean), ("std", self.std)):
                if len(values) != self.input[2] or not all(is_number(v) for v in values):
                    raise DataError(f"{name!r} is {values}; expected {self.input[2]} numbers, -1e12 to 1e12")
            if min(self.std) < 1e-12:
                raise DataError(f"'std' is {self.std}; expected numbers of 1e-12 or more")

    @classmethod
    def fitted(cls, source: Source, input_shape: Shape) -> Self:
        """The preparation for a network of that input, learned from its training set.

        Any picture is first brought to the size of the set's own, where they all have one. Where that is
        between 3/4 and 4/3 of the input on both axes the rest is padding or cropping (28x28 in 32x32: a rim
        of 2); otherwise any picture is resized to the input. `mean` and `std` are those of the set's pixels
        after that, of a large set those of a sample, evenly picked: 65,536 pictures at least, of larger ones,
        by the size of the first, 1 GiB of pixels at least. A channel that is constant gets std 1. Raises
        DataError for an input that is not height x width x 1 or 3.
        """
        with place("preparation"):
            _check_input(input_shape)
        height, width, channels = input_shape
        first = source.read(np.arange(1))[0]
        own, each = _own_size(first), first[0].nbytes
        near = own is not None and all(
            3 * n <= 4 * o and 3 * o <= 4 * n for o, n in zip(own, (height, width), strict=True)
        )
        size = own if own is not None and near else (height, width)
        plain = cls((height, width, channels), size, (0.0,) * channels, (1.0,) * channels)
        most = min(MOST_FITTED, max(1, MOST_FITTED_BYTES // each))
        sample = source.shard(0, max(1, len(source) // most))
        found = [moments(counts) for counts in plain._histograms(sample)]
        # a channel that is constant has no deviation to divide by
        return cls(plain.input, size, tuple(mean for mean, _ in found), tuple(std or 1.0 for _, std in found))

    def enlarged(self, input_shape: Shape) -> Self:
        """The same for another size of the input: what a picture is resized to grows in proportion. Raises
        DataError for an input that is not height x width x the same channels."""
        with place("preparation"):
            _check_input(input_shape)
            if input_shape[2] != self.input[2]:
                raise DataError(f"it is for inputs of depth {self.input[2]}, not {input_shape[2]}")
        height, width, depth = input_shape
        resize = (
            max(1, round(self.resize[0] * height / self.input[0])),
            max(1, round(self.resize[1] * width / self.input[1])),
        )
        return replace(self, input=(height, width, depth), resize=resize)

    def prepare(self, images: Images) -> Array:
        """uint8 (N,h,w,c), c 1 or 3, or pictures (h,w,c) of sizes of their own, to float32 (N,H,W,C). Raises
        DataError for what is not that."""
        prepared = np.empty((len(images), *self.input), np.float32)
        for start in range(0, max(1, len(images)), CHUNK):
            placed = self.placed(images[start : start + CHUNK])
            self.standardise(placed, prepared[start : start + CHUNK])
        return prepared

    def prepare_all(self, source: Source) -> tuple[Array, Array]:
        """All pictures of a source, float32 (N,H,W,C), and their classes, int64 (N,)."""
        x, labels, start = (
            np.empty((len(source), *self.input), np.float32),
            np.empty(len(source), np.int64),
            0,
        )
        for images, some in source.chunks():
            x[start : start + len(some)] = self.prepare(images)
            labels[start : start + len(some)] = some
            start += len(some)
        return x, labels

    def first(self, source: Source, count: int) -> Array:
        """The first pictures of a source as one array, uint8 (n,h,w,c), that `prepare` takes: as they are
        where all have one size, else steps 1 to 4 are done."""
        images = source.read(np.arange(min(count, len(source))))[0]
        return images if isinstance(images, np.ndarray) else self.placed(images)

    def placed(self, images: Images) -> Array:
        """Steps 1 to 3: uint8 (N,h,w,c) to uint8 (N,H,W,min(c,C)), perhaps `images` itself; of pictures of
        sizes of their own uint8 (N,H,W,C). Raises DataError."""
        if not isinstance(images, np.ndarray):
            placed = np.empty((len(images), *self.input), np.uint8)
            for image, one in zip(images, placed, strict=True):
                one[...] = self.placed(image[None])[0]
            return placed
        with place("preparation"):
            check_images(images)
        if images.shape[3] > self.input[2]:
            images = _luma(images)
        if images.shape[1:3] != self.resize:
            images = _resized(images, self.resize)
        return _centred(images, self.input[:2])

    def cut(self, images: Images, boxes: Array) -> Array:
        """Parts of pictures, each by left, top, right and bottom (n,4), resized to the input, in the place of
        steps 2 and 3: uint8 (N,H,W,C). Raises DataError."""
        from PIL import Image

        cut = np.empty((len(images), *self.input), np.uint8)
        for image, box, one in zip(images, boxes.tolist(), cut, strict=True):
            with place("preparation"):
                check_images(image[None])
            grey = _luma(image[None])[0] if image.shape[2] > self.input[2] else image
            picture = Image.fromarray(grey if grey.shape[2] == 3 else grey[..., 0])
            resized = picture.resize(one.shape[1::-1], Image.Resampling.BILINEAR, tuple(box))
            one[...] = np.asarray(resized).reshape(*one.shape[:2], -1)
        return cut

    def standardise(self, placed: Array, out: Array | None = None) -> Array:
        """Steps 4 and 5: what `placed` gives to float32 (N,H,W,C), in `out` where it is given."""
        out = np.empty((len(placed), *self.input), np.float32) if out is None else out
        levels = np.arange(256) / 255
        # a pixel has one of 256 values, so the formula is computed once for each of them: float32 (C,256)
        tables = ((levels - np.array([self.mean]).T) / np.array([self.std]).T).astype(np.float32)
        if self.input[2] == 1:  # without a copy in between; no index is beyond the table
            return tables[0].take(placed, out=out, mode="clip")
        for channel, table in enumerate(tables):
            out[..., channel] = table.take(placed[..., channel % placed.shape[3]])
        return out

    def to_json(self) -> dict[str, Any]:
        """As a dict of lists of numbers, from which `from_json` makes the very same."""
        return to_lists(self)

    @classmethod
    def from_json(cls, data: object) -> Self:
        """The inverse of `to_json`. Raises DataError for anything else: a missing or unknown field, ..."""
        return from_lists(cls, data)

    def _histograms(self, source: Source) -> Array:
        """How many pixels of each channel have each of the 256 values: int64 (C,256)."""
        counts = np.zeros((self.input[2], 256), np.int64)
        for images, _ in source.chunks():
            placed = self.placed(images)
            for channel in range(self.input[2]):
                values = placed[..., channel % placed.shape[3]]
                counts[channel] += np.bincount(values.ravel(), minlength=256)
        return counts


def _own_size(images: Images) -> tuple[int, int] | None:
    """Of a source that gives these pictures; None where each may have another."""
    return (images.shape[1], images.shape[2]) if isinstance(images, np.ndarray) else None


def _luma(images: Array) -> Array:
    red, green, blue = (images[..., channel].astype(np.uint32) for channel in range(3))
    luma = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16  # Pillow's own integers
    return luma.astype(np.uint8)[..., None]


def _resized(images: Array, size: tuple[int, int]) -> Array:
    from PIL import Image

    height, width = size
    resized = np.empty((len(images), height, width, images.shape[3]), np.uint8)
    for image, small in zip(images, resized, strict=True):
        picture = Image.fromarray(image if image.shape[2] == 3 else image[..., 0])
        # one axis after the other: Pillow 13 would begin with the columns of some pictures, older ones never
        for between in ((width, picture.height), (width, height)):
            picture = picture.resize(between, Image.Resampling.BILINEAR)
        small[...] = np.asarray(picture).reshape(small.shape)
    return resized


def _centred(images: Array, size: tuple[int, int]) -> Array:
    if images.shape[1:3] == size:
        return images
    (from_y, to_y), (from_x, to_x) = (_overlap(n, m) for n, m in zip(images.shape[1:3], size, strict=True))
    centred = np.zeros((len(images), *size, images.shape[3]), np.uint8)
    centred[:, to_y, to_x] = images[:, from_y, from_x]
    return centred


def _overlap(old: int, new: int) -> tuple[slice, slice]:
    """Where an axis of `old` places and a centred one of `new` coincide: in the old, and in the new."""
    both = min(old, new)
    start, to = (old - both) // 2, (new - both) // 2
    return slice(start, start + both), slice(to, to + both)


def moments(counts: Array) -> tuple[float, float]:
    """Mean and standard deviation of pixel / 255, from how often each of the 256 values occurs."""
    number = int(counts.sum())
    total = sum(value * count for value, count in enumerate(counts.tolist()))
    squares = sum(value * value * count for value, count in enumerate(counts.tolist()))
    spread = number * squares - total * total  # in Python's integers, so 0 means constant
    return total / number / 255, math.sqrt(spread) / number / 255


def _check_input(shape: Shape) -> None:
    if len(shape) != 3 or not all(_is_size(n) for n in shape) or shape[2] not in (1, 3):
        grey = f"; for grey pictures write {say(shape)}x1" if len(shape) == 2 else ""
        raise DataError(
            f"pictures do not fit an input of {say(shape)}; expected height x width x 1 or 3 channels{grey}"
        )


def _is_size(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e12 <= value <= 1e12
