"""The plain functions against the layers' formulas in float64: exactly for whole numbers, within the rounding
of their sums for others, on both engines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from problems import Call, convolution, pooling

from kitnet import functional
from kitnet.base.spec import Array
from kitnet.functional import plans
from kitnet.kernels.cpu import levels
from kitnet.layers import Convolution, MaxPool, MeanPool
from kitnet.testing.closeness import assert_rounding

Pool = type[MaxPool] | type[MeanPool]
FUNCTIONS: dict[Any, tuple[Callable[..., Array], Callable[..., Array]]] = {
    MaxPool: (functional.max_pool, functional.max_pool_backward),
    MeanPool: (functional.mean_pool, functional.mean_pool_backward),
}


def run(call: Call, given: dict[str, Array], engine: str | None = None) -> tuple[Array, ...]:
    """y and the gradients by the plain functions."""
    dy, x, how = given["dy"], given["x"], {**call.how, "engine": engine}
    if isinstance(call.layer, Convolution):
        y = functional.convolve(x, given["w"], given["b"], **how)
        return y, *functional.convolve_backward(dy, x, given["w"], **how)
    forward, backward = FUNCTIONS[type(call.layer)]
    return forward(x, call.layer.window, **how), backward(dy, x, call.layer.window, **how)


def check(call: Call, seed: int = 1) -> None:
    whole = call.draw(seed, whole=True)
    exact = not isinstance(call.layer, MeanPool)  # a share of a window is a fraction
    if exact:
        for got, want in zip(run(call, whole), call.formula(**whole), strict=True):
            assert got.dtype == np.float32 and got.flags.c_contiguous
            np.testing.assert_array_equal(got, want)
    given = call.draw(seed, whole=False)
    wanted, names = call.formula(**given), ("y", "dx", "dw", "db")
    for engine in ("compiled", "formula"):
        found = zip(run(call, given, engine), wanted, sizes(call, given), strict=True)
        for name, each in zip(names, found, strict=False):
            assert_rounding(*each, f"{name} by {engine} of {call}")


def sizes(call: Call, given: dict[str, Array]) -> tuple[Array, ...]:
    """For each result the sum of its terms' sizes."""
    if isinstance(call.layer, MaxPool):  # the largest of the sizes would be another one
        return call.formula(given["x"], np.abs(given["dy"]))
    return call.formula(**{name: np.abs(a) for name, a in given.items()})


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.sample(5)
def test_drawn_convolutions(seed: int) -> None:
    check(convolution(seed))


@pytest.mark.parametrize("seed", range(9))
@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.sample(3)
def test_drawn_pooling(kind: Pool, seed: int) -> None:
    check(pooling(kind, seed))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_many_drawn_problems(part: int) -> None:
    for seed in range(1000 + 40 * part, 1040 + 40 * part):
        check(convolution(seed))
        for kind in (MaxPool, MeanPool):
            check(pooling(kind, seed))


# Batches of many groups


@pytest.fixture
def fresh() -> Iterator[None]:
    """Plans made in this test are not used in others."""
    plans._function.cache_clear()
    yield
    plans._function.cache_clear()


BIG = {
    "filters that fill the lanes": Call(Convolution(3, 13, pad="same", stride=2), (135, 7, 6, 3)),
    "groups of channels": Call(Convolution(2, 4, groups=2), (200, 9, 4)),
    "more weights than values": Call(Convolution(4, 70), (131, 4, 4, 17)),
    "as many parts of the weights as groups": Call(Convolution((8, 1), 3), (250, 9, 3, 2)),
    "as many parts of the last sum as groups": Call(Convolution(3, 32), (64, 7, 7, 16)),
    "max": Call(MaxPool(3, 2), (150, 7, 5, 3)),
    "mean": Call(MeanPool(2, 1), (150, 4, 5, 3)),
}


@pytest.mark.slow
@pytest.mark.parametrize("own", [plans.OWN, 0], ids=["own memory", "arena"])
@pytest.mark.parametrize("case", BIG)
def test_many_groups(case: str, own: int, fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "OWN", own)
    check(BIG[case])


@pytest.mark.parametrize("level", levels()[1:])
def test_lesser_instruction_sets(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KITNET_CPU", level)
    check(convolution(4))
    check(pooling(MaxPool, 4))


def test_no_bias() -> None:
    given = Call(Convolution(3, 4), (5, 6, 5, 2)).draw(0, whole=True)
    x, w = given["x"], given["w"]
    y = functional.convolve(x, w)
    np.testing.assert_array_equal(y, functional.convolve(x, w, np.zeros(4, np.float32)))
    np.testing.assert_array_equal(y, functional.convolve(x, w, engine="formula"))


def test_in_float64_the_result_is_the_formula_bit_for_bit() -> None:
    calls = [convolution(seed) for seed in range(3)]
    calls += [pooling(kind, seed) for kind in (MaxPool, MeanPool) for seed in range(2)]
    for call in calls:
        given = {name: a.astype(np.float64) for name, a in call.draw(2, whole=False).items()}
        for engine in (None, "compiled", "formula"):
            for got, want in zip(run(call, given, engine), call.formula(**given), strict=True):
                assert got.dtype == np.float64 and got.flags.c_contiguous
                assert got.tobytes() == want.tobytes()


# The numbers that the teaching material prints, with their rows of the catalogue


def correlation(x: list[Any], w: list[Any], pad: Any = "valid") -> list[Any]:
    """One map, one filter."""
    image, filters = np.array(x, np.float32)[None, ..., None], np.array(w, np.float32)[..., None, None]
    return functional.convolve(image, filters, pad=pad)[0, ..., 0].tolist()


def turned(x: list[Any], w: list[Any], pad: Any = "valid") -> list[Any]:
    """The convolution of mathematics. SciPy's `same` has the odd place in front."""
    if pad == "same":
        pad = tuple((k // 2, (k - 1) // 2) for k in np.shape(w))
    return correlation(x, np.flip(w).tolist(), pad)


def test_13_one_axis() -> None:
    f, g = [0, 1, 2, -1, 3], [1, 1, 0]
    assert turned(f, g) == [3, 1, 2]
    assert turned(f, g, "full") == [0, 1, 3, 1, 2, 3, 0]
    assert turned(f, g, "same") == [1, 3, 1, 2, 3]
    assert correlation(f, g) == [1, 3, 1]


def test_14_two_axes() -> None:
    a = [[0, 0, 1, 2], [2, 2, 0, 0], [2, 1, 2, 2], [3, 0, 1, 1]]
    b = [[0, 0, -1], [1, -1, 1], [-1, 1, 1]]
    assert turned(a, b, "full") == [
        [0, 0, 0, 0, -1, -2], [0, 0, -1, -1, -1, 2], [2, 0, -3, 0, 1, 0],
        [0, -1, 4, 3, -1, 1], [1, -2, 5, 1, 4, 3], [-3, 3, 2, 0, 2, 1],
    ]  # fmt: skip
    assert turned(a, b) == [[-3, 0], [4, 3]]
    assert turned(a, b, "same") == [[0, -1, -1, -1], [0, -3, 0, 1], [-1, 4, 3, -1], [-2, 5, 1, 4]]
    assert correlation(a, b) == [[0, 3], [1, 3]]


def test_15_five_by_five() -> None:
    x = [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]]
    k = [[0, 1, 2], [2, 2, 0], [0, 1, 2]]
    assert correlation(x, k) == [[12, 12, 17], [10, 17, 19], [9, 6, 14]]
    assert turned(x, k) == [[18, 20, 19], [10, 9, 17], [11, 8, 14]]
