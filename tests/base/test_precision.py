"""bfloat16 as a formula: rounding, splits, and the sums of a matrix unit, against exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitnet.base.error import KitnetError
from kitnet.base.precision import (
    FP32,
    LARGEST,
    PRECISIONS,
    SMALLEST,
    precision_of,
    product,
    rounded,
    split,
    tile_product,
)

FLOATS = st.integers(0, 2**32 - 1).map(lambda bits: np.uint32(bits).view(np.float32))
STEP = 2.0**-8  # half a unit in the last place of 1


def exactly(x: float, bits: int) -> float:
    """A finite number rounded to so many bits, ties to even, with exponents of any size: by fractions."""
    if x == 0:
        return x
    exponent = math.frexp(x)[1] - bits
    scaled = Fraction(x) / Fraction(2) ** exponent
    return math.copysign(float(Fraction(round(scaled)) * Fraction(2) ** exponent), x)


def one(x: object) -> float:
    return float(rounded(np.float32([x]))[0])


@given(FLOATS)
def test_a_float32_becomes_the_nearest_bfloat16(x: np.float32) -> None:
    got, exact = one(x), float(x)
    if math.isnan(exact):
        assert math.isnan(got)
    elif math.isinf(exact):
        assert got == exact
    elif abs(exact) < SMALLEST:
        assert got == 0 and math.copysign(1, got) == math.copysign(1, exact)
    else:
        want = exactly(exact, 8)
        assert got == (math.copysign(math.inf, exact) if abs(want) > LARGEST else want)


def test_ends_of_the_numbers() -> None:
    assert one(LARGEST) == LARGEST
    halfway = LARGEST + 2.0**119  # to the next one there would be, which is even
    assert one(np.nextafter(np.float32(halfway), np.float32(0))) == LARGEST
    assert one(halfway) == math.inf and one(-halfway) == -math.inf
    assert one(SMALLEST) == SMALLEST
    below = np.nextafter(np.float32(SMALLEST), np.float32(0))
    assert one(below) == 0 and math.copysign(1, one(-below)) == -1
    assert math.copysign(1, one(-0.0)) == -1 and math.copysign(1, one(0.0)) == 1
    assert one(1 + STEP) == 1 and one(1 + 3 * STEP) == 1 + 4 * STEP  # ties, to even
    signalling = np.uint32([0x7F800001, 0xFF80FFFF]).view(np.float32)
    assert np.isnan(rounded(signalling)).all()
    assert not (rounded(signalling).view(np.uint32) & 0xFFFF).any()


def test_rounding_keeps_shapes() -> None:
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1)
    np.testing.assert_array_equal(rounded(x), x)
    assert rounded(np.float32(3)).shape == ()
    assert rounded(np.zeros((0, 3), np.float32)).shape == (0, 3)


@given(FLOATS)
def test_parts_of_a_split(x: np.float32) -> None:
    exact = float(x)
    two, three = split(np.float32([x]), 2), split(np.float32([x]), 3)
    assert float(two[0][0]) == one(x) or math.isnan(exact)
    for parts in (two, three):
        for part in parts:
            np.testing.assert_array_equal(part, rounded(part))
    sums = [sum(float(part[0]) for part in parts) for parts in (two, three)]
    if math.isnan(exact) or abs(one(x)) == math.inf:
        assert all(map(math.isnan, sums))
        return
    assert abs(sums[0] - exact) <= max(2.0**-17 * abs(exact), SMALLEST)
    assert sums[1] == exact or abs(sums[1] - exact) < SMALLEST


@given(st.lists(FLOATS, min_size=1, max_size=1))
def test_large_numbers_split_exactly(some: list[np.float32]) -> None:
    x = np.float32(some)
    if np.isfinite(rounded(x)).all() and abs(x[0]) > 2.0**-100:
        assert sum(float(part[0]) for part in split(x, 3)) == float(x[0])


def matrices(m: int, k: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(m + k)
    return random.standard_normal((m, k), np.float32), random.standard_normal((k, n), np.float32)


def relative(precision: str, k: int) -> float:
    """The rms error of products over k channels, as a share of the rms result."""
    w, x = matrices(64, k, 64)
    exact = w.astype(float) @ x.astype(float)
    got = product(w, x, PRECISIONS[precision])
    return float(np.linalg.norm(got - exact) / np.linalg.norm(exact))


@pytest.mark.parametrize("k", [64, 320])
def test_errors_are_those_of_the_parts(k: int) -> None:
    """A rounding error is 2**-8 of a number at most and 1.7e-3 of it in the root mean square, so that a
    product of two has 2.3e-3; x3 leaves out a product of two second parts and thirds, x6 what float32 has."""
    assert 1.9e-3 < relative("bf16", k) < 2.8e-3
    assert 3e-6 < relative("bf16x3", k) < 7e-6
    assert relative("bf16x6", k) < 1e-6
    assert relative("fp32", k) < 1e-6


def test_what_is_not_finite_goes_through_products() -> None:
    w, x = np.ones((1, 4), np.float32), np.ones((4, 3), np.float32)
    x[1, 0], x[2, 1] = np.inf, np.nan
    assert product(w, x, PRECISIONS["bf16"])[0].tolist()[0::2] == [np.inf, 4]
    for name in PRECISIONS:
        found = product(w, x, PRECISIONS[name])[0]
        assert math.isnan(found[1]) and found[2] == 4
    assert math.isnan(product(w, x, PRECISIONS["bf16x3"])[0, 0])


def test_the_sums_of_a_matrix_unit() -> None:
    """By fractions, one number after the other, from the definition of the instruction."""
    random = np.random.default_rng(5)
    scale = 2.0 ** random.integers(-6, 7, (3, 8))
    a = rounded((random.standard_normal((3, 8)) * scale).astype(np.float32))
    b = rounded((random.standard_normal((8, 4)) * scale.T[:, :1]).astype(np.float32))
    c = random.standard_normal((3, 4)).astype(np.float32)
    want = np.empty((3, 4))
    for m, n in np.ndindex(3, 4):
        sums = [0.0, 0.0]
        for k in range(8):
            exact = Fraction(sums[k % 2]) + Fraction(float(a[m, k])) * Fraction(float(b[k, n]))
            sums[k % 2] = float(np.float32(float(exact)))  # 16 and 24 bits: a double holds the sum here
        half = np.float32(sums[0] + sums[1])
        want[m, n] = np.float32(float(c[m, n]) + float(half))
    np.testing.assert_array_equal(tile_product(c, a, b), want)


def test_denormals_are_zero_for_a_matrix_unit() -> None:
    tiny = np.float32(2.0**-127)
    assert tile_product(np.float32([[0]]), np.float32([[tiny, 0]]), np.float32([[2.0**100], [0]])) == 0
    assert tile_product(np.float32([[tiny]]), np.zeros((1, 2), np.float32), np.ones((2, 1), np.float32)) == 0
    whole = tile_product(np.float32([[tiny]]), np.float32([[1, 0]]), np.float32([[SMALLEST], [0]]))
    assert whole == SMALLEST  # and not one and a half of it
    # products below the smallest number, one by one, though their sum would be above it
    a, b = np.full((1, 4), 2.0**-63, np.float32), np.full((4, 1), 2.0**-64, np.float32)
    assert tile_product(np.float32([[0]]), a, b) == 0
    # one that counts, since it is not rounded before it is added
    a, b = np.float32([[1, 0, 2.0**-70, 0]]), np.float32([[SMALLEST], [0], [2.0**-70], [0]])
    assert tile_product(np.float32([[0]]), a, b)[0, 0] == SMALLEST + 2.0**-140


def test_names() -> None:
    assert precision_of("bf16x3") is PRECISIONS["bf16x3"] and precision_of(None) is FP32
    with pytest.raises(KitnetError) as caught:
        precision_of("bf16x9")
    assert str(caught.value) == (
        "unknown precision 'bf16x9' (did you mean 'bf16x6'?); known: fp32, bf16, bf16x3, bf16x6"
    )
