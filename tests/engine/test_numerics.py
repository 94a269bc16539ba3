"""Numbers of extreme range: `numerics="exact"` keeps to direct sums, weights that are not finite are refused,
and what one image holds reaches no other."""

from __future__ import annotations

import numpy as np
import pytest

import kitnet
from kitnet.base.spec import Array

WIDE = "16x16x32 -> conv3-32 same"  # a transform of Winograd by default
LARGE = "32x32x8 -> conv15-8"  # and one of Fourier, of many images


def images(count: int, net: kitnet.Net) -> Array:
    return np.random.default_rng(0).standard_normal((count, *net.input_shape), np.float32)


@pytest.mark.parametrize(("line", "batch", "beyond"), [(WIDE, 1, 3), (WIDE, 64, 3), (LARGE, 64, 15)])
@pytest.mark.sample(5)
def test_an_outlier_costs_exact_numerics_nothing(line: str, batch: int, beyond: int) -> None:
    net = kitnet.parse(line)
    x = 1e-3 * images(batch, net)
    x[:, 0, 0] = 1e6
    want = net(x)[:, beyond:, beyond:]  # outputs that read no outlier

    def error(numerics: str) -> float:
        out = net.compile(batch, numerics=numerics)(x)[:, beyond:, beyond:]
        return float(abs(out - want).max() / abs(want).max())

    assert error("exact") < 2e-6 < error("fast")  # the transforms subtract the outlier from itself


@pytest.mark.parametrize(("line", "batch"), [(WIDE, 1), (WIDE, 64), (LARGE, 64)])
def test_exact_numerics_spread_nan_as_the_formula(line: str, batch: int) -> None:
    net = kitnet.parse(line)
    x = images(batch, net)
    x[0, 0, 0, 0] = np.nan
    out = net.compile(batch, numerics="exact")(x)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(net(x)))


@pytest.mark.parametrize("numerics", ["fast", "exact"])
@pytest.mark.parametrize(("line", "batch"), [(WIDE, 4), (WIDE, 64), (LARGE, 64)])
def test_nan_in_one_image_reaches_no_other(line: str, batch: int, numerics: str) -> None:
    net = kitnet.parse(line)
    x = images(batch, net)
    plan = net.compile(batch, numerics=numerics)
    want = plan(x)
    x[2] = np.nan
    out = plan(x)
    others = np.arange(batch) != 2
    np.testing.assert_array_equal(out[others], want[others])
    assert np.isnan(out[2]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("batch", [1, 16])
def test_weights_that_are_not_finite_are_refused(value: float, batch: int) -> None:
    net = kitnet.parse("4x4x2 -> conv3-3 same")
    plan = net.compile(batch)
    net.weights["conv1.weight"][0, 0] = value
    with pytest.raises(kitnet.KitnetError, match=r"conv1\.weight"):
        plan.refresh()
    with pytest.raises(kitnet.KitnetError, match=r"conv1\.weight"):
        net.compile(batch + 1)
