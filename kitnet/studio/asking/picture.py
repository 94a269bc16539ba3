"""Pictures between a page and Python: a file that was chosen, and what is to be seen."""

from __future__ import annotations

import base64
import binascii

import numpy as np

from kitnet.base.error import DataError, KitnetError
from kitnet.base.spec import Array
from kitnet.data.image import image_of
from kitnet.look.canvas import fitted

SIDE = 640  # pixels of the longer side of what is shown
HEIGHT, WIDTH = 240, 320  # of the picture that comes with the room


def read(content: str) -> Array:
    """uint8 (h,w,c) of a file in base64. Raises KitnetError."""
    try:
        return image_of(base64.b64decode(content, validate=True))
    except binascii.Error:
        raise KitnetError("the picture did not arrive whole; choose it again") from None
    except DataError as error:
        raise KitnetError(f"the picture: {error}") from None


def reduced(pixels: Array) -> Array:
    """The same, brought to at most `SIDE` pixels a side."""
    h, w, c = pixels.shape
    factor = SIDE / max(h, w)
    if factor >= 1:
        return pixels
    small = fitted(pixels, max(1, round(h * factor)), max(1, round(w * factor)))
    return small.reshape(*small.shape[:2], c)


def computed() -> Array:
    """A picture of a window in a wall under the sky, uint8 (HEIGHT,WIDTH,3): edges of every direction, even
    areas, gradients and a fine texture."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    picture = np.stack([110 + 0.4 * y, 150 + 0.3 * y, 225 - 0.1 * y], -1)  # sky
    sun = np.hypot(x - 260, y - 48)
    picture[sun < 26] = 250, 224, 120
    roof = (y > 40) & (y < 110) & (abs(x - 120) < (y - 40) * 1.4)
    picture[roof] = 150, 66, 50
    wall = (y >= 110) & (y < 205) & (abs(x - 120) < 84)
    rows = (y // 8).astype(int)
    mortar = (y % 8 < 1) | ((x + 8 * (rows % 2)) % 16 < 1)
    picture[wall] = 196, 152, 120
    picture[wall & mortar] = 226, 216, 204
    pane = (abs(y - 155) < 26) & (abs(x - 120) < 26)
    picture[pane] = 62, 78, 96
    picture[pane & ((abs(y - 155) < 2) | (abs(x - 120) < 2))] = 240, 240, 236
    ground = y >= 205
    blades = 22 * np.sin(x * 1.7 + 3 * np.sin(y * 0.9)) * np.sin(y * 1.3 + x * 0.31)
    picture[ground] = np.stack([70 + blades, 128 + blades, 62 + blades], -1)[ground]
    trunk = (y >= 130) & (y < 215) & (abs(x - 268) < 6)
    picture[trunk] = 92, 68, 48
    crown = np.hypot(x - 268, (y - 118) * 1.2) < 38 + 4 * np.sin(9 * np.arctan2(y - 118, x - 268))
    picture[crown] = np.stack([40 + blades, 105 + blades, 52 + blades], -1)[crown]
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
