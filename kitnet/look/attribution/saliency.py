"""Saliency: how much the score of a class moves with each pixel.

w = dS_c / dI at the image, and M[i,j] = max over channels of |w[i,j,c]|.

Source: Simonyan, Vedaldi & Zisserman, "Deep inside convolutional networks: visualising image classification
models and saliency maps", 2014, section 3, equations 3 and 4, and section 3.1 for several channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kitnet.base.spec import Array
from kitnet.look.probe import Probe


def saliency(probe: Probe, image: Any, of: int | str | None = None) -> Array:
    """M (H,W), of the score of the class `of`, usually the best one. Raises KitnetError."""
    of = probe(image).best(1)[0][0] if of is None else of
    found: Array = np.abs(probe(image, output=of).gradients[probe.input]).max(-1)
    return found
