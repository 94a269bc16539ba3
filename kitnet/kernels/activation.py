"""Activations as kernels write them: the value, and the way back from it.

`KINDS` has every activation that kernels know, by the layer's word. An entry and the layer's formula are all
that a fast activation takes: kernels of other layers then write it behind their own results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from kitnet.base.lecun import AMPLITUDE, SLOPE
from kitnet.kernels import mathematics
from kitnet.kernels.values import Value

Source = Literal["x", "y"]


@dataclass(frozen=True)
class Activation:
    """An activation with its parameters, the fields of the layer in their order."""

    kind: str
    parameters: tuple[float, ...] = ()

    @property
    def reads(self) -> Source:
        """Whether the gradient is taken from x or from y. From y the operand x need not be kept."""
        return KINDS[self.kind].reads(*self.parameters)

    @property
    def short(self) -> bool:
        """Whether it is so few instructions that products write it behind every sum. The others are written
        once and run over finished results."""
        return KINDS[self.kind].short

    def value(self, x: Value) -> Value:
        """y = f(x)."""
        return KINDS[self.kind].value(x, *self.parameters)

    def back(self, source: Value, dy: Value) -> Value:
        """dx = f'(x) dy, given x or y as `reads` says."""
        return KINDS[self.kind].back(source, dy, *self.parameters)

    def back_from_x(self, x: Value, dy: Value) -> Value:
        """dx = f'(x) dy, given x: y is calculated once more where the gradient is taken from y."""
        return self.back(x if self.reads == "x" else self.value(x), dy)


@dataclass(frozen=True)
class Kind:
    """`value(x, *parameters)` gives y, `back(source, dy, *parameters)` gives dx, `reads(*parameters)` says
    whether the source is x or y.
    """

    value: Callable[..., Value]
    back: Callable[..., Value]
    reads: Callable[..., Source] = lambda *parameters: "y"
    short: bool = False


def _relu_back(y: Value, dy: Value) -> Value:
    return y.kernel.select(y > 0.0, dy, 0.0)


def _leaky_relu(x: Value, slope: float) -> Value:
    return x.kernel.select(x > 0.0, x, x * slope)


def _leaky_relu_back(source: Value, dy: Value, slope: float) -> Value:
    return source.kernel.select(source > 0.0, dy, dy * slope)


def _tanh_back(y: Value, dy: Value) -> Value:
    return y.kernel.fma(-y, y, 1.0) * dy


def _lecun_tanh_back(y: Value, dy: Value) -> Value:
    return y.kernel.fma(y * (-SLOPE / AMPLITUDE), y, SLOPE * AMPLITUDE) * dy


def _sigmoid_back(y: Value, dy: Value) -> Value:
    return y * (1.0 - y) * dy


def _silu_back(x: Value, dy: Value) -> Value:
    s = mathematics.sigmoid(x)
    return x.kernel.fma(x * s, 1.0 - s, s) * dy


KINDS = {
    "relu": Kind(lambda x: x.kernel.max(x, 0.0), _relu_back, short=True),
    # A slope below 0 gives y the same sign on both sides, so that only x tells them apart.
    "leakyrelu": Kind(_leaky_relu, _leaky_relu_back, lambda slope: "y" if slope >= 0 else "x", short=True),
    "tanh": Kind(mathematics.tanh, _tanh_back),
    "lecuntanh": Kind(lambda x: mathematics.tanh(x * SLOPE) * AMPLITUDE, _lecun_tanh_back),
    "sigmoid": Kind(mathematics.sigmoid, _sigmoid_back),
    "silu": Kind(lambda x: x * mathematics.sigmoid(x), _silu_back, lambda: "x"),
}
RELU = Activation("relu")
