"""One picture from a file, as the pixels that a person would see."""

from __future__ import annotations

import os
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


def open_image(path: str | os.PathLike[str]) -> Array:
    """The picture in a BMP, GIF, JPEG, PNG, PPM, TIFF or WebP file: uint8 (H,W,C), C 1 if it is grey, else 3.

    Turned as its EXIF orientation says. What is transparent lets black through, the 0 that pads a network's
    input. 16-bit grey becomes value / 257, rounded. Palettes and CMYK become RGB. Of an animation comes the
    first picture. Raises DataError for what is not such a file, is truncated or damaged, or has so many
    pixels that Pillow warns.
    """
    path = Path(path)
    with place(path):
        if path.exists() and not path.is_file():  # a pipe would wait for ever
            raise DataError("it is not a file; expected a picture")
        with path.open("rb") as file:
            return _decode(file)


def _decode(file: BinaryIO) -> Array:
    from PIL import Image, ImageOps, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on odd metadata
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        kind = "picture"
        try:
            with Image.open(file, formats=FORMATS) as image:
                kind = f"{image.format} picture"
                return _pixels(ImageOps.exif_transpose(image))
        except DataError:
            raise
        except UnidentifiedImageError:
            raise DataError(
                f"it is no picture, or its beginning is damaged; expected {', '.join(FORMATS)}"
            ) from None
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise DataError(f"it has more than {Image.MAX_IMAGE_PIXELS} pixels; make it smaller") from None
        except Exception:  # decoders meet damaged bytes with errors of every type
            raise DataError(f"the {kind} is truncated or damaged; take a fresh copy of the file") from None


def _pixels(image: Image.Image) -> Array:
    from PIL import Image

    if image.mode in WIDE_GREY:
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise DataError("its pixels have more than 16 bits; save it with 8 bits a channel")
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)[..., None]
    if image.mode not in GREY + COLOUR:
        raise DataError(
            f"its pixels are of the kind {image.mode!r}; save it in grey or RGB, 8 bits a channel"
        )
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        black = Image.new("RGBA", seen.size, (0, 0, 0, 255))
        opaque = Image.alpha_composite(black, seen)
    else:
        opaque = image
    if image.mode in GREY:
        return np.array(opaque.convert("L"))[..., None]
    return np.array(opaque.convert("RGB"))
