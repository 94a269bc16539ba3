"""Axes that are cut into regions, and pools over them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kitnet
from kitnet.base.error import ShapeError
from kitnet.base.shape import Axis, divide, say
from kitnet.layers import L2Pool, Layer, MaxPool, MeanPool, SquarePool, SumPool
from kitnet.layers.window import inside, overlap_add, positions_and_taps, send_back, sums, windows

COUNTS = st.integers(1, 30)


def bounds(size: int, regions: int) -> list[tuple[int, int]]:
    """Where each region begins and ends, from the fractions."""
    return [(i * size // regions, -(-(i + 1) * size // regions)) for i in range(regions)]


@given(COUNTS, COUNTS)
def test_regions_begin_at_the_floor_and_end_at_the_ceiling(size: int, regions: int) -> None:
    (axis,) = divide((size, 1), regions)
    found = [(axis.start(i), axis.start(i) + len(axis.taps(i))) for i in range(axis.output)]
    assert found == bounds(size, regions)
    sizes = [end - first for first, end in found]
    assert (axis.window, axis.links, axis.output) == (max(sizes), sum(sizes), regions)
    assert {place for first, end in found for place in range(first, end)} == set(range(size))


def test_regions_that_fit_are_windows_side_by_side() -> None:
    assert divide((8, 10, 1), 2) == (Axis(8, 4, 4, 1, 0, 0, 2), Axis(10, 5, 5, 1, 0, 0, 2))
    assert divide((7, 1), 1) == (Axis(7, 7, 7, 1, 0, 0, 1),)
    (uneven,) = divide((7, 1), 5)
    assert uneven.regions and uneven.window == 3


@given(st.tuples(COUNTS, COUNTS), st.tuples(COUNTS, COUNTS), st.integers(0, 10**6))
def test_the_two_directions_of_regions_are_adjoint(
    sizes: tuple[int, int], regions: tuple[int, int], seed: int
) -> None:
    random, axes = np.random.default_rng(seed), divide((*sizes, 1), regions)
    x = random.integers(-5, 6, (1, *sizes, 1)).astype(float)
    seen = windows(x, axes)
    d = random.integers(-5, 6, seen.shape).astype(float)
    assert (seen * d).sum() == (x * overlap_add(d, axes)).sum()
    dy = random.integers(-5, 6, (1, *regions, 1)).astype(float)
    assert (sums(x, axes) * dy).sum() == (x * send_back(dy, axes)).sum()
    assert inside(axes).sum() == len(positions_and_taps(axes)) == np.prod([a.links for a in axes])


@pytest.mark.parametrize("layer", [MaxPool, MeanPool, SumPool, SquarePool, L2Pool])
@pytest.mark.parametrize("regions", [(2, 3), (5, 7), (4, 9), 1])
def test_pools_over_regions(layer: type[MaxPool], regions: tuple[int, int] | int) -> None:
    """Of the very parts; (5, 7) is every place by itself, (4, 9) has more regions than places along an
    axis."""
    functions = {MaxPool: np.max, MeanPool: np.mean, SumPool: np.sum}
    functions |= {SquarePool: lambda a: (a**2).sum(), L2Pool: np.linalg.norm}
    x = np.random.default_rng(0).standard_normal((5, 7))
    net = kitnet.parse(str(kitnet.Net.of((5, 7, 1), layer(regions=regions)))).initialise(0, np.float64)
    high, wide = (regions, regions) if isinstance(regions, int) else regions
    want = [[functions[layer](x[a:b, c:d]) for c, d in bounds(7, wide)] for a, b in bounds(5, high)]
    np.testing.assert_allclose(net(x[None, ..., None])[0, ..., 0], want, rtol=1e-14)  # type: ignore[call-overload]


@pytest.mark.parametrize("volume", [(7, 3), (5, 4, 3), (2, 3, 4, 3)])
def test_a_global_pool_is_of_the_whole_map_whatever_its_axes(volume: tuple[int, ...]) -> None:
    net = kitnet.parse(f"{say(volume)} -> meanpool global")
    assert net.output_shape == (*(1 for _ in volume[:-1]), 3)
    assert str(net) == f"{say(volume)} -> meanpool global"
    assert net == kitnet.parse(f"{say(volume)} -> meanpool regions=1")
    x = np.random.default_rng(0).standard_normal((2, *volume), np.float32)
    every = tuple(range(1, len(volume)))
    np.testing.assert_allclose(net(x).reshape(2, 3), x.mean(every), rtol=1e-5)  # type: ignore[union-attr]
    most = kitnet.parse(f"{say(volume)} -> maxpool global")
    np.testing.assert_array_equal(most(x).reshape(2, 3), x.max(every))  # type: ignore[union-attr]


def test_links_of_regions() -> None:
    """5 places in 2 regions of 3, 7 in 3 regions of 3, over 4 maps."""
    assert MeanPool(regions=(2, 3)).connections((5, 7, 4)) == 6 * 9 * 4
    assert MeanPool(regions=1).connections((5, 7, 4)) == 5 * 7 * 4


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (MaxPool(), (4, 4, 1), "maxpool needs a window or regions; write maxpool2 or maxpool global"),
        (
            MeanPool(2, regions=2),
            (4, 4, 1),
            "meanpool has regions, with which window does not go; leave out one of the two",
        ),
        (
            SumPool(regions=2, pad=1),
            (4, 4, 1),
            "sumpool has regions, with which pad does not go; leave out one of the two",
        ),
        (
            MeanPool(regions=2, count_pad=True),
            (4, 4, 1),
            "meanpool has regions, with which count_pad does not go; leave out one of the two",
        ),
        (MaxPool(regions=(2, 0)), (4, 4, 1), "2x0 regions are not possible; use 1 or more"),
        (
            MaxPool(regions=(2, 2)),
            (4, 1),
            "the number of regions 2x2 has 2 numbers but its input has 1 axis; give one number, or 1",
        ),
        (
            MeanPool(regions=1),
            (10,),
            "a pooling window slides over volumes such as 28x28x1, but its input is 10; put it before the "
            "layers that flatten",
        ),
    ],
)
def test_what_cannot_be(layer: Layer, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        layer.output_shape(shape)
    assert str(caught.value) == message


def test_regions_always_fit() -> None:
    """So that a network whose misfits are dropped everywhere may have them."""
    assert MaxPool(regions=2, on_misfit="floor").output_shape((5, 5, 1)) == (2, 2, 1)
