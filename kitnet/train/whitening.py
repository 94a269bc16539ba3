"""Filters that whiten the patches of the training pictures, as the first layer of a network.

    M   = mean of p p'            p the patches of the prepared pictures, as vectors
    M   = E diag(v) E'            its eigenvectors and eigenvalues
    f_i = e_i / sqrt(v_i + eps)   and -f_i: twice as many filters as a patch has numbers

What they give is uncorrelated and of the same strength. (Page, "How to train your ResNet", 2018, part 8; with
both signs and this eps Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, section 3.1.)
"""

from __future__ import annotations

import math

import numpy as np

from kitnet.base.error import KitnetError, nearest_or_all, shorten
from kitnet.base.spec import Array
from kitnet.data import Source
from kitnet.data.arrays import Prepared
from kitnet.layers import Convolution
from kitnet.net import Net

EPS = 5e-4
PICTURES, AT_ONCE = 5000, 250  # that decide the filters, and of which the patches are held at a time


def whiten(net: Net, path: str, source: Source, preparation: Prepared) -> None:
    """Make the filters of the convolution at this path, which reads the input, of the first pictures. Raises
    KitnetError where there is no such layer, or one of other filters."""
    _check(net, path)
    filters = net.weights[f"{path}.weight"]
    *window, depth, count = filters.shape
    size = math.prod((*window, depth))
    if count != 2 * size:
        raise KitnetError(
            f"whiten: {path} has {count} filters, but patches of {size} numbers are whitened by {2 * size}, "
            f"each with both signs; give it {2 * size}"
        )
    moment, patches = np.zeros((size, size)), 0
    for start in range(0, min(PICTURES, len(source)), AT_ONCE):
        some = np.arange(start, min(start + AT_ONCE, PICTURES, len(source)))
        rows = _patches(preparation.prepare(source.read(some)[0]), tuple(window))
        moment += rows.T @ rows
        patches += len(rows)
    values, vectors = np.linalg.eigh(moment / patches)
    found = vectors / np.sqrt(np.maximum(values, 0) + EPS)
    filters[...] = np.hstack([found, -found]).reshape(filters.shape)


def _check(net: Net, path: str) -> None:
    """Raises KitnetError where there is no plain convolution that reads the input."""
    nodes = {node.path: node for node in net.graph.nodes}
    if path not in nodes:
        layers = [name for name, node in nodes.items() if isinstance(node.layer, Convolution)]
        raise KitnetError(f"whiten: the network has no layer {shorten(path)}{nearest_or_all(path, layers)}")
    node = nodes[path]
    plain = isinstance(node.layer, Convolution) and node.layer.table is None and node.layer.groups == 1
    if not plain or any(net.graph.nodes[i].layer is not None for i in node.inputs):
        raise KitnetError(
            f"whiten: {path} is no convolution of the whole input, without groups and a table; name the "
            "first layer, and let it be one"
        )


def _patches(x: Array, window: tuple[int, ...]) -> Array:
    """Those of pictures (N, H, W, C) as rows, float64."""
    views = np.lib.stride_tricks.sliding_window_view(x, window, axis=(1, 2))  # (N, h, w, C, R, S)
    return np.moveaxis(views, 3, -1).reshape(-1, math.prod(window) * x.shape[-1]).astype(np.float64)
