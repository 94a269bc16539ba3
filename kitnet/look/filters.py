"""The filters of a network's first layer as pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers import Convolution, Linear
from kitnet.net import Net

SHOWN = 256


@dataclass(frozen=True)
class Filters:
    """Pictures uint8 (n,R,S,c) of the filters of the layer at `path`, c 1 or 3. 128 is a weight of 0; the
    weight that is furthest from it, `largest`, is 1 or 255. `left_out` more are not shown."""

    path: str
    images: Array
    largest: float
    left_out: int


def first_filters(net: Net, most: int = SHOWN) -> Filters | None:
    """The filters of the first convolution or linear layer that reads a picture (H,W,C); None where the
    network has no such layer. Where C is neither 1 nor 3 a filter is C grey pictures."""
    for node in net.graph.nodes:
        if not isinstance(node.layer, Convolution | Linear) or node.owner != node.path:
            continue
        shape = net.graph.nodes[node.inputs[0]].shape
        if len(shape) != 3:
            return None
        weight = net.weights[f"{node.path}.weight"]
        if isinstance(node.layer, Linear):
            return _pictures(node.path, weight.reshape(*shape, -1), most)
        return _pictures(node.path, node.layer.dense(weight, shape[2]), most)
    return None


def _pictures(path: str, weight: Array, most: int) -> Filters:
    """Filters (R,S,C,K)."""
    R, S, C, K = weight.shape
    filters = weight.transpose(3, 0, 1, 2)
    if C not in (1, 3):
        filters = filters.transpose(0, 3, 1, 2).reshape(K * C, R, S, 1)
    largest = float(np.abs(weight).max())
    images = np.rint(128 + 127 * (filters[:most] / (largest or 1.0))).astype(np.uint8)
    return Filters(path, images, largest, max(0, len(filters) - most))


def grid(images: Array, columns: int = 16) -> Array:
    """Pictures (n,R,S,c) as one, uint8 (H,W,c), row by row with white lines of one pixel between them."""
    n, R, S, c = images.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    sheet = np.full((rows * (R + 1) - 1, columns * (S + 1) - 1, c), 255, np.uint8)
    for i, image in enumerate(images):
        y, x = i // columns * (R + 1), i % columns * (S + 1)
        sheet[y : y + R, x : x + S] = image
    return sheet
