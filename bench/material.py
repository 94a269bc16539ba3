"""What both sides are given: the same weights, images and labels, drawn from fixed seeds in PyTorch's layout.

A weight is drawn filter by filter, so that handing it over costs no second copy of a large network's weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Kind = Literal["filters", "scale", "bias"]

RATE, MOMENTUM = 0.01, 0.9
BATCHES = 4  # training goes round through so many


def images(batch: int, shape: tuple[int, int, int], number: int = 0) -> Array:
    """(batch, height, width, channels)"""
    return np.random.default_rng([1, number]).standard_normal((batch, *shape), np.float32)


def labels(batch: int, classes: int, number: int = 0) -> Array:
    return np.random.default_rng([2, number]).integers(0, classes, batch)


def vector(kind: Kind, size: int, number: int) -> Array:
    """The bias, or the scale of a norm, that is the network's parameter of this number."""
    noise = np.random.default_rng([3, number]).standard_normal(size, np.float32)
    return np.float32(kind == "scale") + np.float32(0.05) * noise


def filters(count: int, inputs: int, number: int) -> Iterator[Array]:
    """The rows (inputs,) of a weight, one for each filter or unit, channels outermost as in PyTorch."""
    rng, deviation = np.random.default_rng([3, number]), np.float32((2 / inputs) ** 0.5)
    for _ in range(count):
        yield deviation * rng.standard_normal(inputs, np.float32)


def fingerprint(gradient: Array) -> list[float]:
    """The length of a gradient in PyTorch's layout and its projection on a fixed direction."""
    flat = np.ascontiguousarray(gradient).reshape(-1)
    rng = np.random.default_rng(4)
    projection = 0.0
    for start in range(0, flat.size, 1 << 20):
        piece = flat[start : start + (1 << 20)].astype(np.float64)
        projection += float(piece @ rng.standard_normal(piece.size))
    return [float(np.linalg.norm(flat)), projection]
