"""A convolution as the fully connected layer that it is: a large matrix, of which most is 0.

The output at position o is the sum over taps and maps of x[s o + d r - p, c] w[r, c, k], a linear function of
all numbers of the input: y = x M + b, with x and y as rows, channels innermost. M has w[r, c, k] in the row
of (s o + d r - p, c) and the column of (o, k), and 0 where no tap falls: blocks that are equal for all
positions (CS231n, "Converting FC layers to CONV layers").
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers import Convolution
from kitnet.layers.window import positions_and_taps

MOST_ENTRIES = 1 << 26


@dataclass(frozen=True)
class Matrix:
    """Entries of a matrix (inputs, outputs) that are not 0 by themselves: `values[i]` at `rows[i]`,
    `columns[i]`; and what is added to each output. Entries are sorted by columns, then rows."""

    shape: tuple[int, int]
    rows: Array
    columns: Array
    values: Array
    bias: Array  # (outputs,)

    @property
    def density(self) -> float:
        """The share of the entries that are kept."""
        return len(self.values) / math.prod(self.shape)

    def dense(self) -> Array:
        """(inputs, outputs): the weight of a linear layer."""
        found = np.zeros(self.shape, self.values.dtype)
        found[self.rows, self.columns] = self.values
        return found

    def of(self, x: Array) -> Array:
        """x (N, inputs) -> y (N, outputs)."""
        y = np.zeros((len(x), self.shape[1]), np.result_type(x, self.values))
        np.add.at(y.T, self.columns, self.values[:, None] * x.T[self.rows])
        return y + self.bias


def matrix(layer: Convolution, x: Shape, weights: Mapping[str, Array]) -> Matrix:
    """The matrix of a convolution on a volume x (*sizes, C) with its arrays `weight` and `bias`, also of one
    with groups, a connection table or turned filters. Raises KitnetError for another layer, and ShapeError.
    """
    if not isinstance(layer, Convolution):
        raise KitnetError(f"only a convolution is a matrix with equal blocks, not {layer.word}")
    output, axes = layer.output_shape(x), layer.axes(x)
    expected = {name: param.shape for name, param in layer.params(x).items()}
    for name, shape in expected.items():
        if name not in weights or np.shape(weights[name]) != shape:
            given = np.shape(weights[name]) if name in weights else "nothing"
            raise ShapeError(f"{name} of this {layer.word} has shape {shape}, but got {given}")
    entries = layer.multiply_adds(x)
    if entries > MOST_ENTRIES:
        raise KitnetError(
            f"the matrix would have {entries:,} entries; {MOST_ENTRIES:,} are the most, take a smaller "
            "input or layer"
        )
    met = positions_and_taps(axes)
    position, tap, place = (np.array([one[i] for one in met]).reshape(-1, len(axes)) for i in range(3))
    if layer.flip:
        tap = np.array([a.window - 1 for a in axes]) - tap
    rows, columns, values = [], [], []
    for k in range(layer.filters):
        for c, plane in layer.planes(x[-1], k):
            rows.append(_row(place, x[:-1]) * x[-1] + c)
            columns.append(_row(position, output[:-1]) * layer.filters + k)
            values.append(np.asarray(weights["weight"])[(*tap.T, *plane)])
    row, column, value = map(np.concatenate, (rows, columns, values))
    order = np.lexsort((row, column))
    bias = np.asarray(weights["bias"]) if layer.bias else np.zeros(layer.filters, value.dtype)
    shape = math.prod(x), math.prod(output)
    return Matrix(shape, row[order], column[order], value[order], np.tile(bias, shape[1] // layer.filters))


def _row(index: Array, sizes: Shape) -> Array:
    """The numbers of places in a volume of these sizes."""
    return np.ravel_multi_index(tuple(index.T), sizes)
