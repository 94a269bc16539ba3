"""How close is close enough: the rounding that a sum of products is allowed, for formulas of any kind.

A sum over a*b in floating-point numbers is wrong by about eps * sum |a||b|, however small it is; kitnet
allows 4 times that. For a sum of products, sum |a||b| is also

    sum over j of |dy_i / dx_j| |x_j|

which has a meaning for every formula: how far y_i moves when every operand moves by its own rounding error
(the componentwise condition, Higham, "Accuracy and stability of numerical algorithms", 2002, section 1.6).
`sensitivity` measures it by moving one number at a time. A result is rounded itself, so |y_i| is a floor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kitnet.base.spec import Array
from kitnet.testing.trial import frozen, require

Formula = Callable[[Sequence[Array]], Sequence[Array]]
NUDGE = 2.0**-20  # relative; only the size of the answer matters


def sensitivity(formula: Formula, inputs: Sequence[Array]) -> list[Array]:
    """For each result of `formula(inputs)`, sum over all input numbers v of |d result / d v| |v|."""
    inputs = list(inputs)
    start = formula(inputs)
    total = [np.zeros(result.shape) for result in start]
    for which, array in enumerate(inputs):
        for place in np.ndindex(array.shape):
            if array[place] == 0:
                continue
            moved = array.copy()
            moved[place] *= 1 + NUDGE
            results = formula([*inputs[:which], frozen(moved), *inputs[which + 1 :]])
            for i, (new, old) in enumerate(zip(results, start, strict=True)):
                total[i] += np.abs(new - old) / NUDGE
    return total


def assert_rounding(actual: Array, exact: Array, scale: Array, what: str, eps: float | None = None) -> None:
    """`actual` differs from `exact` by 4 * eps * scale at most, eps that of actual's type unless given."""
    require(actual.shape == exact.shape, f"{what} has shape {actual.shape}, not {exact.shape}")
    eps = float(np.finfo(actual.dtype).eps) if eps is None else eps
    allowed = 4 * eps * np.maximum(scale, np.abs(exact))
    error = np.abs(actual.astype(float) - exact)
    require(bool(np.isfinite(actual).all()), f"{what} is not finite")
    if (error > allowed).any():
        with np.errstate(divide="ignore"):
            worst = np.unravel_index(np.argmax(error - allowed), error.shape)
        raise AssertionError(
            f"{what} at {tuple(map(int, worst))} is {actual[worst]!r}, not {exact[worst]!r}: "
            f"off by {error[worst]:.3g}, rounding explains {allowed[worst]:.3g}"
        )


def assert_equal(actual: Any, expected: Any, what: str) -> None:
    """Equal bit for bit, NaN included."""
    require(
        actual.dtype == expected.dtype
        and np.array_equal(actual, expected, equal_nan=actual.dtype.kind == "f"),
        what,
    )
