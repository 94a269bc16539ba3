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
    position, and `fill` in padding and where a region is smaller than the largest."""
    x = padded(side_by_side(x, axes, fill), axes, fill)
    axes = tuple(map(_as_windows, axes))
    batch, *steps, depth = x.strides
    shape = (len(x), *(a.output for a in axes), *(a.window for a in axes), x.shape[-1])
    positions = (step * a.stride for step, a in zip(steps, axes, strict=True))
    taps = (step * a.dilation for step, a in zip(steps, axes, strict=True))
    return as_strided(x, shape, (batch, *positions, *taps, depth), writeable=False)


def overlap_add(d: Array, axes: Axes) -> Array:
    """d (N, *output, *window, C) -> (N, *sizes, C): the sum of the values at each place that windows read."""
    regions, axes = axes, tuple(map(_as_windows, axes))
    dx = np.zeros((len(d), *(a.size + a.before + a.after for a in axes), d.shape[-1]), d.dtype)
    every = (slice(None),) * (1 + len(axes))
    for tap in np.ndindex(*(a.window for a in axes)):
        starts = [t * a.dilation for t, a in zip(tap, axes, strict=True)]
        where = tuple(
            slice(i, i + (a.output - 1) * a.stride + 1, a.stride) for i, a in zip(starts, axes, strict=True)
        )
        dx[:, *where] += d[*every, *tap]
    return merge(unpadded(dx, axes), regions)


def side_by_side(x: Array, axes: Axes, fill: float = 0.0) -> Array:
    """x (N, *sizes, C) with the regions of an axis one behind the other, each filled up to the largest."""
    for i, a in enumerate(axes):
        if a.regions:
            places = _places(a)
            missing = np.expand_dims(places < 0, (*range(1 + i), *range(2 + i, x.ndim)))
            x = np.where(missing, x.dtype.type(fill), x.take(places, 1 + i))
    return x


def merge(d: Array, axes: Axes) -> Array:
    """The adjoint of `side_by_side`: the sum of the values at each place that regions read."""
    for i, a in enumerate(axes):
        if a.regions:
            places = _places(a)
            whole = np.zeros((a.size, *d.shape[: 1 + i], *d.shape[2 + i :]), d.dtype)
            np.add.at(whole, places[places >= 0], np.moveaxis(d, 1 + i, 0)[places >= 0])
            d = np.moveaxis(whole, 0, 1 + i)
    return d


def _places(a: Axis) -> Array:
    """The places of every region, one behind the other, and -1 where one is smaller than the largest."""
    places = np.full((a.output, a.window), -1)
    for o in range(a.output):
        places[o, : len(a.taps(o))] = a.start(o) + np.arange(len(a.taps(o)))
    return places.ravel()


def _as_windows(a: Axis) -> Axis:
    """The axis once its regions lie side by side."""
    return Axis(a.output * a.window, a.window, a.window, 1, 0, 0, a.output) if a.regions else a


def sums(x: Array, axes: Axes) -> Array:
    """x (N, *sizes, C) -> (N, *output, C): the sum over each window."""
    return windows(x, axes).sum(tuple(range(1 + len(axes), 1 + 2 * len(axes))))


def send_back(d: Array, axes: Axes) -> Array:
    """The adjoint of `sums`: d (N, *output, C) -> (N, *sizes, C), the sum over the windows that cover a
    place."""
    taps = tuple(range(1 + len(axes), 1 + 2 * len(axes)))
    shape = *d.shape[:-1], *(a.window for a in axes), d.shape[-1]
    return overlap_add(np.broadcast_to(np.expand_dims(d, taps), shape), axes)


def output_sizes(axes: Axes) -> Shape:
    return tuple(a.output for a in axes)


def area(axes: Axes) -> int:
    """Taps of the window."""
    return math.prod(a.window for a in axes)


def inside(axes: Axes) -> Array:
    """(*output): how many taps of the window at each position lie on the input and not in its padding."""
    counts = np.ones(())
    for a in axes:
        counts = np.multiply.outer(counts, [float(len(a.taps(o))) for o in range(a.output)])
    return counts


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
            for t in a.taps(o):
                p = a.start(o) + t * a.dilation
                if (tap is None or t == tap[i]) and (place is None or p == place[i]):
                    found.append((o, t, p))
        along.append(found)
    met = (zip(*each, strict=True) for each in product(*along))
    return [(positions, taps, places) for positions, taps, places in met]
