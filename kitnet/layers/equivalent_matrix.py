"""A convolution as the matrix of the fully connected layer that does the same, kept by its entries.

The output at position o is the sum over taps and maps of x[s o + d r - p, c] w[r, c, k]: the matrix has
w[r, c, k] in the row of the input (s o + d r - p, c) and the column of the output (o, k), and 0 where no tap
falls. So every filter stands in it once for each position, in blocks that are equal (CS231n, "Converting FC
layers to CONV layers"), and the three passes are sums over the entries:

    y[column] += w[which] x[row]      dx[row] += w[which] dy[column]      dw[which] += x[row] dy[column]
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers.convolution import Convolution


@dataclass(frozen=True)
class Entries:
    """The entries of a matrix (inputs, outputs): their rows, their columns, and the place of their weight in
    the flat array `weight` of the layer."""

    shape: tuple[int, int]
    rows: Array
    columns: Array
    which: Array

    def dense(self, weight: Array) -> Array:
        """(inputs, outputs): the weight of the linear layer, from that of the convolution."""
        found = np.zeros(self.shape, weight.dtype)
        found[self.rows, self.columns] = weight.reshape(-1)[self.which]
        return found


def count_entries(layer: Convolution, x: Shape) -> int:
    """How many entries the matrix of a convolution on a volume x (*sizes, C) has."""
    met = math.prod(sum(len(a.taps(o)) for o in range(a.output)) for a in layer.axes(x))
    return met * sum(len(layer.planes(x[-1], k)) for k in range(layer.filters))


def entries(layer: Convolution, x: Shape) -> Entries:
    """The entries of a convolution on a volume x (*sizes, C), also of one with groups, a connection table or
    turned filters; filters and maps follow each other quickest, then the taps of a position."""
    position, tap, place = (np.zeros(1, np.int64) for _ in range(3))
    for a in layer.axes(x):  # along one axis after the other, every pair of a position and a tap on the input
        met = [
            (o, a.window - 1 - t if layer.flip else t, a.start(o) + t * a.dilation)
            for o in range(a.output)
            for t in a.taps(o)
        ]
        along = np.array(met, np.int64).reshape(-1, 3).T
        position, tap, place = (
            (size * before[:, None] + own).ravel()
            for size, before, own in zip(
                (a.output, a.window, a.size), (position, tap, place), along, strict=True
            )
        )
    planes = layer.params(x)["weight"].shape[len(x) - 1 :]  # what a tap has: maps and filters, or links
    links = [
        (c, k, np.ravel_multi_index(plane, planes))
        for k in range(layer.filters)
        for c, plane in layer.planes(x[-1], k)
    ]
    c, k, weight = np.array(links, np.int64).T
    return Entries(
        (math.prod(x), math.prod(layer.output_shape(x))),
        (place[:, None] * x[-1] + c).ravel(),
        (position[:, None] * layer.filters + k).ravel(),
        (tap[:, None] * math.prod(planes) + weight).ravel(),
    )
