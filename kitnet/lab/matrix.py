"""A convolution as the sparse matrix of the linear layer that does the same.

Row o of the matrix has the weights of output o in the columns of the inputs that its window covers, and 0
elsewhere; every filter stands in it once for each position. It is kept as its entries (output, input, which
weight), and the three passes are sums over the entries:

    y[output] += w[which] x[input]      dx[input] += w[which] dy[output]      dw[which] += x[input] dy[output]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kitnet.base.spec import Array
from kitnet.lab.algorithm import Algorithm, Ready
from kitnet.lab.problem import InapplicableError, Pass, Problem
from kitnet.layers.window import Axes, output_sizes

MOST_BYTES = 256 << 20
ENTRY = 3 * 8 + 4  # bytes: three indices and a weight


@dataclass(frozen=True)
class SparseMatrix:
    """Entries of a matrix (outputs, inputs): their rows, their columns, and the place of their weight in the
    flat filters (*window, C/groups, K).
    """

    shape: tuple[int, int]
    row: Array
    column: Array
    which: Array

    @property
    def entries(self) -> int:
        return len(self.row)

    def dense(self, w: Array) -> Array:
        """The whole matrix (outputs, inputs) for these filters."""
        found = np.zeros(self.shape, w.dtype)
        found[self.row, self.column] = w.reshape(-1)[self.which]
        return found


def sparse_matrix(axes: Axes, channels: int, filters: int, groups: int = 1) -> SparseMatrix:
    """The matrix of a convolution of `channels` maps into `filters`."""
    inputs, outputs = math.prod(a.size for a in axes), math.prod(output_sizes(axes))
    position, tap, place = (np.zeros(1, np.int64) for _ in range(3))
    for a in axes:  # along one axis after the other, every pair of a position and a tap on the input
        met = [(o, t, a.start(o) + t * a.dilation) for o in range(a.output) for t in a.taps(o)]
        along = np.array(met, np.int64).reshape(-1, 3).T
        position, tap, place = (
            (size * before[:, None] + own).ravel()
            for size, before, own in zip(
                (a.output, a.window, a.size), (position, tap, place), along, strict=True
            )
        )
    depth, each = channels // groups, filters // groups
    c, k = np.divmod(np.arange(depth * filters), filters)
    return SparseMatrix(
        (outputs * filters, inputs * channels),
        (position[:, None] * filters + k).ravel(),
        (place[:, None] * channels + k // each * depth + c).ravel(),
        (tap[:, None] * depth * filters + c * filters + k).ravel(),
    )


def _prepare(problem: Problem, which: Pass) -> Ready:
    if problem.w is None:
        raise InapplicableError("only for convolutions")
    shape, axes, w = problem.shape, problem.axes, problem.filters
    entries = math.prod(sum(len(a.taps(o)) for o in range(a.output)) for a in axes) * shape[-1]
    size = ENTRY * entries * w.shape[-1] // problem.groups
    if size >= MOST_BYTES:
        raise InapplicableError(
            f"the matrix would take {size / 2**20:,.0f} MiB; it is built below {MOST_BYTES >> 20}"
        )
    made = sparse_matrix(axes, shape[-1], w.shape[-1], problem.groups)
    weights = w.reshape(-1)[made.which]
    held = made.row.nbytes + made.column.nbytes + made.which.nbytes + weights.nbytes
    return Ready(_pass(problem, which, made, weights), held=held)


def _pass(problem: Problem, which: Pass, made: SparseMatrix, weights: Array) -> Callable[[], Array]:
    x, dy = (array.reshape(len(array), -1) for array in (problem.x, problem.dy))

    def added(into: Array, values: Array, size: int) -> Array:
        return np.bincount(into, values, size).astype(np.float32)

    def run() -> Array:
        match which:
            case "forward":
                y = [added(made.row, weights * one[made.column], dy.shape[1]) for one in x]
                return np.stack(y).reshape(problem.dy.shape)
            case "data":
                dx = [added(made.column, weights * one[made.row], x.shape[1]) for one in dy]
                return np.stack(dx).reshape(problem.x.shape)
            case "weights":
                size = problem.filters.size
                dw = sum(added(made.which, x[n, made.column] * dy[n, made.row], size) for n in range(len(x)))
                return problem.turned(np.reshape(dw, problem.filters.shape))

    return run


MATRIX = Algorithm("matrix", "the equivalent sparse matrix, in NumPy", _prepare)
