"""Resize and Upsample, with the many ways in which ONNX lays places over each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import AlongBatchError, UnsupportedError
from kitnet.interop.onnx.reading.call import Call
from kitnet.interop.onnx.reading.layout import Value, stored_as
from kitnet.interop.onnx.reading.operators.arithmetic import add_known
from kitnet.interop.onnx.reading.operators.convolutions import one
from kitnet.interop.onnx.reading.operators.shapes import by_axis
from kitnet.interop.onnx.reading.registry import reads
from kitnet.layers import Layer, Resize, Upsample
from kitnet.layers.resampling import Line

WHERE = {"tf_crop_and_resize": "crop"}  # kitnet's names where they are others


@dataclass(frozen=True)
class Asked:
    """What becomes of each axis: its places, its scale and the part of it that is shown."""

    to: tuple[int, ...]
    scales: tuple[float, ...]
    parts: tuple[tuple[float, float], ...]

    def of_samples(self) -> Asked:
        """Without axis 0."""
        return Asked(self.to[1:], self.scales[1:], self.parts[1:])


@reads("Upsample", "Resize")
def resize(call: Call) -> Value:
    """Operands: x, the region of interest, scales, sizes; of Upsample x and scales."""
    if call.kind == "Upsample":
        call.operands = [call.operands[0], None, call.operands[1]]
        call.attributes |= {"coordinate_transformation_mode": b"asymmetric", "nearest_mode": b"floor"}
    x, now = call.value(0), call.full_shape(0)
    asked = _asked(call, now)
    if call.batched:
        if asked.to[0] != now[0]:
            raise AlongBatchError("it changes the number of samples")
        asked = asked.of_samples()
    changed = [n != m or s != 1 for n, m, s in zip(x.shape, asked.to, asked.scales, strict=True)]
    still = [axis for axis, other in enumerate(changed) if not other]
    if len(still) == len(x.shape):
        return x
    if still:
        x, axes = by_axis(call, x, 0 if call.batched and 0 in still else still[-1])
        moved = axes[:-1]
    else:
        axes = moved = tuple(range(len(x.shape)))
        x = call.building.stored(x, axes, (*x.shape, 1))
    layer = _layer(call, asked, moved, tuple(x.shape[axis] for axis in moved))
    y = stored_as(call.add(layer, x), asked.to, axes)
    value = call.number("extrapolation_value", 0)
    if not value or not isinstance(layer, Resize) or layer.centres != "crop":
        return y
    rim = value * _outside(layer.lines(call.building.graph.nodes[x.index].shape), moved, asked.to)
    return add_known(call, y, rim[None] if call.batched else rim)


def _outside(lines: Sequence[Line], axes: tuple[int, ...], to: Shape) -> Array:
    """1 at the places that show nothing of x, 0 at all others."""
    seen = np.ones(to, np.float32)
    for line, axis in zip(lines, axes, strict=True):
        own = np.array([bool(sources) for sources in line.sources], np.float32)
        seen *= own.reshape([-1 if other == axis else 1 for other in range(len(to))])
    return 1 - seen


def _asked(call: Call, now: Shape) -> Asked:
    axes = tuple(axis % len(now) for axis in call.wholes("axes") or range(len(now)))
    to, scales, parts = list(now), [1.0] * len(now), [(0.0, 1.0)] * len(now)
    if call.has(2) and call.known(2, "scales").size:
        given = call.known(2, "scales")
        for axis, scale in zip(axes, given.tolist(), strict=True):
            scales[axis], to[axis] = scale, math.floor(now[axis] * scale)
    else:
        sizes = call.whole_numbers(3, "sizes")
        policy = call.text("keep_aspect_ratio_policy", "stretch")
        quotients = [size / now[axis] for axis, size in zip(axes, sizes, strict=True)]
        both = {"not_larger": min, "not_smaller": max}.get(policy)
        for axis, size, quotient in zip(axes, sizes, quotients, strict=True):
            scales[axis] = both(quotients) if both else quotient
            to[axis] = math.floor(scales[axis] * now[axis] + 0.5) if both else size
    if min(to) < 1 or min(scales) <= 0:
        raise UnsupportedError("nothing is left of its operand")
    if call.has(1) and call.known(1, "region").size:
        region = call.known(1, "region").tolist()
        for i, axis in enumerate(axes):
            parts[axis] = region[i], region[i + len(axes)]
    return Asked(tuple(to), tuple(scales), tuple(parts))


def _layer(call: Call, asked: Asked, axes: tuple[int, ...], sizes: Shape) -> Layer:
    mode = call.text("mode", "nearest").replace("bilinear", "linear")
    where = call.text("coordinate_transformation_mode", "half_pixel")
    rounding = call.text("nearest_mode", "round_prefer_floor")
    to = tuple(asked.to[axis] for axis in axes)
    scales = tuple(asked.scales[axis] for axis in axes)
    factors = [m // n if m % n == 0 and m / n == s else 0 for m, n, s in zip(to, sizes, scales, strict=True)]
    if all(factors) and mode == "nearest" and (where, rounding) == ("asymmetric", "floor"):
        return Upsample(one(factors))
    if all(factors) and mode == "linear" and where == "half_pixel" and not call.whole("exclude_outside", 0):
        return Upsample(one(factors), "bilinear")
    more: dict[str, Any] = {}
    if where == "tf_crop_and_resize":
        parts = [asked.parts[axis] for axis in axes]
        more["region"] = tuple(start for start, _ in parts) + tuple(end for _, end in parts)
    if any(s != m / n for s, m, n in zip(scales, to, sizes, strict=True)):
        more["scale"] = scales
    return Resize(
        one(to),
        mode,
        centres=WHERE.get(where, where),
        rounding=rounding,
        a=call.number("cubic_coeff_a", -0.75),
        exclude_outside=bool(call.whole("exclude_outside", 0)),
        antialias=bool(call.whole("antialias", 0)),
        **more,
    )
