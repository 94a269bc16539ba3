"""Activations as they are written into kernels: the value, and the way back from it.

Every gradient is taken from y alone, so x need not be kept. Kernels of other layers write these behind their
own results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kitnet.kernels import mathematics
from kitnet.kernels.emit import Value

AMPLITUDE, SLOPE = 1.7159, 2 / 3  # of LeCun's tanh


@dataclass(frozen=True)
class Activation:
    """`value(x)` gives y and `back(y, dy)` gives dx."""

    value: Callable[[Value], Value]
    back: Callable[[Value, Value], Value]


def _relu_back(y: Value, dy: Value) -> Value:
    return y.kernel.select(y > 0.0, dy, 0.0)


def _tanh_back(y: Value, dy: Value) -> Value:
    return y.kernel.fma(-y, y, 1.0) * dy


def _lecuntanh_back(y: Value, dy: Value) -> Value:
    return y.kernel.fma(y * (-SLOPE / AMPLITUDE), y, SLOPE * AMPLITUDE) * dy


def _sigmoid_back(y: Value, dy: Value) -> Value:
    return y * (1.0 - y) * dy


ACTIVATIONS = {
    "relu": Activation(lambda x: x.kernel.max(x, 0.0), _relu_back),
    "tanh": Activation(mathematics.tanh, _tanh_back),
    "lecuntanh": Activation(lambda x: mathematics.tanh(x * SLOPE) * AMPLITUDE, _lecuntanh_back),
    "sigmoid": Activation(mathematics.sigmoid, _sigmoid_back),
}
