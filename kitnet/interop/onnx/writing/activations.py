"""Functions of one number."""

from __future__ import annotations

import math

from kitnet.base import lecun, normal
from kitnet.interop.onnx.writing.building import Here
from kitnet.interop.onnx.writing.registry import writes

SAME = {
    "abs": "Abs",
    "erf": "Erf",
    "exp": "Exp",
    "log": "Log",
    "reciprocal": "Reciprocal",
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "softsign": "Softsign",
    "sqrt": "Sqrt",
    "tanh": "Tanh",
    "hardswish": "HardSwish",
    "identity": "Identity",
    "dropout": "Identity",  # in evaluation
}


@writes(*SAME)
def _same(here: Here) -> str:
    y = here.to.op(SAME[here.layer.word], here.x[0])
    cap = getattr(here.layer, "cap", None)  # of relu6
    return y if cap is None else here.to.op("Min", y, here.to.constant(cap))


@writes("elu")
def _elu(here: Here) -> str:
    return here.to.op("Elu", here.x[0], alpha=here.layer.alpha)


@writes("selu")
def _selu(here: Here) -> str:
    return here.to.op("Selu", here.x[0], alpha=here.layer.alpha, gamma=here.layer.scale)


@writes("celu")
def _celu(here: Here) -> str:
    return here.to.op("Celu", here.x[0], alpha=here.layer.alpha)


@writes("mish")
def _mish(here: Here) -> str:
    return here.to.op("Mul", here.x[0], here.to.op("Tanh", here.to.op("Softplus", here.x[0])))


@writes("power")
def _power(here: Here) -> str:
    return here.to.op("Pow", here.x[0], here.to.constant(here.layer.exponent))


@writes("leakyrelu")
def _leaky_relu(here: Here) -> str:
    return here.to.op("LeakyRelu", here.x[0], alpha=here.layer.slope)


@writes("prelu")
def _prelu(here: Here) -> str:
    return here.to.op("PRelu", here.x[0], here.of_maps("slope"))


@writes("hardtanh")
def _hard_tanh(here: Here) -> str:
    low, high = here.to.constant(here.layer.low), here.to.constant(here.layer.high)
    return here.to.op("Clip", here.x[0], low, high)


@writes("hardsigmoid")
def _hard_sigmoid(here: Here) -> str:
    return here.to.op("HardSigmoid", here.x[0], alpha=here.layer.slope, beta=0.5)


@writes("silu")
def _silu(here: Here) -> str:
    return here.to.op("Mul", here.x[0], here.to.op("Sigmoid", here.x[0]))


@writes("lecuntanh")
def _lecun_tanh(here: Here) -> str:
    return here.to.times(here.to.op("Tanh", here.to.times(here.x[0], lecun.SLOPE)), lecun.AMPLITUDE)


@writes("square")
def _square(here: Here) -> str:
    return here.to.op("Mul", here.x[0], here.x[0])


@writes("scale")
def _scale(here: Here) -> str:
    return here.to.plus(here.to.times(here.x[0], here.layer.factor), here.layer.shift)


@writes("gaussian")
def _gaussian(here: Here) -> str:
    return here.to.op("Exp", here.to.op("Neg", here.to.op("Mul", here.x[0], here.x[0])))


@writes("gelu")
def _gelu(here: Here) -> str:
    """x times the probability that a standard normal number is below x, or nearly so by tanh."""
    to, (x,) = here.to, here.x
    if here.layer.form == "erf":
        below = to.times(to.plus(to.op("Erf", to.times(x, math.sqrt(0.5))), 1), 0.5)
    else:
        inner = to.plus(to.times(to.op("Mul", x, x), normal.CUBIC), 1)
        below = to.op("Sigmoid", to.times(to.op("Mul", x, inner), 2 * normal.SLOPE))
    return to.op("Mul", x, below)


@writes("softmax")
def _softmax(here: Here) -> str:
    return here.to.op("Softmax", here.x[0], axis=1)


@writes("logsoftmax")
def _log_softmax(here: Here) -> str:
    return here.to.op("LogSoftmax", here.x[0], axis=1)


@writes("step")
def _step(here: Here) -> str:
    reached = here.to.op("GreaterOrEqual", here.x[0], here.of_maps("threshold"))
    return here.to.op("Cast", reached, to=1)
