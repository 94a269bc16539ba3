"""Emitted exp, expm1, log, tanh, sigmoid, powers and the normal distribution against float64, over every
exponent of float32."""

import numpy as np
import pytest
from scipy.special import ndtr

from kitnet.kernels import mathematics
from kitnet.kernels.cpu import detect, levels
from kitnet.kernels.emit import Kernel
from kitnet.kernels.jit import build
from kitnet.kernels.types import F32


def _sigmoid(x):
    small = np.exp(-np.abs(x))
    return np.where(x < 0, small, 1) / (1 + small)


# (function, what it should be, largest error in units in the last place)
CASES = {
    "exp": (np.exp, 1.1),
    "expm1": (np.expm1, 2.0),
    "log": (np.log, 1.0),
    "tanh": (np.tanh, 1.5),
    "sigmoid": (_sigmoid, 2.5),
}
SPECIAL = np.array(
    [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e-45, -1e-45, 1.1754942e-38, 1.1754944e-38, 3.4028235e38,
     -3.4028235e38, 88.72283, 88.72284, -87.33655, -103.97207, -103.97208, -104.5, 0.625, -0.625,
     0.70710677, 0.99999994],
    np.float32,
)  # fmt: skip


def _arguments() -> np.ndarray:
    """Bit patterns evenly over all float32, and more where exp is neither 0 nor infinite."""
    rng = np.random.default_rng(7)
    patterns = (np.arange(2**18, dtype=np.uint64) * 2**14 + rng.integers(0, 2**14, 2**18, np.uint64)).astype(
        np.uint32
    )
    near = rng.uniform(-105, 90, 2**17).astype(np.float32)
    return np.concatenate([SPECIAL, patterns.view(np.float32), near, near / 50])


def _run(name: str, level: str, x: np.ndarray) -> np.ndarray:
    k = Kernel(name, detect(level), 1, x=F32, y=F32)
    px, py = k.pointers
    k.sweep(len(x), lambda i, n: k.store(getattr(mathematics, name)(k.vector(px, i, n)), py, i, n))
    y = np.zeros_like(x)
    build([k])[0](x=x, y=y)
    return y


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("name", CASES)
def test_error_over_the_whole_range(name, level):
    formula, bound = CASES[name]
    x = _arguments()
    with np.errstate(all="ignore"):
        want = formula(x.astype(np.float64))
        rounded = want.astype(np.float32)
        y = _run(name, level, x)
        ordinary = np.isfinite(rounded)
        np.testing.assert_array_equal(
            y[~ordinary], rounded[~ordinary]
        )  # infinities and NaN, in the same places
        unit = np.spacing(np.maximum(np.abs(rounded[ordinary]), np.float32(2.0**-126))).astype(np.float64)
        error = np.abs(y[ordinary].astype(np.float64) - want[ordinary]) / unit
    worst = int(np.argmax(error))
    assert error[worst] <= bound, (error[worst], x[ordinary][worst])


@pytest.mark.parametrize("level", levels())
def test_powers(level):
    """In units in the last place. Exponents of quarters are square roots; what others are off grows with the
    exponent times log(sqrt(2))."""
    # roots: one rounding of half a unit or a whole one for each operation
    quarters = {-0.75: 4.5, -0.5: 2.0, -0.25: 2.5, 0.25: 1.5, 0.5: 0.5, 0.75: 3.5}
    exponents = {**quarters, -2.5: 2.5, -1.0: 1.5, -0.6: 2.0, 0.1: 1.5, 1.3: 2.0, 7.7: 6.0}
    x = _arguments()
    x = x[~np.signbit(x) | (x < -(2.0**-126)) | np.isnan(x)]  # a root of -0 is -0
    k = Kernel("powers", detect(level), 1, x=F32, y=F32)
    px, py = k.pointers
    for row, exponent in enumerate(exponents):

        def body(i, n, row=row, exponent=exponent):
            k.store(mathematics.power(k.vector(px, i, n), exponent), py, row * len(x) + i, n)

        k.sweep(len(x), body)
    y = np.zeros((len(exponents), len(x)), np.float32)
    build([k])[0](x=x, y=y)
    tiny = np.float32(2.0**-126)
    with np.errstate(all="ignore"):
        for found, (exponent, bound) in zip(y, exponents.items(), strict=True):
            want = np.where(x < 0, np.nan, np.abs(x.astype(np.float64)) ** exponent)
            rounded = want.astype(np.float32)
            ordinary = np.isfinite(rounded)
            np.testing.assert_array_equal(found[~ordinary], rounded[~ordinary], err_msg=str(exponent))
            unit = np.spacing(np.maximum(rounded[ordinary], tiny)).astype(np.float64)
            error = np.abs(found[ordinary] - want[ordinary]) / unit
            worst = int(np.argmax(error))
            assert error[worst] <= bound, (exponent, error[worst], x[ordinary][worst])


@pytest.mark.parametrize("level", levels())
def test_signs_of_zero_and_oddness(level):
    x = np.array([0.0, -0.0, 1e-45, -1e-45, 0.3, -0.3, 2.0, -2.0], np.float32)
    y = _run("tanh", level, x)
    np.testing.assert_array_equal(np.signbit(y), np.signbit(x))
    np.testing.assert_array_equal(y[::2], -y[1::2])


def _nearly_ties() -> tuple[np.ndarray, np.ndarray]:
    """Significands whose quotient lies as near to the middle between two float32 as one can, on both sides:
    a * 2^n = m * b + rest with m odd and rest -1 or 1. Divisors just below a power of two are the hardest."""
    some = np.random.default_rng(8).integers(2**22, 2**23, 2**12) * 2 + 1
    b = np.concatenate([2**24 - np.arange(1, 2**10, 2), some])
    pairs = []
    for n in (24, 25):
        inverse = np.array([pow(2, -n, int(each)) for each in b])
        for rest in (-1, 1):
            a = inverse * rest % b
            pairs += [(a, b), (a + b, b)]
    a, b = (np.concatenate(each) for each in zip(*pairs, strict=True))
    whole = (a >= 2**23) & (a < 2**24)
    return a[whole].astype(np.float32), b[whole].astype(np.float32)


@pytest.mark.parametrize("level", levels())
def test_quotients_have_the_bits_of_the_divider(level):
    """But for the last of a dividend below 2^-78."""
    near_a, near_b = _nearly_ties()
    grid = [np.repeat(each, 16) for each in np.meshgrid(SPECIAL, SPECIAL)]  # alone in a vector
    rng = np.random.default_rng(9)
    some = rng.integers(0, 2**32, (2, 2**15), np.uint32).view(np.float32)
    tame = np.ldexp(rng.standard_normal((2, 2**17), np.float32), rng.integers(-50, 50, (2, 2**17)))
    a = np.concatenate([near_a, near_a * np.float32(2**-70), grid[0], some[0], tame[0]])
    b = np.concatenate([near_b, near_b * np.float32(2**-50), grid[1], some[1], abs(tame[1])])
    a[abs(a) < 2.0**-78] *= 0
    k = Kernel("quotients", detect(level), 1, a=F32, b=F32, y=F32)
    pa, pb, py = k.pointers

    def body(i, n):
        k.store(mathematics.quotient(k, k.vector(pa, i, n), k.vector(pb, i, n)), py, i, n)

    k.sweep(len(a), body)
    y = np.zeros_like(a)
    build([k])[0](a=a, b=b, y=y)
    with np.errstate(all="ignore"):
        want = a / b
    assert (np.isnan(y) == np.isnan(want)).all()
    same = y.view(np.int32) == want.view(np.int32)
    assert (same | np.isnan(y)).all(), (a[~same][:3], b[~same][:3])


def test_a_scalar_is_the_same_as_a_lane():
    k = Kernel("scalar", detect(), 1, x=F32, y=F32)
    x, y = k.pointers
    for i, name in enumerate(CASES):
        k.store(getattr(mathematics, name)(k.scalar(x)), y, i)
    value, out = np.array([0.37], np.float32), np.zeros(len(CASES), np.float32)
    build([k])[0](x=value, y=out)
    lanes = [_run(name, detect().level, np.full(3, 0.37, np.float32))[2] for name in CASES]
    np.testing.assert_array_equal(out, np.array(lanes))


@pytest.mark.parametrize("level", levels())
def test_the_normal_distribution(level):
    """Small probabilities have digits, too: what is lost grows as x^2, as it does in e^(-x^2 / 2)."""
    x = _arguments()
    x = x[~(abs(x) > 1e18)]  # x^2 is infinite
    k = Kernel("normal", detect(level), 1, x=F32, below=F32, density=F32)
    px, *targets = k.pointers

    def body(i, n):
        for value, target in zip(mathematics.normal(k.vector(px, i, n)), targets, strict=True):
            k.store(value, target, i, n)

    k.sweep(len(x), body)
    below, density = np.zeros_like(x), np.zeros_like(x)
    build([k])[0](x=x, below=below, density=density)
    known = np.isfinite(x)
    exact = x[known].astype(float)
    with np.errstate(under="ignore"):
        for y, want in ((below, ndtr(exact)), (density, np.exp(-(exact**2) / 2) / np.sqrt(2 * np.pi))):
            unit = np.spacing(np.maximum(want.astype(np.float32), np.float32(2.0**-126)))
            allowed = 6 + np.minimum(exact**2, 220) / 2
            assert (abs(y[known] - want) <= allowed * unit).all()
    np.testing.assert_array_equal(np.isnan(below), np.isnan(x))


@pytest.mark.parametrize("level", levels())
def test_logarithms_just_above_1(level):
    x = np.concatenate([[0, 1, 1e-45, 1e-38], np.logspace(-30, 0, 2**16)]).astype(np.float32)
    y, want = _run("log_one_plus", level, x), np.log1p(x.astype(float))
    unit = np.spacing(np.maximum(want.astype(np.float32), np.float32(2.0**-126)))
    assert (abs(y - want) / unit).max() <= 2.0
