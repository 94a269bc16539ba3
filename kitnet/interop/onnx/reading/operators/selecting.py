"""What takes some of a tensor's places."""

from __future__ import annotations

import numpy as np

from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import AlongBatchError, UnsupportedError
from kitnet.interop.onnx.reading.call import Call
from kitnet.interop.onnx.reading.layout import Value, stored_as
from kitnet.interop.onnx.reading.operators.shapes import by_axis
from kitnet.interop.onnx.reading.registry import reads
from kitnet.layers import LAYERS


@reads("Slice")
def slice_(call: Call) -> Value | Array:
    now = call.full_shape(0)
    starts, ends = call.whole_numbers(1, "starts"), call.whole_numbers(2, "ends")
    axes = call.whole_numbers(3, "axes") if call.has(3) else tuple(range(len(starts)))
    steps = call.whole_numbers(4, "steps") if call.has(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise UnsupportedError("its starts, ends, axes and steps do not fit each other")
    places = [range(n) for n in now]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        n = now[axis % len(now)]
        places[axis % len(now)] = range(
            *slice(start, end if end >= -n or step > 0 else None, step).indices(n)
        )
    return taken(call, call.value(0), places)


def taken(call: Call, x: Value, places: list[range]) -> Value | Array:
    """These places of each axis of ONNX's; where none are left an array without numbers. Raises
    AlongBatchError where samples are left out."""
    if not all(map(len, places)):
        return np.zeros(tuple(map(len, places)), np.float32)
    if call.batched:
        if len(places[0]) != call.building.batch or places[0].step != 1:
            raise AlongBatchError("it takes some of the samples")
        places = places[1:]
    if all(one == range(n) for one, n in zip(places, x.shape, strict=True)):
        return x
    x, axes = by_axis(call, x)
    each = [places[axis] for axis in axes]
    layer = LAYERS["slice"](
        start=tuple(one.start for one in each),
        size=tuple(len(one) for one in each),
        step=tuple(one.step for one in each),
    )
    return stored_as(call.add(layer, x), tuple(map(len, places)), axes)


@reads("Split")
def split(call: Call) -> list[Value | Array]:
    x, now = call.value(0), call.full_shape(0)
    axis = call.whole("axis", 0)
    last = call.axis(axis, len(now)) + call.batched
    n, parts = now[last], call.whole("num_outputs", len(call.used))
    if call.has(1):
        sizes = call.whole_numbers(1, "split")
    else:
        each = -(-n // parts)
        sizes = tuple(max(0, min(each, n - i * each)) for i in range(parts))
    if sum(sizes) != n or min(sizes, default=0) < 0:
        raise UnsupportedError(f"parts of {sizes} are not {n} places")
    found: list[Value | Array] = []
    start = 0
    for part in sizes:
        places = [range(m) for m in now]
        places[last] = range(start, start + part)
        found.append(taken(call, x, places))
        start += part
    return found


@reads("Gather")
def gather(call: Call) -> Value:
    x, now = call.value(0), call.full_shape(0)
    indices = call.known(1, "indices")
    axis = call.axis(call.whole("axis", 0), len(now))
    n = x.shape[axis]
    if indices.dtype.kind not in "iu" or np.any(indices < -n) or np.any(indices >= n):
        raise UnsupportedError(f"its indices are no places of an axis of {n}")
    x, axes = by_axis(call, x)
    flat = tuple(int(i) for i in (indices % n).ravel())
    index = call.add(LAYERS["gather"](axis=1 + axes.index(axis), indices=flat), x)
    shape = (*x.shape[:axis], len(flat), *x.shape[axis + 1 :])
    y = stored_as(index, shape, axes)
    return y.reshaped((*shape[:axis], *indices.shape, *shape[axis + 1 :]))
