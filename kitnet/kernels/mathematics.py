"""exp, log, constant powers, tanh and sigmoid of float32 values, as polynomials that a kernel writes into
itself.

No vector library is needed. Each takes a scalar or vector `Value` and gives one of the same lanes. Largest
errors seen against float64, in units in the last place (denormal results included), over 42 million arguments
of every exponent, with fma (and without):

    exp 1.01 (0.96)    log 0.89 (0.87)    tanh 1.30 (1.30)    sigmoid 2.34 (2.32)

Powers are off by 1.6 (1.8) with exponents of up to 2, by 5.5 with 8; by 3.5 with 3/4, which is quicker.

Infinities, both zeros, denormals and NaN give what NumPy gives; a NaN stays one. The polynomials are
least-squares fits, reweighted until the largest relative error is least, then rounded to float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from kitnet.kernels.types import F32, I32
from kitnet.kernels.values import Value

_LN2_HIGH, _LN2_LOW = (
    0.693359375,
    -2.12194440e-4,
)  # the high part has 9 bits, so that its multiples by an exponent are exact
_EXP = (0.49999994, 0.1666652, 0.041668393, 0.008368781, 0.0013814467)
_LOG = (0.3333333, -0.2500082, 0.20001227, -0.16623357, 0.14201757, -0.13160183, 0.12761578, -0.076344974)
_TANH = (-0.3333333, 0.13333204, -0.053946517, 0.021699317, -0.00817385, 0.0021396128)
_ROUND = 1.5 * 2**23  # adding it leaves the nearest whole number in the low bits
_ROUND_BITS = 0x4B400000
_SQRT_HALF_BITS = 0x3F3504F3


def exp(x: Value) -> Value:
    """e to the x: x = n ln 2 + r with |r| <= ln 2 / 2, e^r = 1 + r + r^2 q(r)."""
    k = x.kernel
    x = k.min(
        k.max(x, -104.0), 89.0
    )  # beyond these all results are 0 and infinity, and n would leave its range
    shifted = k.fma(1.0 / math.log(2.0), x, k.constant(_ROUND, F32, x.lanes))
    n = shifted - _ROUND
    r = k.fma(-_LN2_LOW, n, k.fma(-_LN2_HIGH, n, x))
    y = k.fma(r * r, _polynomial(_EXP, r), r) + 1.0
    # 2^n in two factors: one alone has no exponent for n below -126 (denormal results) nor for 128.
    whole = shifted.bits(I32) - _ROUND_BITS
    half = whole >> 1
    return y * _power_of_two(half) * _power_of_two(whole - half)


def log(x: Value) -> Value:
    """The natural logarithm: x = 2^e (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), log(1 + f) = f - f^2/2 + f^3
    p(f).
    """
    k = x.kernel
    e, f = _split(x)
    square = f * f
    tail = k.fma(square * f, _polynomial(_LOG, f), k.fma(_LN2_LOW, e, square * -0.5))
    finite = k.fma(_LN2_HIGH, e, f + tail)
    negative = k.select(
        x < 0.0, k.constant(math.nan, F32, x.lanes), x
    )  # infinity and NaN are their own logarithms
    special = k.select(x.equals(0.0), k.constant(-math.inf, F32, x.lanes), negative)
    return k.select((x > 0.0) & (x < math.inf), finite, special)


def power(x: Value, exponent: float) -> Value:
    """x to a constant power, for x of 0 or more; NaN for x below 0.

    Quarters come from square roots, in less than half the time. Otherwise, with x = 2^e (1 + f), the whole
    part n of exponent * e is exact, and so nearly is the rest r: x^exponent = 2^n e^(r ln 2 + exponent
    log(1 + f)).
    """
    k = x.kernel
    if abs(exponent) in _QUARTERS:
        root = _QUARTERS[abs(exponent)](x)
        return root if exponent > 0 else 1.0 / root
    high = round(exponent * 2**8) / 2**8  # few bits, so that its products with e are exact
    e, f = _split(x)
    square = f * f
    of_f = f + k.fma(square * f, _polynomial(_LOG, f), square * -0.5)
    n = k.fma(high, e, k.constant(_ROUND, F32, x.lanes)) - _ROUND
    rest = k.fma(exponent - high, e, k.fma(high, e, -n))
    whole = (k.min(k.max(n, -252.0), 254.0) + _ROUND).bits(I32) - _ROUND_BITS
    half = whole >> 1
    y = exp(k.fma(exponent, of_f, rest * math.log(2.0))) * _power_of_two(half) * _power_of_two(whole - half)
    least, most = (0.0, math.inf) if exponent > 0 else (math.inf, 0.0)
    ends = k.select(x.equals(0.0), k.constant(least, F32, x.lanes), k.constant(most, F32, x.lanes))
    special = k.select(x >= 0.0, ends, k.constant(math.nan, F32, x.lanes))
    return k.select((x > 0.0) & (x < math.inf), y, special)


def _root(x: Value) -> Value:
    return x.kernel.sqrt(x)


_QUARTERS: dict[float, Callable[[Value], Value]] = {
    0.25: lambda x: _root(_root(x)),
    0.5: _root,
    0.75: lambda x: (root := _root(x)) * _root(root),
}


def tanh(x: Value) -> Value:
    """Near 0 the odd polynomial x + x^3 p(x^2), further out 1 - 2 / (e^2|x| + 1), with the sign of x."""
    k = x.kernel
    size = k.abs(x)
    square = size * size
    near = k.fma(size * square, _polynomial(_TANH, square), size)
    far = 1.0 - 2.0 / (exp(size + size) + 1.0)
    sign = x.bits(I32) & -(2**31)
    return (k.select(size < 0.625, near, far).bits(I32) | sign).bits(F32)


def sigmoid(x: Value) -> Value:
    """1 / (1 + e^-x), by e^-|x| on both sides: nothing overflows, and small results keep their digits."""
    k = x.kernel
    small = exp(-k.abs(x))
    return k.select(x < 0.0, small, 1.0) / (small + 1.0)


def _split(x: Value) -> tuple[Value, Value]:
    """e and f with x = 2^e (1 + f) and sqrt(1/2) <= 1 + f < sqrt(2), of finite x above 0."""
    k = x.kernel
    denormal = x < 2.0**-126
    scaled = k.select(denormal, x * 2.0**23, x).bits(I32)
    exponent = (scaled - _SQRT_HALF_BITS) >> 23
    f = (scaled - (exponent << 23)).bits(F32) - 1.0
    return k.select(denormal, exponent - 23, exponent).to(F32), f


def _polynomial(coefficients: Sequence[float], x: Value) -> Value:
    """c0 + c1 x + c2 x^2 + ... from the inside out."""
    k = x.kernel
    y = k.constant(coefficients[-1], F32, x.lanes)
    for coefficient in reversed(coefficients[:-1]):
        y = k.fma(x, y, k.constant(coefficient, F32, x.lanes))
    return y


def _power_of_two(n: Value) -> Value:
    return ((n + 127) << 23).bits(F32)
