"""The definitions of convolution and pooling, by loops over scalars: how one would write them down first.

Each number of a result is a sum; three loops go over the numbers and three over the sum (in two dimensions:
places, filters, taps and maps). Written for any number of dimensions. See `kitnet.layers.Convolution` for
the formulas.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import numpy as np

from kitnet.base.shape import Axis
from kitnet.base.spec import Array
from kitnet.lab.algorithm import Algorithm, Ready
from kitnet.lab.problem import InapplicableError, Pass, Problem
from kitnet.layers import MaxPool, MeanPool
from kitnet.layers.window import Axes, Index, area

STEPS = 10_000  # of the innermost loop that are timed, a few milliseconds
MOST_STEPS = 2_000_000  # for a single number: a second


def convolve_by_loops(x: Array, w: Array, axes: Axes) -> Array:
    """y (N, *output, K) of x (N, *sizes, C) and w (*window, C, K), by six loops in two dimensions."""
    y = np.zeros((len(x), *(a.output for a in axes), w.shape[-1]), x.dtype)
    for n, *position, k in np.ndindex(y.shape):
        y[n, *position, k] = _y(x, w, axes, 1, (n, *position, k))
    return y


def _y(x: Array, w: Array, axes: Axes, groups: int, index: Index) -> float:
    """One number of y: the sum over taps and maps of x * w."""
    n, *position, k = index
    maps = w.shape[-2]
    first = k // (w.shape[-1] // groups) * maps
    total = x.dtype.type(0)
    for tap in product(*(a.taps(o) for a, o in zip(axes, position, strict=True))):
        place = [a.start(o) + t * a.dilation for a, o, t in zip(axes, position, tap, strict=True)]
        for c in range(maps):
            total += x[n, *place, first + c] * w[*tap, c, k]
    return total


def _dx(dy: Array, w: Array, axes: Axes, groups: int, index: Index) -> float:
    """One number of dx: the sum over the windows that cover its place, and over filters, of dy * w."""
    n, *place, channel = index
    group, c = divmod(channel, w.shape[-2])
    filters = w.shape[-1] // groups
    total = dy.dtype.type(0)
    for met in product(*(_covering(axes, i, p) for i, p in enumerate(place))):
        position, tap = zip(*met, strict=True)
        for k in range(group * filters, (group + 1) * filters):
            total += dy[n, *position, k] * w[*tap, c, k]
    return total


def _dw(x: Array, dy: Array, axes: Axes, groups: int, index: Index) -> float:
    """One number of dw: the sum over samples and positions of x * dy."""
    *tap, c, k = index
    channel = k // (dy.shape[-1] // groups) * (x.shape[-1] // groups) + c
    *outer, inner = (_reading(a, t) for a, t in zip(axes, tap, strict=True))
    total = x.dtype.type(0)
    for n in range(len(x)):
        for met in product(*outer):
            row_of_x = x[n, *(p for _, p in met), :, channel]
            row_of_dy = dy[n, *(o for o, _ in met), :, k]
            for o, p in inner:
                total += row_of_x[p] * row_of_dy[o]
    return total


def _reading(axis: Axis, tap: int) -> list[tuple[int, int]]:
    """(position, place) along an axis wherever the tap of a window reads a place of the input."""
    places = ((o, axis.start(o) + tap * axis.dilation) for o in range(axis.output))
    return [(o, p) for o, p in places if 0 <= p < axis.size]


def _covering(axes: Axes, axis: int, place: int) -> Iterator[tuple[int, int]]:
    """(position, tap) along an axis of each window that reads this place."""
    a = axes[axis]
    for t in range(a.window):
        o, rest = divmod(place + a.before - t * a.dilation, a.stride)
        if rest == 0 and 0 <= o < a.output:
            yield o, t


def _pooled(problem: Problem, index: Index) -> float:
    """One number of a pool's y: the largest, the mean or the sum of its window."""
    n, *position, c = index
    seen = [problem.x[n, *place, c] for place in _places(problem.axes, position)]
    if isinstance(problem.layer, MaxPool):
        return max(seen)
    total = sum(seen, problem.x.dtype.type(0))
    return total / _share(problem, len(seen))


def _unpooled(problem: Problem, index: Index) -> float:
    """One number of a pool's dx: what the windows that cover its place send there."""
    n, *place, c = index
    total = problem.x.dtype.type(0)
    for position in product(*(_positions(problem.axes, i, p) for i, p in enumerate(place))):
        places = _places(problem.axes, position)
        if isinstance(problem.layer, MaxPool):
            winner = max(places, key=lambda each: problem.x[n, *each, c])
            if winner == tuple(place):
                total += problem.dy[n, *position, c]
        else:
            total += problem.dy[n, *position, c] / _share(problem, len(places))
    return total


def _share(problem: Problem, seen: int) -> np.float32:
    """What the sum of a window is divided by."""
    if not isinstance(problem.layer, MeanPool):
        return np.float32(1)
    return np.float32(area(problem.axes) if problem.layer.count_pad else seen)


def _places(axes: Axes, position: Index | list[int]) -> list[Index]:
    """The places of the input that the window at this position covers."""
    along = [[a.start(o) + t * a.dilation for t in a.taps(o)] for a, o in zip(axes, position, strict=True)]
    return list(product(*along))


def _positions(axes: Axes, axis: int, place: int) -> list[int]:
    """The positions along an axis whose window covers this place."""
    a = axes[axis]
    return [o for o in range(a.output) if place in [a.start(o) + t * a.dilation for t in a.taps(o)]]


def _number(problem: Problem, which: Pass) -> tuple[Callable[[Index], float], tuple[int, ...]]:
    """What computes one number of the result, and the result's shape."""
    x, dy, axes, groups = problem.x, problem.dy, problem.axes, problem.groups
    if problem.w is None:
        forward = which == "forward"
        return partial(_pooled if forward else _unpooled, problem), (dy if forward else x).shape
    w = problem.filters
    match which:
        case "forward":
            return partial(_y, x, w, axes, groups), dy.shape
        case "data":
            return partial(_dx, dy, w, axes, groups), x.shape
        case "weights":
            return partial(_dw, x, dy, axes, groups), w.shape


def _prepare(problem: Problem, which: Pass) -> Ready:
    number, shape = _number(problem, which)
    size = math.prod(shape)
    if problem.work // size > MOST_STEPS:
        raise InapplicableError(
            f"a single number would take {problem.work // size:,} steps, of {MOST_STEPS:,} at most"
        )
    count = max(1, min(size, STEPS * size // max(problem.work, 1)))
    sampled = np.linspace(0, size - 1, count).astype(np.int64)
    flat = np.arange(size).reshape(shape)
    order = problem.turned(flat) if which == "weights" else flat  # taps as the layer has them
    places = np.unravel_index(order.reshape(-1)[sampled], shape)
    indices = [tuple(map(int, index)) for index in zip(*places, strict=True)]

    def run() -> Array:
        return np.array([number(index) for index in indices], np.float32)

    return Ready(run, workspace=0, sampled=sampled)


LOOPS = Algorithm("loops", "the definition by loops in Python", _prepare)
