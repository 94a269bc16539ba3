"""The filters of a layer as pictures; those of the first one are patches of colour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kitnet.base.error import KitnetError, nearest_or_all, shorten
from kitnet.base.spec import Array
from kitnet.layers import Convolution, Flatten, Linear, TransposedConvolution
from kitnet.look.maps import sheet
from kitnet.net import Net
from kitnet.net.graph import Node

SHOWN = 256
ROW = 16  # planes of a filter in one row


@dataclass(frozen=True)
class Filters:
    """Pictures uint8 (n,R,S,c) of the filters of the layer at `path`, c 1 or 3. 128 is a weight of 0; the
    weight that is furthest from it, `largest`, is 1 or 255. `left_out` more are not shown. A filter is
    `planes` pictures, one behind the other."""

    path: str
    images: Array
    largest: float
    left_out: int
    planes: int = 1

    @property
    def range(self) -> str:
        return f"grey 0, black {-self.largest:.3g}, white {self.largest:.3g}"


def first_filters(net: Net, most: int = SHOWN) -> Filters | None:
    """The filters of the first convolution or linear layer that reads a picture (H,W,C); None where the
    network has no such layer. Where C is neither 1 nor 3 a filter is C grey pictures."""
    for node in net.graph.nodes:
        if isinstance(node.layer, Convolution | Linear) and node.owner == node.path:
            three = len(net.graph.nodes[node.inputs[0]].shape) == 3
            return filters_of(net, node.path, most) if three else None
    return None


def filters_of(net: Net, path: str, most: int = SHOWN) -> Filters:
    """The filters of a convolution of pictures, the patches that a transposed one paints, or the templates of
    a linear layer; one that reads no maps is one picture of all weights, a row a unit. Raises KitnetError for
    any other layer."""
    if path not in net.graph:
        known = [node.path for node in net.graph.nodes if node.layer is not None]
        raise KitnetError(f"the network has no layer {shorten(path)}{nearest_or_all(path, known)}")
    node = net.graph.nodes[net.graph.find(path)]
    weight = _filters(net, node)
    if weight is None or weight.ndim != 4:
        what = node.word or "an operand"
        raise KitnetError(f"{path}: {what} has no filters of pictures; conv, transposed and fc have")
    return _pictures(path, weight, most)


def _filters(net: Net, node: Node) -> Array | None:
    """(R,S,C,K) of pictures."""
    layer = node.layer
    if not isinstance(layer, Convolution | TransposedConvolution | Linear):
        return None
    weight = net.weights[f"{node.owner}.weight"]
    before = net.graph.nodes[node.inputs[0]]
    if isinstance(layer, Convolution):
        return layer.dense(weight, before.shape[-1])
    if isinstance(layer, TransposedConvolution):
        return weight
    if isinstance(before.layer, Flatten):
        before = net.graph.nodes[before.inputs[0]]
    return weight.reshape(*before.shape, -1) if len(before.shape) == 3 else weight.T[..., None, None]


def _pictures(path: str, weight: Array, most: int) -> Filters:
    """Filters (R,S,C,K)."""
    R, S, C, K = weight.shape
    filters, planes = weight.transpose(3, 0, 1, 2), 1
    if C not in (1, 3):
        filters, planes = filters.transpose(0, 3, 1, 2).reshape(K * C, R, S, 1), C
    largest = float(np.abs(weight).max())
    images = np.rint(128 + 127 * (filters[:most] / (largest or 1.0))).astype(np.uint8)
    return Filters(path, images, largest, max(0, len(filters) - most), planes)


def filters_sheet(filters: Filters, title: str) -> Array:
    """All filters as tiles with their numbers; those of many planes have a row each: uint8 (H,W,3)."""
    n, planes = len(filters.images), filters.planes
    names = [f"{i // planes}.{i % planes}" if planes > 1 else str(i) for i in range(n)]
    more = f"; {filters.left_out:,} more pictures are not shown" if filters.left_out else ""
    columns = planes if 1 < planes <= ROW else None
    return sheet(filters.images, title, f"{filters.range}{more}", columns, names)


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
