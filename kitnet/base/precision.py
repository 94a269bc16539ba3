"""What numbers products are computed from: float32, or bfloat16, of which a float32 number is the sum of one,
two or three.

A bfloat16 (bf16) is the upper half of a float32: the sign, the same 8 bits of exponent, 7 bits of fraction.
Here it is held as the float32 of the same value. Processors with matrix units multiply bf16 numbers and sum
the products in float32; this module says in NumPy what they compute, bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kitnet.base.error import KitnetError, nearest, shorten

Float32s = NDArray[np.float32]

SMALLEST = 2.0**-126  # of the normal numbers, of float32 as of bfloat16
LARGEST = 255 * 2.0**120  # of the bfloat16 numbers
_FLUSHED = SMALLEST * (1 - 2.0**-25)  # what is smaller is below SMALLEST when rounded to 24 bits as well


@dataclass(frozen=True)
class Precision:
    """`parts` bf16 numbers stand for a float32 one, none for float32 itself. `products` are those that are
    summed: a part of a filter with a part of a value, part 0 being the largest.
    """

    name: str
    parts: int
    products: tuple[tuple[int, int], ...]

    @property
    def rounds(self) -> bool:
        """Whether layers read values that are rounded to bf16."""
        return self.parts == 1

    def __str__(self) -> str:
        return self.name


FP32 = Precision("fp32", 0, ())
PRECISIONS = {
    one.name: one
    for one in (
        FP32,
        Precision("bf16", 1, ((0, 0),)),
        Precision("bf16x3", 2, ((1, 0), (0, 0), (0, 1))),
        Precision("bf16x6", 3, ((2, 0), (1, 0), (1, 1), (0, 1), (0, 2), (0, 0))),
    )
}


def precision_of(name: str | Precision | None) -> Precision:
    """The precision of this name, fp32 for None. Raises KitnetError for an unknown one."""
    if isinstance(name, Precision):
        return name
    if name is None:
        return FP32
    if name not in PRECISIONS:
        known = ", ".join(PRECISIONS)
        raise KitnetError(
            f"unknown precision {shorten(name)}{nearest(str(name), PRECISIONS)}; known: {known}"
        )
    return PRECISIONS[name]


def rounded(x: Float32s) -> Float32s:
    """The nearest bf16 of each float32, of two the even one.

    Numbers above 3.3961e38 become infinite, denormals (below 1.2e-38) zero of their sign; infinities and NaN
    stay. Source: VCVTNE2PS2BF16 in Intel, "Architecture Instruction Set Extensions Programming Reference".
    """
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    exponent = bits & 0x7F800000
    nearest_bits = bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))
    nan = (exponent == 0x7F800000) & ((bits & 0x007FFFFF) != 0)
    found = np.where(nan, bits | 0x00400000, np.where(exponent == 0, bits & 0x80000000, nearest_bits))
    return (found & np.uint32(0xFFFF0000)).view(np.float32).reshape(np.shape(x))


def split(x: Float32s, parts: int) -> tuple[Float32s, ...]:
    """`parts` bf16 arrays whose sum is x: each is the rounded rest of those before it.

    Two parts leave an error of 2**-17 of x at most, three none that is not a denormal. Of infinities, and of
    numbers that round to infinity, the second part is infinite the other way or NaN, so that sums with them
    become NaN.
    """
    found, rest = [rounded(x)], x
    with np.errstate(invalid="ignore", over="ignore"):
        for _ in range(1, parts):
            rest = rest - found[-1]
            found.append(rounded(rest))
    return tuple(found)


def product(w: Float32s, x: Float32s, precision: Precision) -> Float32s:
    """w @ x (matrices of float32) from the precision's parts, each product with sums in float32, and these
    added up in the order of `products`. `fp32` is w @ x itself.
    """
    if not precision.parts:
        return w @ x
    rows, columns = split(w, precision.parts), split(x, precision.parts)
    with np.errstate(invalid="ignore", over="ignore"):
        found: Float32s = sum(rows[i] @ columns[j] for i, j in precision.products)  # type: ignore[assignment]
    return found


def tile_product(c: Float32s, a: Float32s, b: Float32s) -> Float32s:
    """c (M, N) + a (M, K) @ b (K, N), bit by bit as the instruction TDPBF16PS sums them: products of numbers
    at even places of K one after the other, those at odd ones apart, then these two sums, then c.

    a and b hold bf16 numbers. Every addition rounds to the nearest float32; a product is not rounded before
    it is added. Denormals count as zero, in and out. Source: TDPBF16PS in Intel, "Architecture Instruction
    Set Extensions Programming Reference", chapter 3.
    """
    even, odd = (np.zeros(np.shape(c), np.float32) for _ in range(2))
    for k in range(0, a.shape[1], 2):
        even = _multiplied(even, a[:, k], b[k])
        odd = _multiplied(odd, a[:, k + 1], b[k + 1])
    return _added(_without_denormals(c), _added(even, odd))


def _multiplied(total: Float32s, a: Float32s, b: Float32s) -> Float32s:
    """total + the outer product of a and b, rounded once: a double holds the product, and so many more bits
    of the sum that rounding it twice is rounding it once.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        products = np.multiply.outer(*(_without_denormals(each).astype(np.float64) for each in (a, b)))
        return _to_float32(total.astype(np.float64) + products)


def _added(one: Float32s, other: Float32s) -> Float32s:
    with np.errstate(invalid="ignore", over="ignore"):
        return _to_float32(one.astype(np.float64) + other.astype(np.float64))


def _to_float32(x: NDArray[np.float64]) -> Float32s:
    """The nearest float32, 0 of the same sign where it would be a denormal."""
    return np.where(np.abs(x) < _FLUSHED, np.copysign(0.0, x), x).astype(np.float32)


def _without_denormals(x: Float32s) -> Float32s:
    return np.where(np.abs(x) < SMALLEST, np.copysign(np.float32(0), x), x)
