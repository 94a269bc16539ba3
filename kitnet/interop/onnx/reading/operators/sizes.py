"""What makes a tensor larger or smaller: padding, resizing, and sums over axes."""

from __future__ import annotations

import numpy as np

from kitnet.interop.onnx.fault import AlongBatchError, UnsupportedError
from kitnet.interop.onnx.reading.call import Call
from kitnet.interop.onnx.reading.layout import Value, stored_as
from kitnet.interop.onnx.reading.operators.arithmetic import add_known
from kitnet.interop.onnx.reading.operators.selecting import taken
from kitnet.interop.onnx.reading.operators.shapes import by_axis
from kitnet.interop.onnx.reading.registry import reads
from kitnet.layers import LAYERS, MeanPool

REDUCES = {
    "ReduceMean": "mean",
    "ReduceSum": "sum",
    "ReduceMax": "max",
    "ReduceMin": "min",
}


@reads(*REDUCES)
def reduce(call: Call) -> Value:
    x, now = call.value(0), call.full_shape(0)
    given = call.whole_numbers(1, "axes") if call.has(1) else ()
    if not given and call.whole("noop_with_empty_axes", 0):
        return x
    over = sorted(call.axis(axis, len(now)) for axis in (given or range(len(now))))
    kept = tuple(1 if axis in over else n for axis, n in enumerate(x.shape))
    x, axes = by_axis(call, x)
    if (
        call.kind == "ReduceMean"
        and call.batched
        and over == [*range(1, len(x.shape))]
        and 1 < len(x.shape) < 5
    ):
        y = stored_as(call.add(MeanPool(regions=1), x), kept, axes)
    else:
        layer = LAYERS["reduce"](REDUCES[call.kind], tuple(sorted(1 + axes.index(axis) for axis in over)))
        y = stored_as(call.add(layer, x), kept, axes)
    if call.whole("keepdims", 1):
        return y
    return y.reshaped(tuple(n for axis, n in enumerate(kept) if axis not in over))


@reads("Pad")
def pad(call: Call) -> Value:
    now, given = call.full_shape(0), call.whole_numbers(1, "pads")
    mode = call.text("mode", "constant")
    value = float(call.known(2, "value").ravel()[0]) if call.has(2) else 0.0
    axes = [axis % len(now) for axis in (call.whole_numbers(3, "axes") if call.has(3) else range(len(now)))]
    if len(given) != 2 * len(axes):
        raise UnsupportedError(f"{len(given)} pads do not fit {len(axes)} axes")
    around = [(0, 0)] * len(now)
    for i, axis in enumerate(axes):
        around[axis] = given[i], given[i + len(axes)]
    x = taken(
        call,
        call.value(0),
        [range(max(-b, 0), n - max(-a, 0)) for n, (b, a) in zip(now, around, strict=True)],
    )
    if not isinstance(x, Value):
        raise UnsupportedError("nothing is left of its operand")
    around = [(max(b, 0), max(a, 0)) for b, a in around]
    if call.batched:
        if around[0] != (0, 0):
            raise AlongBatchError("it pads the samples")
        around = around[1:]
    if not any(map(any, around)):
        return x
    return _padded(call, x, around, mode, value)


PADS = {"constant": "zero", "edge": "replicate", "reflect": "reflect", "wrap": "circular"}


def _padded(call: Call, x: Value, around: list[tuple[int, int]], mode: str, value: float) -> Value:
    """An axis that is not padded is the depth, with one of size 1 where there is none."""
    if mode not in PADS:
        raise UnsupportedError(f"mode {mode} is not known")
    free = [axis for axis, pair in enumerate(around) if pair == (0, 0)]
    shape = tuple(n + sum(pair) for n, pair in zip(x.shape, around, strict=True))
    depth = 0 if 0 in free and call.batched else free[-1] if free else None
    if depth is None:
        axes = tuple(range(len(x.shape)))
        x = call.building.stored(x, axes, (*x.shape, 1))
        y = stored_as(call.add(LAYERS["pad"](tuple(around), mode=PADS[mode]), x), shape, axes)
    else:
        x, axes = by_axis(call, x, depth)
        layer = LAYERS["pad"](tuple(around[axis] for axis in axes[:-1]), mode=PADS[mode])
        y = stored_as(call.add(layer, x), shape, axes)
    if mode != "constant" or not value:
        return y
    rim = np.pad(np.zeros(x.shape, np.float32), around, constant_values=value)
    return add_known(call, y, rim[None] if call.batched else rim)
