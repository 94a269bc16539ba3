"""A sheet of paper for pictures and words, by Pillow."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from kitnet.base.error import printable
from kitnet.base.spec import Array

if TYPE_CHECKING:
    from PIL import ImageFont

SIZE = 12  # of letters, in pixels
LINE = 16  # from one line of text to the next
INK, FAINT = (34, 34, 34), (110, 110, 110)
PAPER = (255, 255, 255)
ACCENT = (0, 96, 176)  # of bars


class Canvas:
    """White paper of so many pixels; x goes right, y down."""

    def __init__(self, width: int, height: int) -> None:
        from PIL import Image, ImageDraw

        self._image = Image.new("RGB", (width, height), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def paste(self, pixels: Array, x: int, y: int) -> None:
        """uint8 (h,w), (h,w,1) or (h,w,3), its upper left corner here."""
        from PIL import Image

        self._image.paste(Image.fromarray(in_colour(pixels)), (x, y))

    def text(self, words: str, x: int, y: int, faint: bool = False, right: bool = False) -> None:
        """A line of text from here on, or up to here."""
        words = printable(words)
        left = x - text_width(words) if right else x
        self._draw.text((left, y), words, fill=FAINT if faint else INK, font=_font())

    def text_up(self, words: str, x: int, y: int, faint: bool = False) -> None:
        """A line that is read with the head to the left, from here up."""
        from PIL import Image, ImageDraw

        words = printable(words)
        strip = Image.new("RGB", (text_width(words) + 2, LINE), PAPER)
        ImageDraw.Draw(strip).text((0, 1), words, fill=FAINT if faint else INK, font=_font())
        turned = strip.transpose(Image.Transpose.ROTATE_90)
        self._image.paste(turned, (x, y - turned.height))

    def bar(self, x: int, y: int, width: int, height: int, colour: tuple[int, int, int] = ACCENT) -> None:
        if width > 0:
            self._draw.rectangle((x, y, x + width - 1, y + height - 1), fill=colour)

    def frame(self, x: int, y: int, width: int, height: int) -> None:
        """A thin line around these pixels."""
        self._draw.rectangle((x - 1, y - 1, x + width, y + height), outline=(190, 190, 190))

    @property
    def pixels(self) -> Array:
        """uint8 (height, width, 3)."""
        return np.array(self._image)


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(SIZE)


def text_width(words: str) -> int:
    """Pixels of a line."""
    return int(np.ceil(_font().getlength(printable(words))))


def shortened(words: str, width: int) -> str:
    """The words, or their beginning and three dots, so that they fit."""
    if text_width(words) <= width:
        return words
    while words and text_width(words + "...") > width:
        words = words[:-1]
    return words + "..."


def ended(words: str, width: int) -> str:
    """The words, or three dots and their end, so that they fit."""
    if text_width(words) <= width:
        return words
    while words and text_width("..." + words) > width:
        words = words[1:]
    return "..." + words


def in_colour(pixels: Array) -> Array:
    """uint8 (h,w), (h,w,1) or (h,w,3) -> (h,w,3)."""
    grey = pixels[..., None] if pixels.ndim == 2 else pixels
    return np.ascontiguousarray(np.broadcast_to(grey, (*grey.shape[:2], 3)))


def enlarged(pixels: Array, factor: int) -> Array:
    """Each pixel as factor x factor of them."""
    return pixels.repeat(factor, 0).repeat(factor, 1)


def fitted(pixels: Array, height: int, width: int) -> Array:
    """Brought to this size: nearest where it grows, means of areas where it shrinks."""
    from PIL import Image

    image: Any = Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    grows = width >= image.width and height >= image.height
    how = Image.Resampling.NEAREST if grows else Image.Resampling.BOX
    return np.array(image.resize((width, height), how))
