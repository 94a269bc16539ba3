"""Functions of one number, and softmax."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import UnsupportedError
from kitnet.interop.onnx.reading.call import Call
from kitnet.interop.onnx.reading.layout import Value
from kitnet.interop.onnx.reading.operators.arithmetic import summed, times_known
from kitnet.interop.onnx.reading.registry import reads
from kitnet.layers import (
    LAYERS,
    Elu,
    Gelu,
    HardSigmoid,
    HardTanh,
    Layer,
    LeakyRelu,
    ParametricRelu,
    Relu,
    Scale,
)

LARGEST = float(np.finfo(np.float32).max)


def _selu(call: Call) -> Layer:
    alpha = call.number("alpha", 1.67326319217681884765625)
    gamma = call.number("gamma", 1.05070102214813232421875)
    return LAYERS["selu"](alpha=alpha, scale=gamma)


PLAIN = {
    "Abs": "abs",
    "Erf": "erf",
    "Exp": "exp",
    "HardSwish": "hardswish",
    "Log": "log",
    "Mish": "mish",
    "Reciprocal": "reciprocal",
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Sqrt": "sqrt",
    "Tanh": "tanh",
}
WITH_NUMBERS: dict[str, Callable[[Call], Layer]] = {
    "Celu": lambda call: LAYERS["celu"](alpha=call.number("alpha", 1)),
    "Elu": lambda call: Elu(call.number("alpha", 1)),
    "Gelu": lambda call: Gelu("tanh" if call.text("approximate", "none") == "tanh" else "erf"),
    "LeakyRelu": lambda call: LeakyRelu(call.number("alpha", 0.01)),
    "Neg": lambda call: Scale(-1.0),
    "Selu": _selu,
}


@reads(*PLAIN)
def plain(call: Call) -> Value:
    return call.pointwise(LAYERS[PLAIN[call.kind]]())


@reads(*WITH_NUMBERS)
def with_numbers(call: Call) -> Value:
    return call.pointwise(WITH_NUMBERS[call.kind](call))


@reads("HardSigmoid")
def hard_sigmoid(call: Call) -> Value:
    """kitnet's has the middle 1/2; any other is a straight line and two bounds."""
    slope, middle = call.number("alpha", 0.2), call.number("beta", 0.5)
    if middle == 0.5 and slope > 0:
        return call.pointwise(HardSigmoid(slope))
    return call.pointwise(HardTanh(0.0, 1.0), call.pointwise(Scale(slope, middle)))


@reads("Swish")
def swish(call: Call) -> Value:
    alpha = call.number("alpha", 1)
    if alpha == 1:
        return call.pointwise(LAYERS["silu"]())
    x = call.pointwise(Scale(alpha))
    y = call.pointwise(LAYERS["silu"](), x)
    return call.pointwise(Scale(1 / alpha), y)


@reads("Clip")
def clip(call: Call) -> Value:
    low, high = (
        float(call.known(k, name).ravel()[0]) if call.has(k) else bound
        for k, name, bound in ((1, "least number", -LARGEST), (2, "largest number", LARGEST))
    )
    low, high = max(low, -LARGEST), min(high, LARGEST)
    if math.isnan(low) or math.isnan(high):
        raise UnsupportedError("its bounds are no numbers")
    if low >= high:
        return call.pointwise(Scale(0.0, _short(high)))
    if low == 0:
        return call.pointwise(Relu() if high == LARGEST else Relu(_short(high)))
    return call.pointwise(HardTanh(_short(low), _short(high)))


def _short(number: float) -> float:
    return float(str(np.float32(number)))


@reads("PRelu")
def prelu(call: Call) -> Value:
    slope = call.weight(1, "slope")
    x = call.value(0)
    rank = len(x.shape) + call.batched
    if slope.size == 1:
        return call.pointwise(LeakyRelu(_short(float(slope.ravel()[0]))), x)
    shape = (1,) * (rank - slope.ndim) + slope.shape
    wide = [axis for axis in range(rank) if shape[axis] != 1]
    if len(wide) != 1:
        return _prelu_by_place(call, x, slope)
    last = call.axis(wide[0], rank)
    axes = [*(axis for axis in range(len(x.shape)) if axis != last), last]
    x = call.building.stored(x, axes)
    return replace(x, index=call.add(ParametricRelu(), x, weights={"slope": slope.ravel()}))


def _prelu_by_place(call: Call, x: Value, slope: Array) -> Value:
    """With slopes that differ otherwise than by channel: max(x, 0) - slope max(-x, 0)."""
    below = call.pointwise(Relu(), call.pointwise(Scale(-1.0), x))
    return summed(call, [call.pointwise(Relu(), x), times_known(call, below, -slope)])


@reads("Softmax", "LogSoftmax")
def softmax(call: Call) -> Value:
    layer = LAYERS["softmax" if call.kind == "Softmax" else "logsoftmax"]()
    x = call.value(0)
    rank = len(x.shape) + call.batched
    if "from" in call.attributes:
        return _of_rows(call, layer, x, rank)
    last = call.axis(call.whole("axis", -1), rank)
    axes = [*(axis for axis in range(len(x.shape)) if axis != last), last]
    return call.pointwise(layer, call.building.stored(x, axes))


def _of_rows(call: Call, layer: Layer, x: Value, rank: int) -> Value:
    first = call.attributes["from"]
    if call.batched and first % rank == 0:
        call.axis(0, rank)
    start = first % rank - call.batched
    rows = math.prod(x.shape[:start])
    flat = x.reshaped((rows, math.prod(x.shape[start:])) if start else (math.prod(x.shape),))
    y = call.pointwise(layer, call.building.natural(flat))
    return y.reshaped(x.shape)
