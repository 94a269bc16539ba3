"""Windows over (N, C, *sizes) in ONNX's terms: what convolutions, pools and norms share."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from kitnet.base.shape import Axis
from kitnet.base.spec import Array
from kitnet.interop.onnx.writing.building import Here
from kitnet.layers import window
from kitnet.layers.window import Axes


def framed(here: Here, x: str, axes: Axes, fill: float = 0.0, most: bool = False) -> tuple[str, Axes]:
    """x with what the operator cannot do by itself done before it: an input that is cropped, and, where the
    operator takes less padding than its window has places (`most`), more than that. The axes are those that
    are left to it."""
    to = here.to
    cropped = [i for i, a in enumerate(axes) if min(a.before, a.after) < 0]
    if cropped:
        starts = [max(-axes[i].before, 0) for i in cropped]
        ends = [axes[i].size + min(axes[i].after, 0) for i in cropped]
        x = to.slice(x, [2 + i for i in cropped], starts, ends)
        axes = tuple(
            replace(
                a,
                size=a.size + min(a.before, 0) + min(a.after, 0),
                before=max(a.before, 0),
                after=max(a.after, 0),
            )
            for a in axes
        )
    if most and any(max(a.before, a.after) >= a.window for a in axes):
        around = [(a.before, a.after) for a in axes]
        x = to.pad(x, here.spatial, around, 2 + len(axes), fill)
        axes = tuple(replace(a, size=a.size + a.before + a.after, before=0, after=0) for a in axes)
    return x, axes


def sliding(axes: Axes) -> dict[str, list[int]]:
    """Window, stride, padding and dilation as attributes."""
    found = {
        "kernel_shape": [a.window for a in axes],
        "strides": [a.stride for a in axes],
        "pads": [a.before for a in axes] + [a.after for a in axes],
    }
    dilations = [a.dilation for a in axes]
    return found if max(dilations) == 1 else {**found, "dilations": dilations}


def is_global(axes: Axes) -> bool:
    """Whether there is one window, of the whole map and nothing around it."""
    return all(a.output == 1 and a.window == a.size and a.dilation == 1 and not a.before for a in axes)


def places_of_regions(a: Axis) -> Array:
    """The places of every region of an axis, one behind the other, and -1 where one is smaller than the
    largest."""
    return window.side_by_side(np.arange(a.size)[None, :, None], (a,), -1)[0, :, 0]


def side_by_side(here: Here, x: str, axes: Axes, fill: float = 0.0) -> tuple[str, Axes]:
    """x with the regions of an axis one behind the other, each filled up to the largest, and its axes."""
    to, found = here.to, list(axes)
    for i, a in enumerate(axes):
        if not a.regions:
            continue
        places = places_of_regions(a)
        if places.min() < 0:
            x = to.pad(x, [2 + i], [(0, 1)], 2 + len(axes), fill)
        x = to.op("Gather", x, to.whole(*np.where(places < 0, a.size, places).tolist()), axis=2 + i)
        found[i] = Axis(a.output * a.window, a.window, a.window, 1, 0, 0, a.output)
    return x, tuple(found)


def sums(here: Here, x: str, axes: Axes, channels: int) -> str:
    """The sum of each window, map by map."""
    to = here.to
    if is_global(axes):
        return to.reduce("Sum", x, *here.spatial)
    x, axes = framed(here, *side_by_side(here, x, axes), most=True)
    if all(a.dilation == 1 for a in axes):
        mean = to.op("AveragePool", x, count_include_pad=1, **sliding(axes))
        return to.times(mean, math.prod(a.window for a in axes))
    ones = to.constant(np.ones((channels, 1, *(a.window for a in axes))))
    return to.op("Conv", x, ones, group=channels, **sliding(axes))


def unfolded(here: Here, x: str, axes: Axes, channels: int) -> str:
    """(N, C, positions, taps): what each window covers, 0 in padding."""
    to, size = here.to, math.prod(a.size for a in axes)
    places = np.arange(size).reshape(1, *(a.size for a in axes), 1)
    taps = window.windows(places, axes, size).reshape(math.prod(a.output for a in axes), -1)
    x = to.reshape(x, channels, size)
    if taps.max() == size:
        x = to.pad(x, [2], [(0, 1)], 3)
    return to.op("Gather", x, to.constant(taps, np.int64), axis=2)
