"""Sliding windows over arrays of any rank, and the adjoint: what convolution, pooling and subsampling share.

`windows` is im2col as a view (Chellapilla et al., "High performance convolutional neural networks for
document processing", 2006) and `overlap_add` is col2im: <windows(x), d> = <x, overlap_add(d)> for all x and
d.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.lib.stride_tricks import as_strided

from kitnet.base.error import ShapeError
from kitnet.base.shape import Axis, Shape
from kitnet.base.spec import Array

Axes = tuple[Axis, ...]
Index = tuple[Any, ...]  # numpy's stubs refuse unpacked integers


@runtime_checkable
class Windowed(Protocol):
    """A layer whose window slides over its one operand."""

    def axes(self, x: Shape) -> Axes: ...


def padded(x: Array, axes: Axes, value: float = 0.0) -> Array:
    """x (N, *sizes, C) with the padding of each axis around it, or cropped where that is below 0."""
    if not any(a.before or a.after for a in axes):
        return x
    seen = x[:, *(slice(max(-a.before, 0), a.size + min(a.after, 0)) for a in axes)]
    around = [(max(a.before, 0), max(a.after, 0)) for a in axes]
    return np.pad(seen, [(0, 0), *around, (0, 0)], constant_values=value)


def unpadded(d: Array, axes: Axes) -> Array:
    """The way back from `padded`: what lies on the input, and 0 at the places that are not seen."""
    on_input = d[:, *(slice(max(a.before, 0), max(a.before, 0) + a.size) for a in axes)]
    unseen = [(max(-a.before, 0), max(-a.after, 0)) for a in axes]
    return np.pad(on_input, [(0, 0), *unseen, (0, 0)]) if any(map(any, unseen)) else on_input


def windows(x: Array, axes: Axes, fill: float = 0.0) -> Array:
    """x (N, *sizes, C) -> a read-only view (N, *output, *window, C): what the window covers at each
    position."""
    x = padded(x, axes, fill)
    batch, *steps, depth = x.strides
    shape = (len(x), *(a.output for a in axes), *(a.window for a in axes), x.shape[-1])
    positions = (step * a.stride for step, a in zip(steps, axes, strict=True))
    taps = (step * a.dilation for step, a in zip(steps, axes, strict=True))
    return as_strided(x, shape, (batch, *positions, *taps, depth), writeable=False)


def overlap_add(d: Array, axes: Axes) -> Array:
    """d (N, *output, *window, C) -> (N, *sizes, C): the sum of the values at each place that windows read."""
    dx = np.zeros((len(d), *(a.size + a.before + a.after for a in axes), d.shape[-1]), d.dtype)
    every = (slice(None),) * (1 + len(axes))
    for tap in np.ndindex(*(a.window for a in axes)):
        starts = [t * a.dilation for t, a in zip(tap, axes, strict=True)]
        where = tuple(
            slice(i, i + (a.output - 1) * a.stride + 1, a.stride) for i, a in zip(starts, axes, strict=True)
        )
        dx[:, *where] += d[*every, *tap]
    return unpadded(dx, axes)


def output_sizes(axes: Axes) -> Shape:
    return tuple(a.output for a in axes)


def area(axes: Axes) -> int:
    """Taps of the window."""
    return math.prod(a.window for a in axes)


def inside(axes: Axes) -> Array:
    """(*output): how many taps of the window at each position lie on the input and not in its padding."""
    ones = np.ones((1, *(a.size for a in axes), 1))
    return windows(ones, axes).sum(tuple(range(1 + len(axes), 2 + 2 * len(axes))))[0]


def refuse_empty_windows(axes: Axes, what: str) -> None:
    """Pooling has no value for a window that lies wholly in padding: the first or the last along some axis.

    Told from the axes alone, since the volume of a network that is only described may be of any size.
    """
    if any(a.before >= a.extent or (a.output - 1) * a.stride - a.before >= a.size for a in axes):
        raise ShapeError(
            f"a {what} window lies wholly in padding, where there is nothing to pool", "use less padding"
        )


def positions_and_taps(
    axes: Axes, position: Index | None = None, tap: Index | None = None, place: Index | None = None
) -> list[tuple[Index, Index, Index]]:
    """(position, tap, place) of every tap of every window that falls on the input.

    A given position, tap or place restricts them to it.
    """
    along = []
    for i, a in enumerate(axes):
        found = []
        for o in range(a.output) if position is None else (position[i],):
            for t in range(a.window) if tap is None else (tap[i],):
                p = o * a.stride + t * a.dilation - a.before
                if 0 <= p < a.size and (place is None or p == place[i]):
                    found.append((o, t, p))
        along.append(found)
    return [tuple(zip(*each, strict=True)) for each in product(*along)]
