"""A convolution as the fully connected layer that it is: a large matrix M, of which most is 0, and a bias, in
y = x M + b with x and y as rows, channels innermost (`kitnet.layers.equivalent_matrix`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers import Convolution
from kitnet.layers.equivalent_matrix import count_entries, entries

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
    expected = {name: param.shape for name, param in layer.params(x).items()}
    for name, shape in expected.items():
        if name not in weights or np.shape(weights[name]) != shape:
            given = np.shape(weights[name]) if name in weights else "nothing"
            raise ShapeError(f"{name} of this {layer.word} has shape {shape}, but got {given}")
    count = count_entries(layer, x)
    if count > MOST_ENTRIES:
        raise KitnetError(
            f"the matrix would have {count:,} entries; {MOST_ENTRIES:,} are the most, take a smaller "
            "input or layer"
        )
    found, weight = entries(layer, x), np.asarray(weights["weight"])
    order = np.lexsort((found.rows, found.columns))
    rows, columns, which = (each[order] for each in (found.rows, found.columns, found.which))
    bias = np.asarray(weights["bias"]) if layer.bias else np.zeros(layer.filters, weight.dtype)
    positions = found.shape[1] // layer.filters
    return Matrix(found.shape, rows, columns, weight.reshape(-1)[which], np.tile(bias, positions))
