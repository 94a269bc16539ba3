"""Answers to the exercises of the book, found without kitnet, and wrong ones that a reader might give."""

from __future__ import annotations

from typing import Any

import numpy as np

Answers = list[tuple[Any, Any]]  # right, wrong; an exercise each


def slide(x: Any, w: Any) -> Any:
    return np.correlate(x, w, "valid")


def cosine(a: Any, b: Any) -> float:
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float(np.dot(a, b) / lengths) if lengths else 0.0


WINDOW: Answers = [
    ("217", "216"),
    ("11 -13 13 -12", "11, 13, 13, 12"),
    ("0.71", "0.72"),
    (slide, lambda x, w: np.convolve(x, w, "valid")),
    (cosine, np.dot),
]

CONVOLUTION: Answers = [
    ("4 13 22 15", "5 14 23 12"),
    ("14 23", "13 22"),
    ("92 100 108", "91 100 109"),
    ("11 13 7 14", "9 17 8 11"),
    (np.convolve, lambda f, g: np.correlate(f, g, "full")),
]

ANSWERS: dict[str, Answers] = {
    "01-window": WINDOW,
    "02-convolution": CONVOLUTION,
}
