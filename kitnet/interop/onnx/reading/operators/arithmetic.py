"""Sums, products and the like of two tensors and more, and of tensors with constants."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import AlongBatchError, UnsupportedError
from kitnet.interop.onnx.reading.call import Call
from kitnet.interop.onnx.reading.layout import Value, channels_last, stored_as
from kitnet.interop.onnx.reading.registry import reads
from kitnet.layers import LAYERS, Bias, Convolution, Layer, Scale

JOINS = {
    "Add": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "Div": "divide",
    "Pow": "exponentiate",
    "Sum": "add",
    "Mean": "add",
    "Max": "maximum",
    "Min": "minimum",
}


@reads("Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean")
def join(call: Call) -> Value:
    if len(call.operands) == 1:
        return call.value(0)
    if len(call.operands) == 2:
        for known in (1, 0):
            if call.is_known(known) and (made := _with_known(call, known)) is not None:
                return made
    values = _alike(call, [call.value(k) for k in range(len(call.operands))])
    layer = LAYERS[JOINS[call.kind]]()
    y = replace(values[0], index=call.add(layer, *values))
    return call.pointwise(Scale(1 / len(values)), y) if call.kind == "Mean" else y


def summed(call: Call, values: list[Value]) -> Value:
    """The sum of values."""
    values = _alike(call, values)
    return replace(values[0], index=call.add(LAYERS["add"](), *values))


def times_known(call: Call, value: Value, array: Array) -> Value:
    """The value times a constant."""
    values = _alike(call, [value, call.building.value(array)])
    return replace(values[0], index=call.add(LAYERS["multiply"](), *values))


def _with_known(call: Call, k: int) -> Value | None:
    """The operation with a constant as operand k, where a layer of one operand does it."""
    array, other = call.operands[k], call.value(1 - k)
    if call.kind == "Pow" and k == 1 and array.dtype == np.int64:
        array = call.operands[k] = array.astype(np.float32)
    if array.dtype.kind == "f" and array.dtype != np.float32:
        raise UnsupportedError(f"it has a constant of {array.dtype}; only float32 is read")
    if array.size == 1 and array.ndim <= len(other.shape) + call.batched:
        layer = _by_number(call.kind, float(str(array.ravel()[0])), first=k == 0)
        return None if layer is None else call.pointwise(layer, other)
    match call.kind:
        case "Add" | "Sum" if _known_as(call, other, array) is not None:
            return add_known(call, other, array)
        case "Sub" if k == 1 and _known_as(call, other, array) is not None:
            return add_known(call, other, -array)
        case "Mul":
            return _by_channel(call, other, array)
        case "Div" if k == 1:
            return _by_channel(call, other, 1 / array)
    return None


def _by_number(kind: str, number: float, first: bool) -> Layer | None:
    """The layer that does it with one number, which is the first operand or the second."""
    match kind, first:
        case "Add" | "Sum", _:
            return Scale(1.0, number)
        case "Sub", False:
            return Scale(1.0, -number)
        case "Sub", True:
            return Scale(-1.0, number)
        case "Mul", _:
            return Scale(number)
        case "Div", False if number:
            return Scale(float(1 / np.float64(number)))
        case "Pow", False:
            plain = {1.0: "identity", 2.0: "square", 0.5: "sqrt", -1.0: "reciprocal"}.get(number)
            return LAYERS[plain]() if plain else LAYERS["power"](exponent=number)
    return None


def _known_as(call: Call, other: Value, array: Array) -> Array | None:
    """A constant with the axes of a value without the batch; None where it makes the value larger."""
    rank = len(other.shape) + call.batched
    if array.ndim > rank:
        return None
    array = array.reshape((1,) * (rank - array.ndim) + array.shape)
    if call.batched:
        if len(array) != 1:
            if np.any(array != array[:1]):
                raise AlongBatchError("its constant differs from sample to sample")
            array = array[:1]
        array = array[0]
    try:
        fits = np.broadcast_shapes(array.shape, other.shape) == other.shape
    except ValueError:
        raise UnsupportedError(f"shapes {array.shape} and {other.shape} do not fit each other") from None
    return array if fits else None


def add_known(call: Call, other: Value, array: Array) -> Value:
    """The value and a constant that broadcasts to its shape."""
    if (fitting := _known_as(call, other, array)) is None:
        raise UnsupportedError(f"a constant of {array.shape} is larger than its {other.shape}")
    whole = np.broadcast_to(fitting, other.shape)
    other = call.building.stored(other, _axes(call, other.shape))
    volume = call.building.graph.nodes[other.index].shape
    bias = other.from_tensor(whole[None] if call.batched else whole, call.batched, volume)[0]
    return replace(other, index=call.add(Bias(), other, weights={"bias": bias}))


def _axes(call: Call, shape: Shape) -> tuple[int, ...]:
    """In which order a value of this shape is stored where nothing else says so."""
    return channels_last(len(shape)) if call.batched else tuple(range(len(shape)))


def _by_channel(call: Call, other: Value, array: Array) -> Value | None:
    """The value times a constant with one number a channel: a convolution of single numbers."""
    fitting = _known_as(call, other, array)
    if fitting is None or not call.batched or not 2 <= len(other.shape) <= 4:
        return None
    channels = other.shape[0]
    if fitting.size != channels or fitting.shape[0] != channels:
        return None
    x = call.building.stored(other, channels_last(len(other.shape)))
    layer = Convolution(1, channels, groups=channels, bias=False)
    weight = fitting.reshape(*(1,) * len(other.shape), channels)
    return replace(x, index=call.add(layer, x, weights={"weight": weight}))


def _alike(call: Call, values: list[Value]) -> list[Value]:
    """Values of one shape, stored in one way."""
    ranks = {len(one.shape) for one in values}
    if call.batched and len(ranks) > 1 and any(not _is_constant(call, one) for one in values):
        raise AlongBatchError("operands with different numbers of axes meet")
    try:
        shape = np.broadcast_shapes(*(one.shape for one in values))
    except ValueError:
        told = " and ".join(str(one.shape) for one in values)
        raise UnsupportedError(f"shapes {told} do not fit each other") from None
    first = next((one for one in values if one.shape == shape), None)
    if call.kind == "Mul" and first is not None and (few := _by_map(call, values, shape)):
        return few
    if first is not None and all(
        (one.parts, one.order, one.shape) == (first.parts, first.order, shape)
        and _volume(call, one) == _volume(call, first)
        for one in values
    ):
        return values
    axes = _axes(call, shape)
    return [call.building.stored(spread(call, one, shape), axes) for one in values]


def _by_map(call: Call, values: list[Value], shape: Shape) -> list[Value] | None:
    """Images, and values with one number a map, which the product spreads by itself."""
    if not call.batched or len(shape) < 2:
        return None
    if any(one.shape not in (shape, (shape[0], *(1,) * (len(shape) - 1))) for one in values):
        return None
    return [call.building.stored(one, channels_last(len(shape))) for one in values]


def _is_constant(call: Call, value: Value) -> bool:
    return call.building.graph.nodes[value.index].word == "constant"


def _volume(call: Call, value: Value) -> Shape:
    return call.building.graph.nodes[value.index].shape


def spread(call: Call, value: Value, shape: Shape) -> Value:
    """The value repeated along axes of 1, and along new ones before its own."""
    if value.shape == shape:
        return value
    value = value.reshaped((1,) * (len(shape) - len(value.shape)) + value.shape)
    axes = _axes(call, shape)
    runs: list[list[int]] = []  # neighbours that are all repeated, or all not
    repeated = [value.shape[axis] != shape[axis] for axis in axes]
    for place, axis in enumerate(axes):
        if place and repeated[place] == repeated[place - 1]:
            runs[-1].append(axis)
        else:
            runs.append([axis])
    volume = tuple(math.prod(value.shape[axis] for axis in run) for run in runs)
    value = call.building.stored(value, axes, volume)
    to = tuple(math.prod(shape[axis] for axis in run) for run in runs)
    index = call.add(LAYERS["expand"](to=to), value)
    return stored_as(index, shape, axes)
