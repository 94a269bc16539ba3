"""What may be sent: pictures as files, one or many, and arrays, binary or as JSON.

What comes of it is what `kitnet predict` and `Model.predict` make of the same pictures.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.error import DataError, shorten
from kitnet.base.spec import Array
from kitnet.data.arrays import Prepared
from kitnet.data.image import MEGAPIXELS, PixelsError, image_of
from kitnet.data.place import place
from kitnet.data.preparation import Preparation
from kitnet.serve.multipart import files_of
from kitnet.serve.npy import MAGIC, read_npy
from kitnet.train.given import batches_of

QUICK = 1 << 12  # bytes of a picture file that take next to no time
AT_ONCE = 1 << 20  # bytes of an array, of which nothing is to be resized


class TooMuchError(DataError):
    """A request that is well formed, but more than is allowed."""


@dataclass(frozen=True)
class Limits:
    """Of one request: bytes of its body, images, and million pixels of each."""

    bytes: int = 32 << 20
    images: int = 256
    megapixels: float = MEGAPIXELS

    def most(self, kind: str) -> int:
        """Bytes of a body of this content type: lists of JSON take many times their text in memory."""
        return self.bytes // 4 if is_json(kind) else self.bytes


class Reader:
    """Bodies as images of a network's input, placed but not yet standardised."""

    def __init__(self, preparation: Prepared, limits: Limits) -> None:
        self._preparation, self._limits = preparation, limits

    def is_quick(self, body: bytes, kind: str) -> bool:
        """Whether reading takes so little that a thread for it would take more."""
        return len(body) <= QUICK or (len(body) <= AT_ONCE and _is_npy(body, kind))

    def __call__(self, body: bytes, kind: str) -> Array:
        """A body of this content type -> (N, H, W, C), uint8 for pictures, floats for other numbers. Raises
        DataError for what cannot be read, TooMuchError for what is too much."""
        if kind.startswith("multipart/form-data"):
            return self._pictures(files_of(body, kind, self._limits.images))
        if is_json(kind):
            return self._json(body)
        if _is_npy(body, kind):
            return self._array(read_npy(body))
        return self._pictures([body])

    def _pictures(self, files: list[bytes]) -> Array:
        """One after the other, so that only one is in memory in its own size."""
        self._check_count(len(files))
        if not files:
            raise DataError("no image; send one or more")
        return np.concatenate([self._picture(file, i, len(files)) for i, file in enumerate(files)])

    def _picture(self, file: bytes, number: int, of: int) -> Array:
        where = f"image {number}" if of > 1 else "image"
        try:
            if not file:
                raise DataError("it is empty; send the bytes of a picture")
            return self._placed(image_of(file, self._limits.megapixels)[None])
        except PixelsError as error:
            raise TooMuchError(f"{where}: {error}") from None
        except DataError as error:
            raise DataError(f"{where}: {error}") from None

    def _array(self, x: Any) -> Array:
        if isinstance(x, np.ndarray) and x.ndim and x.size == 0:
            raise DataError("the array is empty; send one image or more")
        count, batches = batches_of(x, self._preparation)
        self._check_count(count)
        placed = [self._placed(batch) for batch in batches]
        return placed[0] if len(placed) == 1 else np.concatenate(placed)

    def _json(self, body: bytes) -> Array:
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            raise DataError('the body is no JSON; send an object such as {"images": [...]}') from None
        if not isinstance(told, dict) or told.keys() != {"images"} or not isinstance(told["images"], list):
            raise DataError('the JSON is no object with a list of images alone: {"images": [...]}')
        images = told["images"]
        self._check_count(len(images))
        if not images:
            raise DataError("no image; send one or more")
        return np.concatenate([self._of_json(image, i, len(images)) for i, image in enumerate(images)])

    def _of_json(self, image: object, number: int, of: int) -> Array:
        if isinstance(image, str):
            try:
                file = base64.b64decode(image, validate=True)
            except (binascii.Error, ValueError):
                raise DataError(f"image {number}: its text is no base64") from None
            if file.startswith(MAGIC):
                return self._array(read_npy(file))
            return self._picture(file, number, of)
        with place(f"image {number}"):
            return self._array(self._numbers(image)[None])

    def _numbers(self, image: object) -> Array:
        """An array of nested lists: bytes where the network reads pictures."""
        try:
            found = np.array(image)
        except (ValueError, OverflowError, RecursionError):
            raise DataError("its rows differ in length, or are no numbers") from None
        if not isinstance(self._preparation, Preparation):
            if found.dtype.kind not in "fiu":
                raise DataError(f"{shorten(image)} is no array of numbers")
            return found.astype(np.float64)
        if found.dtype.kind not in "iu" or found.ndim not in (2, 3) or found.size == 0:
            raise DataError("expected rows of pixels, whole numbers 0 to 255, or the base64 of a file")
        if found.min() < 0 or found.max() > 255:
            raise DataError("a pixel is below 0 or above 255")
        pixels = found.astype(np.uint8)
        return pixels if pixels.ndim == 3 else pixels[..., None]

    def _placed(self, images: Any) -> Array:
        placed = self._preparation.placed(images)
        depth = self._preparation.input[-1]
        if placed.shape[-1] != depth:  # grey in colour; requests in a batch are alike
            placed = np.repeat(placed, depth, -1)
        return placed

    def _check_count(self, count: int) -> None:
        if count > self._limits.images:
            raise TooMuchError(f"more than {self._limits.images} images in a request; send several requests")


def is_json(kind: str) -> bool:
    """Whether this content type is that of JSON."""
    return kind.partition(";")[0].strip() == "application/json"


def _is_npy(body: bytes, kind: str) -> bool:
    return body.startswith(MAGIC) and not kind.startswith(("multipart/", "application/json"))
