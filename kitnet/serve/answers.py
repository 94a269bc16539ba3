"""What is answered: classes and probabilities as JSON, or the probabilities as an array."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import numpy as np

from kitnet.base.error import KitnetError, shorten
from kitnet.base.spec import Array
from kitnet.train.prediction import most_probable

TOP = 3  # classes of each image, unless it is said
JSON, NPY, TEXT = "application/json", "application/x-npy", "text/plain; version=0.0.4; charset=utf-8"


class Wish:
    """What a query asks for: `top=5` classes of each image, and with `all=true` also its scores and
    probabilities of all classes. Raises KitnetError for anything else."""

    def __init__(self, query: bytes) -> None:
        self.top, self.all = TOP, False
        if not query:
            return
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
            if name == "top" and value.isascii() and value.isdecimal() and 0 < len(value) < 10 and int(value):
                self.top = int(value)
            elif name == "all" and value in ("true", "false"):
                self.all = value == "true"
            else:
                raise KitnetError(
                    f"the query has {shorten(f'{name}={value}')}; known are top=5, a number from 1, and "
                    "all=true"
                )


def told(scores: Array, probabilities: Array, classes: Sequence[str], wish: Wish) -> bytes:
    """Of each image the most probable classes, best first, in the form of `kitnet predict --json`."""
    images: list[dict[str, Any]] = [
        {"classes": [{"class": name, "probability": p} for name, p in one.classes]}
        for one in most_probable(probabilities, classes, wish.top)
    ]
    if wish.all:
        for image, given, likely in zip(images, scores.tolist(), probabilities.tolist(), strict=True):
            image["scores"], image["probabilities"] = given, likely
    return packed({"images": images})


def packed(value: object) -> bytes:
    """JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def npy(probabilities: Array) -> bytes:
    """A file of NumPy's."""
    file = io.BytesIO()
    np.save(file, probabilities, allow_pickle=False)
    return file.getvalue()
