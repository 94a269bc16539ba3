"""Activations as kernels write them: the value, and the way back from it.

`KINDS` has every activation that kernels know, by the layer's word. An entry and the layer's formula are all
that a fast activation takes: kernels of other layers then write it behind their own results.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from kitnet.base.lecun import AMPLITUDE, SLOPE
from kitnet.base.normal import CUBIC
from kitnet.base.normal import SLOPE as NORMAL_SLOPE
from kitnet.kernels import mathematics
from kitnet.kernels.values import Value

Source = Literal["x", "y"]


@dataclass(frozen=True)
class Activation:
    """An activation with its parameters, the fields of the layer in their order."""

    kind: str
    parameters: tuple[float | str | None, ...] = ()

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


def _from_x(*parameters: object) -> Source:
    return "x"


def _between(x: Value, low: float, high: float) -> Value:
    return x.kernel.min(x.kernel.max(x, low), high)


def _between_back(y: Value, dy: Value, low: float, high: float) -> Value:
    return y.kernel.select((y > low) & (y < high), dy, 0.0)


def _relu(x: Value, cap: float | None = None) -> Value:
    return x.kernel.max(x, 0.0) if cap is None else _between(x, 0.0, cap)


def _relu_back(y: Value, dy: Value, cap: float | None = None) -> Value:
    return y.kernel.select(y > 0.0, dy, 0.0) if cap is None else _between_back(y, dy, 0.0, cap)


def _leaky_relu(x: Value, slope: float) -> Value:
    return x.kernel.select(x > 0.0, x, x * slope)


def _leaky_relu_back(source: Value, dy: Value, slope: float) -> Value:
    return source.kernel.select(source > 0.0, dy, dy * slope)


def _elu(x: Value, alpha: float) -> Value:
    return x.kernel.select(x > 0.0, x, mathematics.expm1(x) * alpha)


def _elu_back(y: Value, dy: Value, alpha: float) -> Value:
    return y.kernel.select(y > 0.0, dy, (y + alpha) * dy)


def _tanh_back(y: Value, dy: Value) -> Value:
    return y.kernel.fma(-y, y, 1.0) * dy


def _lecun_tanh_back(y: Value, dy: Value) -> Value:
    return y.kernel.fma(y * (-SLOPE / AMPLITUDE), y, SLOPE * AMPLITUDE) * dy


def _sigmoid_back(y: Value, dy: Value) -> Value:
    return y * (1.0 - y) * dy


def _silu_back(x: Value, dy: Value) -> Value:
    s = mathematics.sigmoid(x)
    return x.kernel.fma(x * s, 1.0 - s, s) * dy


def _gelu_argument(x: Value) -> Value:
    """What GELU's form by tanh takes the sigmoid of."""
    return x * x.kernel.fma(x * x, 2 * NORMAL_SLOPE * CUBIC, 2 * NORMAL_SLOPE)


def _gelu(x: Value, form: str) -> Value:
    return x * (mathematics.normal(x)[0] if form == "erf" else mathematics.sigmoid(_gelu_argument(x)))


def _gelu_back(x: Value, dy: Value, form: str) -> Value:
    k = x.kernel
    if form == "erf":
        below, density = mathematics.normal(x)
        return k.fma(x, density, below) * dy
    u = _gelu_argument(x)
    small = mathematics.exp(-k.abs(u))  # s (1 - s) = e / (1 + e)^2 keeps its digits where s is nearly 1
    part = 1.0 / (small + 1.0)
    slope = k.fma(x * x, 6 * NORMAL_SLOPE * CUBIC, 2 * NORMAL_SLOPE) * (small * part * part)
    return k.fma(x, slope, k.select(u < 0.0, small, 1.0) * part) * dy


def _hard_sigmoid(x: Value, slope: float) -> Value:
    return _between(x.kernel.fma(x, slope, 0.5), 0.0, 1.0)


def _hard_swish_back(x: Value, dy: Value) -> Value:
    k = x.kernel
    inside = k.fma(x, 1 / 3, 0.5) * dy
    return k.select(x < 3.0, k.select(x > -3.0, inside, 0.0), dy)


def _softplus(x: Value) -> Value:
    k = x.kernel
    return k.max(x, 0.0) + mathematics.log_one_plus(mathematics.exp(-k.abs(x)))


def _softsign_back(y: Value, dy: Value) -> Value:
    rest = 1.0 - y.kernel.abs(y)
    return rest * rest * dy


def _abs_back(x: Value, dy: Value) -> Value:
    k = x.kernel
    return k.select(x > 0.0, dy, k.select(x < 0.0, -dy, 0.0))


def _sqrt_back(y: Value, dy: Value) -> Value:
    return y.kernel.select(~y.equals(0.0), dy * 0.5 / y, 0.0)


KINDS = {
    "relu": Kind(_relu, _relu_back, short=True),
    # A slope below 0 gives y the same sign on both sides, so that only x tells them apart.
    "leakyrelu": Kind(_leaky_relu, _leaky_relu_back, lambda slope: "y" if slope >= 0 else "x", short=True),
    "elu": Kind(_elu, _elu_back),
    "tanh": Kind(mathematics.tanh, _tanh_back),
    "lecuntanh": Kind(lambda x: mathematics.tanh(x * SLOPE) * AMPLITUDE, _lecun_tanh_back),
    "sigmoid": Kind(mathematics.sigmoid, _sigmoid_back),
    "silu": Kind(lambda x: x * mathematics.sigmoid(x), _silu_back, _from_x),
    "gelu": Kind(_gelu, _gelu_back, _from_x),
    "hardtanh": Kind(_between, _between_back, short=True),
    "hardsigmoid": Kind(
        _hard_sigmoid, lambda y, dy, slope: _between_back(y, dy * slope, 0.0, 1.0), short=True
    ),
    "hardswish": Kind(lambda x: x * _hard_sigmoid(x, 1 / 6), _hard_swish_back, _from_x, short=True),
    "softplus": Kind(_softplus, lambda y, dy: -mathematics.expm1(-y) * dy),
    "softsign": Kind(lambda x: x / (x.kernel.abs(x) + 1.0), _softsign_back),
    "gaussian": Kind(
        lambda x: mathematics.exp(-x * x), lambda x, dy: mathematics.exp(-x * x) * x * -2.0 * dy, _from_x
    ),
    "abs": Kind(lambda x: x.kernel.abs(x), _abs_back, _from_x, short=True),
    "square": Kind(lambda x: x * x, lambda x, dy: x * 2.0 * dy, _from_x, short=True),
    "sqrt": Kind(lambda x: x.kernel.sqrt(x), _sqrt_back, short=True),
    "scale": Kind(
        lambda x, factor, shift: x.kernel.fma(x, factor, shift), lambda y, dy, factor, shift: dy * factor,
        short=True,
    ),
}  # fmt: skip
RELU = Activation("relu", (None,))
