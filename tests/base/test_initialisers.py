"""Initialisers: the moments and bounds that their papers give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kitnet.base.error import KitnetError
from kitnet.base.random import stream
from kitnet.base.spec import INITIALISERS, Param, initial

IN, OUT = 75, 48
MANY = Param((5, 5, 3, 400), fan_in=IN, fan_out=OUT)
UNIFORM = {"lecun1998": 2.4 / IN, "glorot": (6 / (IN + OUT)) ** 0.5}
NORMAL = {"lecun": IN**-0.5, "he": (2 / IN) ** 0.5, "gaussian": 0.01}


def drawn(init: str, param: Param = MANY) -> np.ndarray:  # type: ignore[type-arg]
    return initial(stream(0, "conv1.weight"), replace(param, init=init), np.float64)


def test_every_initialiser_is_tested() -> None:
    assert {*UNIFORM, *NORMAL, "zeros", "ones", "mean", "quarter", "orthogonal", "dirac"} == set(INITIALISERS)


@pytest.mark.parametrize("init", UNIFORM)
def test_uniform_bounds(init: str) -> None:
    values, limit = drawn(init), UNIFORM[init]
    assert np.abs(values).max() <= limit
    assert np.abs(values).max() > 0.999 * limit  # 30,000 draws come that near
    assert abs(values.mean()) < 5 * limit / np.sqrt(3 * values.size)


@pytest.mark.parametrize("init", NORMAL)
def test_normal_deviations(init: str) -> None:
    values, deviation = drawn(init), NORMAL[init]
    assert abs(values.mean()) < 5 * deviation / np.sqrt(values.size)
    assert abs(values.std() / deviation - 1) < 5 / np.sqrt(2 * values.size)
    assert abs((values**4).mean() / deviation**4 - 3) < 5 * np.sqrt(96 / values.size)  # normal, not uniform


def test_constants() -> None:
    assert not drawn("zeros").any()
    assert (drawn("ones") == 1).all()
    assert (drawn("mean") == 1 / IN).all()
    assert (drawn("quarter") == 0.25).all()


def test_fan_in_may_differ_by_the_last_axis() -> None:
    param = Param((500, 2), "lecun1998", (10, 1000), 1)
    wide, narrow = np.abs(initial(stream(0, "w"), param)).max(0)
    assert wide == pytest.approx(0.24, rel=0.01)
    assert narrow == pytest.approx(0.0024, rel=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_precisions_draw_the_same_numbers(dtype: type) -> None:
    values = initial(stream(0, "w"), Param((7,), "he", 3), dtype)
    assert values.dtype == dtype
    assert np.array_equal(values, initial(stream(0, "w"), Param((7,), "he", 3), np.float64).astype(dtype))


@pytest.mark.parametrize(("inputs", "units"), [(75, 48), (48, 75), (9, 9), (1, 5)])
def test_orthogonal_matrices(inputs: int, units: int) -> None:
    """The shorter side's Gram matrix is the unit matrix, so that the deviation is 1/sqrt of the longer."""
    w = drawn("orthogonal", Param((inputs, units), fan_in=inputs, fan_out=units))
    short = w if units <= inputs else w.T
    np.testing.assert_allclose(short.T @ short, np.eye(min(inputs, units)), atol=1e-13)
    assert np.sqrt(np.square(w).mean()) == pytest.approx(max(inputs, units) ** -0.5, rel=1e-12)


def test_orthogonal_filters_of_groups_and_positions() -> None:
    """Each group, and each position of a locally connected layer, has a matrix of its own."""
    w = drawn("orthogonal", Param((3, 3, 2, 12), fan_in=18, fan_out=36, groups=3)).reshape(18, 3, 4)
    for group in range(3):
        np.testing.assert_allclose(w[:, group].T @ w[:, group], np.eye(4), atol=1e-13)
    assert np.abs(w[:, 0].T @ w[:, 1]).max() > 0.01
    w = drawn("orthogonal", Param((2, 2, 3, 3, 2, 5), fan_in=18, fan_out=45, positions=4)).reshape(4, 18, 5)
    for place in w:
        np.testing.assert_allclose(place.T @ place, np.eye(5), atol=1e-13)


def test_orthogonal_draws_have_no_side() -> None:
    """A 1 x 1 matrix is 1 or -1, as often: no sign of the factorisation is left."""
    found = [float(initial(stream(i, "w"), Param((1, 1), "orthogonal"))[0, 0]) for i in range(200)]
    assert set(found) == {1.0, -1.0} and 70 < found.count(1.0) < 130


def test_a_connection_table_has_no_orthogonal_filters() -> None:
    with pytest.raises(KitnetError) as caught:
        initial(stream(0, "w"), Param((5, 5, 3), "orthogonal", (25, 50, 50)))
    assert str(caught.value) == (
        "orthogonal weights are a matrix, but a connection table leaves some out; use another init"
    )


def test_unknown_initialiser() -> None:
    with pytest.raises(KitnetError) as caught:
        initial(stream(0, "w"), Param((3,), "glorott"))
    assert str(caught.value) == (
        "unknown initialiser 'glorott' (did you mean 'glorot'?); "
        "known: zeros, ones, mean, quarter, lecun1998, lecun, glorot, he, gaussian, orthogonal, "
        "dirac"
    )


@pytest.mark.parametrize(("depth", "filters"), [(2, 5), (4, 3)])
def test_dirac_filters_hand_on_channels(depth: int, filters: int) -> None:
    """What a same convolution by them gives begins with the input's channels; the others are small."""
    w = drawn("dirac", Param((3, 3, depth, filters), fan_in=9 * depth, fan_out=9 * filters))
    handed_on = min(depth, filters)
    want = np.zeros((3, 3, depth, handed_on))
    want[1, 1, :handed_on] = np.eye(handed_on)
    np.testing.assert_array_equal(w[..., :handed_on], want)
    others = w[..., handed_on:]
    assert not others.size or 0.9 * (9 * depth) ** -0.5 < np.abs(others).max() <= (9 * depth) ** -0.5


def test_arrays_that_hand_on_no_channels() -> None:
    for param in (
        Param((10, 5), "dirac", 10, 5),
        Param((3, 3, 2, 4), "dirac", 18, 36, groups=2),
        Param((5, 5, 3), "dirac", (25, 50, 50)),
    ):
        with pytest.raises(KitnetError) as caught:
            initial(stream(0, "w"), param)
        assert str(caught.value) == (
            "dirac filters hand on whole channels, without groups and connection tables; use another init"
        )


@pytest.mark.parametrize("init", [init for init in INITIALISERS if init != "dirac"])
def test_a_single_number(init: str) -> None:
    value = initial(stream(0, "prelu1.slope"), Param((), init), np.float32)
    assert isinstance(value, np.ndarray)
    assert (value.shape, value.dtype) == ((), np.float32)
