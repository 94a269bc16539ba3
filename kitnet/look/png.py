"""Pixels as PNG files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from kitnet.base.spec import Array

if TYPE_CHECKING:
    from PIL import Image


def picture(pixels: Array) -> Image.Image:
    """uint8 (H,W,C), C 1 or 3, as Pillow's image."""
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def png(pixels: Array) -> bytes:
    """The file of uint8 (H,W,C), C 1 or 3."""
    content = io.BytesIO()
    picture(pixels).save(content, "PNG")
    return content.getvalue()
