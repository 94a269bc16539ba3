"""Convolution and pooling by im2col: every window is a row of a matrix.

y = rows @ filters (Chellapilla, Puri & Simard, "High performance convolutional neural networks for document
processing", 2006), dx = col2im(dy @ filters^T), which adds up what overlaps, and dw = rows^T @ dy. A pool
reduces its rows map by map instead. The products are NumPy's, on as many threads as its BLAS takes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from kitnet.base.spec import Array
from kitnet.lab.algorithm import Algorithm, Ready
from kitnet.lab.problem import InapplicableError, Pass, Problem
from kitnet.layers import Context
from kitnet.layers.convolution import correlate, filter_gradient, input_gradient_by_col2im
from kitnet.layers.window import Axes, area, output_sizes, windows

MOST_BYTES = 512 << 20  # of the matrix


def matrix_numbers(problem: Problem) -> int:
    """Numbers of the matrix of all windows."""
    return len(problem.x) * math.prod(output_sizes(problem.axes)) * area(problem.axes) * problem.shape[-1]


def matrix_of_windows(x: Array, axes: Axes) -> Array:
    """x (N, *sizes, C) -> (N * positions, taps * C): a row for each window, for each tap its C maps."""
    seen = windows(x, axes)
    return seen.reshape(math.prod(seen.shape[: 1 + len(axes)]), -1)


def _prepare(problem: Problem, which: Pass) -> Ready:
    size = 4 * matrix_numbers(problem)
    if size > MOST_BYTES:
        raise InapplicableError(
            f"the matrix would take {size / 2**20:,.0f} MiB, of {MOST_BYTES >> 20:,} at most"
        )
    return Ready(_pool(problem, which) if problem.w is None else _convolution(problem, which))


def _convolution(problem: Problem, which: Pass) -> Callable[[], Array]:
    axes, groups = problem.axes, problem.groups

    def run() -> Array:
        x, dy, w = (np.split(array, groups, -1) for array in (problem.x, problem.dy, problem.filters))
        match which:
            case "forward":
                parts = [correlate(m, f, axes) for m, f in zip(x, w, strict=True)]
            case "data":
                parts = [input_gradient_by_col2im(d, f, axes) for d, f in zip(dy, w, strict=True)]
            case "weights":
                parts = [filter_gradient(m, d, axes) for m, d in zip(x, dy, strict=True)]
        whole = parts[0] if groups == 1 else np.concatenate(parts, -1)
        return problem.turned(whole) if which == "weights" else whole

    return run


def _pool(problem: Problem, which: Pass) -> Callable[[], Array]:
    """The layer's formula, whose windows are a view until they are reduced."""
    layer, x = problem.layer, problem.x

    def run() -> Array:
        made = layer.forward({}, {}, Context(), x)
        if which == "forward":
            return made.y
        (dx,) = layer.backward({}, layer.kept((x,), made), problem.dy).dx
        assert dx is not None
        return dx

    return run


IM2COL = Algorithm("im2col", "windows as rows of a matrix, in NumPy", _prepare)
