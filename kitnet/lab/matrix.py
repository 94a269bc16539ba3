"""A convolution as the sparse matrix of the linear layer that does the same, pass by pass a sum over its
entries (`kitnet.layers.equivalent_matrix`)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kitnet.base.spec import Array
from kitnet.lab.algorithm import Algorithm, Ready
from kitnet.lab.problem import InapplicableError, Pass, Problem
from kitnet.layers import Convolution
from kitnet.layers.equivalent_matrix import Entries, count_entries, entries

MOST_BYTES = 256 << 20
ENTRY = 3 * 8 + 4  # bytes: three indices and a weight


def _prepare(problem: Problem, which: Pass) -> Ready:
    if problem.w is None:
        raise InapplicableError("only for convolutions")
    assert isinstance(problem.layer, Convolution)
    size = ENTRY * count_entries(problem.layer, problem.shape)
    if size >= MOST_BYTES:
        raise InapplicableError(
            f"the matrix would take {size / 2**20:,.0f} MiB; it is built below {MOST_BYTES >> 20}"
        )
    made = entries(problem.layer, problem.shape)
    weights = problem.w.reshape(-1)[made.which]
    held = made.rows.nbytes + made.columns.nbytes + made.which.nbytes + weights.nbytes
    return Ready(_pass(problem, which, made, weights), held=held)


def _pass(problem: Problem, which: Pass, made: Entries, weights: Array) -> Callable[[], Array]:
    x, dy = (array.reshape(len(array), -1) for array in (problem.x, problem.dy))

    def added(into: Array, values: Array, size: int) -> Array:
        return np.bincount(into, values, size).astype(np.float32)

    def run() -> Array:
        match which:
            case "forward":
                y = [added(made.columns, weights * one[made.rows], dy.shape[1]) for one in x]
                return np.stack(y).reshape(problem.dy.shape)
            case "data":
                dx = [added(made.rows, weights * one[made.columns], x.shape[1]) for one in dy]
                return np.stack(dx).reshape(problem.x.shape)
            case "weights":
                assert problem.w is not None
                seen = (x[n, made.rows] * dy[n, made.columns] for n in range(len(x)))
                dw = sum(added(made.which, products, problem.w.size) for products in seen)
                return np.reshape(dw, problem.w.shape)

    return run


MATRIX = Algorithm("matrix", "the equivalent sparse matrix, in NumPy", _prepare)
