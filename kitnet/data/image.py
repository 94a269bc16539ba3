"""One picture from a file, as the pixels that a person would see."""

from __future__ import annotations

import io
import math
import os
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from kitnet.base.error import DataError
from kitnet.base.spec import Array
from kitnet.data.place import place

if TYPE_CHECKING:
    from PIL import Image

# Formats that Pillow decodes itself; it has others that start programs (EPS) or only name a size.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
GREY = ("1", "L", "LA")
WIDE_GREY = ("I", "I;16", "I;16L", "I;16B", "I;16N")
COLOUR = ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")


PNG = b"\x89PNG\r\n\x1a\n"  # how the files begin
NEEDED = (b"tRNS", b"eXIf")  # of the chunks that are not critical
MEGAPIXELS = 40  # of a picture, unless more are allowed
STRIP = 1 << 20  # pixels at once
ORIENTATION = 0x0112  # the tag of EXIF; its values 2 to 8 turn or mirror


class PixelsError(DataError):
    """A picture of more pixels than are allowed."""


def open_image(path: str | os.PathLike[str], megapixels: float = MEGAPIXELS) -> Array:
    """The picture in a BMP, GIF, JPEG, PNG, PPM, TIFF or WebP file: uint8 (H,W,C), C 1 if it is grey, else 3.

    Turned as its EXIF orientation says. What is transparent lets white through, as paper does under ink.
    16-bit grey becomes value / 257, rounded. Palettes and CMYK become RGB. Of an animation comes the first
    picture. Raises DataError for what is not such a file, is truncated or damaged, or has more than
    `megapixels` million pixels, by its header.
    """
    path = Path(path)
    with place(path):
        if path.exists() and not path.is_file():  # a pipe would wait for ever
            raise DataError("it is not a file; expected a picture")
        with path.open("rb") as file:
            return _decode(file, megapixels)


def image_of(content: bytes, megapixels: float = MEGAPIXELS) -> Array:
    """The same of a file's bytes. Raises DataError."""
    return _decode(io.BytesIO(content), megapixels)


def _decode(file: BinaryIO, megapixels: float) -> Array:
    from PIL import Image, UnidentifiedImageError

    # Pillow warns of as many and refuses twice as many; here it is the header that decides
    most = megapixels * 1_000_000
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS or 0, math.ceil(most))
    too_many = f"more than {megapixels:g} million pixels; make it smaller"
    kind = "picture"
    with QUIET:
        try:
            with Image.open(_without_remarks(file), formats=FORMATS) as image:
                kind = f"{image.format} picture"
                if image.width * image.height > most:
                    raise PixelsError(f"it has {image.width}x{image.height}, {too_many}")
                image.load()
                return _pixels(_upright(image))
        except DataError:
            raise
        except UnidentifiedImageError:
            raise DataError(
                f"it is no picture, or its beginning is damaged; expected {', '.join(FORMATS)}"
            ) from None
        except Image.DecompressionBombError:
            raise PixelsError(f"it has {too_many}") from None
        except Exception:  # decoders meet damaged bytes with errors of every type
            raise DataError(f"the {kind} is truncated or damaged; take a fresh copy of the file") from None


def _without_remarks(file: BinaryIO) -> BinaryIO:
    """A PNG file without the chunks that a picture does not need, since Pillow refuses the picture for a
    damaged or an endless one; any other file as it is."""
    if file.read(len(PNG)) != PNG:
        file.seek(0)
        return file
    kept = io.BytesIO()
    kept.write(PNG)
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[:4], "big") + 4  # with the checksum
        if head[4] & 0x20 and head[4:] not in NEEDED:  # a small letter: not critical
            file.seek(size, os.SEEK_CUR)
        else:
            kept.write(head)
            kept.write(file.read(size))
    kept.seek(0)
    return kept


class _Quiet:
    """Silences remarks on odd metadata. The list of filters is the whole process's, so that the first thread
    that comes changes it and the last one that leaves restores it."""

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._caught.__exit__(None, None, None)


QUIET = _Quiet()


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its metadata say, as far as they can be read: they do not make a good picture bad."""
    from PIL import Image

    try:
        orientation = image.getexif().get(ORIENTATION)
    except Exception:  # readers of damaged metadata raise errors of every type
        return image
    turns = Image.Transpose
    ways = {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }
    way = ways.get(orientation) if isinstance(orientation, int) else None
    return image if way is None else image.transpose(way)


def _pixels(image: Image.Image) -> Array:
    """uint8 (H,W,C), made in strips, so that a large picture takes little more memory than itself twice."""
    if image.mode not in GREY + WIDE_GREY + COLOUR:
        raise DataError(
            f"its pixels are of the kind {image.mode!r}; save it in grey or RGB, 8 bits a channel"
        )
    width, height = image.size
    if width * height <= STRIP:
        return _seen(image)
    pixels = np.empty((height, width, 3 if image.mode in COLOUR else 1), np.uint8)
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        strip = image.crop((0, top, width, min(top + rows, height)))
        pixels[top : top + rows] = _seen(strip)
    return pixels


def _seen(image: Image.Image) -> Array:
    """The pixels that a person sees, uint8 (H,W,C)."""
    from PIL import Image

    if image.mode in WIDE_GREY:
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise DataError("its pixels have more than 16 bits; save it with 8 bits a channel")
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)[..., None]
    mode = "RGB" if image.mode in COLOUR else "L"
    if image.has_transparency_data:
        inked = image.convert("RGBA")
        image = Image.new(mode, inked.size, "white")
        image.paste(inked, mask=inked)
    opaque = np.array(image.convert(mode))
    return opaque[..., None] if mode == "L" else opaque
