"""exp, expm1, log, constant powers, tanh, sigmoid and the normal distribution of float32 values, as
polynomials that a kernel writes into itself; and quotients that leave the divider alone.

No vector library is needed. Each takes a scalar or vector `Value` and gives one of the same lanes. Largest
errors seen against float64, in units in the last place (denormal results included), over 42 million arguments
of every exponent, with fma (and without):

    exp 1.01 (0.96)    log 0.89 (0.87)    tanh 1.30 (1.30)    sigmoid 2.34 (2.32)    expm1 1.40 (1.51)

Powers are off by 1.6 (1.8) with exponents of up to 2, by 5.5 with 8; by 3.5 with 3/4, which is quicker.

Infinities, both zeros, denormals and NaN give what NumPy gives; a NaN stays one. The polynomials are
least-squares fits, reweighted until the largest relative error is least, then rounded to float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from kitnet.kernels.emit import Kernel
from kitnet.kernels.types import F32, I32, U32
from kitnet.kernels.values import Value

_LN2_HIGH, _LN2_LOW = (
    0.693359375,
    -2.12194440e-4,
)  # the high part has 9 bits, so that its multiples by an exponent are exact
_EXP = (0.49999994, 0.1666652, 0.041668393, 0.008368781, 0.0013814467)
_LOG = (0.3333333, -0.2500082, 0.20001227, -0.16623357, 0.14201757, -0.13160183, 0.12761578, -0.076344974)
_TANH = (-0.3333333, 0.13333204, -0.053946517, 0.021699317, -0.00817385, 0.0021396128)
_NORMAL = (
    0.15957603, 0.15962504, 0.13315867, 0.09125671, -0.026649265, 0.1191983,
    -0.37375525, 0.3821423, -0.17675856, 0.03220601,
)  # fmt: skip
_ROUND = 1.5 * 2**23  # adding it leaves the nearest whole number in the low bits
_ROUND_BITS = 0x4B400000
_SQRT_HALF_BITS = 0x3F3504F3
_LARGE_BITS = 0x7E800000  # 2^126, and above it as unsigned bits infinity, NaN and all numbers below 0
_UPWARDS = "10"  # as AVX-512 numbers its ways to round: up, and no exceptions


def exp(x: Value) -> Value:
    """e to the x: x = n ln 2 + r with |r| <= ln 2 / 2, e^r = 1 + r + r^2 q(r)."""
    part, half, rest = _reduced(x)
    return (part + 1.0) * _power_of_two(half) * _power_of_two(rest)


def expm1(x: Value) -> Value:
    """e to the x less 1, which keeps its digits near 0."""
    part, half, rest = _reduced(x)
    scale = _power_of_two(half)
    return x.kernel.fma(part, scale, scale - _power_of_two(-rest)) * _power_of_two(rest)


def _reduced(x: Value) -> tuple[Value, Value, Value]:
    """e^r - 1, and n in two parts: 2^n in one factor has no exponent for n below -126 (denormal results) nor
    for 128.
    """
    k = x.kernel
    x = k.min(
        k.max(x, -104.0), 89.0
    )  # beyond these all results are 0 and infinity, and n would leave its range
    shifted = k.fma(1.0 / math.log(2.0), x, k.constant(_ROUND, F32, x.lanes))
    n = shifted - _ROUND
    r = k.fma(-_LN2_LOW, n, k.fma(-_LN2_HIGH, n, x))
    whole = shifted.bits(I32) - _ROUND_BITS
    half = whole >> 1
    return k.fma(r * r, _polynomial(_EXP, r), r), half, whole - half


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


def log_one_plus(x: Value) -> Value:
    """log(1 + x) for x from 0 to 1; what is lost in rounding 1 + x comes back as a correction."""
    whole = x + 1.0
    return log(whole) + (x - (whole - 1.0)) / whole


def quotient(k: Kernel, a: Value, b: Value) -> Value:
    """The bits of a / b where the processor has AVX-512's estimate of 1 / b: ten instructions of which two
    begin in a cycle, beside a divider that is busy for nine cycles, and for twenty with a root.

    With y an estimate of 1 / b and e = 1 - b y, y + y (e + e^2) is the nearest float32 but near a tie, where
    rounding e + e^2 up decides; then q = a y is off by a unit at most, a - b q is exact, and one correction
    rounds rightly (Markstein, "Computation of elementary functions on the IBM RISC System/6000 processor",
    IBM J. Res. Dev. 34, 1990). Of an a below 2^-78 so little may be left that the last bit differs. The
    divider has what gives NaN, also on the way to infinity, divisors whose reciprocal may be denormal, and
    those below 0.
    """
    if k.cpu.level != "avx512" or (b.type, b.lanes) != (F32, k.lanes):
        return k.divided(a, b)
    every, here = ("i16", "-1"), (b.llvm, b.text)
    y = b._with(
        k._call("llvm.x86.avx512.rcp14.ps.512", b.llvm, here, (b.llvm, "zeroinitializer"), every), F32
    )
    e = k.fma(-b, y, 1.0)
    more = k._call("llvm.x86.avx512.vfmadd.ps.512", b.llvm, *[(e.llvm, e.text)] * 3, ("i32", _UPWARDS))
    y = k.fma(y, b._with(more, F32), y)
    q = a * y
    q = k.fma(-k.fma(b, q, -a), y, q)  # with these signs a zero keeps its own
    result = k.register(q)
    with k.when(k.any(q.is_nan() | (b.bits(U32) > _LARGE_BITS))):
        result.set(k.divided(a, b))
    return result.get()


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


def normal(x: Value) -> tuple[Value, Value]:
    """The probability that a standard normal number is below x, (1 + erf(x / sqrt 2)) / 2, and their density.

    Below 0 it is e^(-x^2 / 2) m(-x), m a polynomial in 1 / (1 + 0.4 |x|) (Mills' ratio falls as 1 / x does),
    so that small ones keep their digits but for those that e^(-x^2 / 2) loses: errors are up to x^2 / 2 + 6
    units in the last place.
    """
    k = x.kernel
    size = k.abs(x)
    power = exp(x * x * -0.5)
    t = 1.0 / k.fma(size, 0.4, 1.0)
    tail = power * (t * _polynomial(_NORMAL, t))
    return k.select(x < 0.0, tail, 1.0 - tail), power * (1.0 / math.sqrt(2.0 * math.pi))


def _polynomial(coefficients: Sequence[float], x: Value) -> Value:
    """c0 + c1 x + c2 x^2 + ... from the inside out."""
    k = x.kernel
    y = k.constant(coefficients[-1], F32, x.lanes)
    for coefficient in reversed(coefficients[:-1]):
        y = k.fma(x, y, k.constant(coefficient, F32, x.lanes))
    return y


def _power_of_two(n: Value) -> Value:
    return ((n + 127) << 23).bits(F32)
