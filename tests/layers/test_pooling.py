"""Pooling and subsampling: sizes, indices, overlaps and the rules for ties and padding."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue import row
from hypothesis import given
from hypothesis import strategies as st

from kitnet import Net
from kitnet.base.error import ShapeError
from kitnet.base.shape import Pad
from kitnet.base.spec import Array
from kitnet.layers import Context, Kept, Layer, MaxPool, MeanPool, Subsampling

IMAGE = np.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])


def pool(layer: Layer, x: Array, w: dict[str, Array] | None = None) -> Array:
    return layer.forward(w or {}, {}, Context(), x[None, ..., None]).y[0, ..., 0]


def send_back(layer: Layer, x: Array, dy: Array) -> Array:
    x, dy = x[None, ..., None], dy[None, ..., None]
    made = layer.forward({}, {}, Context(), x)
    (dx,) = layer.backward({}, Kept((x.shape,), extras=made.extras), dy).dx
    assert dx is not None
    return dx[0, ..., 0]


@row(57)
def test_57_max_pooling_keeps_a_quarter() -> None:
    y = pool(MaxPool(2), IMAGE)
    assert y.tolist() == [[6, 8], [3, 4]]
    assert y.size / IMAGE.size == 0.25


@row(58)
def test_58_mean_pooling() -> None:
    assert pool(MeanPool(2), IMAGE).tolist() == [[3.25, 5.25], [2, 2]]


@row(62)
def test_62_disjoint_regions() -> None:
    x = np.arange(80.0).reshape(8, 10)
    regions = x.reshape(2, 4, 2, 5)
    assert np.array_equal(pool(MaxPool((4, 5)), x), regions.max((1, 3)))
    assert np.array_equal(pool(MeanPool((4, 5)), x), regions.mean((1, 3)))


@row(52)
def test_52_the_winner_alone_gets_the_gradient() -> None:
    dx = send_back(MaxPool(2), IMAGE, np.array([[10.0, 20], [30, 40]]))
    assert dx.tolist() == [[0, 0, 0, 0], [0, 10, 0, 20], [30, 0, 0, 0], [0, 0, 0, 40]]


def test_indices_are_the_places_of_the_winners() -> None:
    made = MaxPool(2).forward({}, {}, Context(), IMAGE[None, ..., None])
    indices = made.extras["indices"]
    assert indices[0, ..., 0].tolist() == [[3, 3], [0, 3]]
    assert indices.dtype == np.uint8


def test_of_equal_values_the_first_wins() -> None:
    x = np.array([[7.0, 7], [7, 7]])
    assert send_back(MaxPool(2), x, np.array([[1.0]])).tolist() == [[1, 0], [0, 0]]


def test_padding_never_wins() -> None:
    x = -np.ones((3, 3)) * np.arange(1, 10).reshape(3, 3)
    assert pool(MaxPool(3, 2, pad=1), x).tolist() == [[-1, -2], [-4, -5]]
    dx = send_back(MaxPool(3, 2, pad=1), x, np.ones((2, 2)))
    assert dx.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]


@row(61)
def test_61_where_windows_overlap_a_winner_gets_the_sum() -> None:
    x = np.zeros((5, 5))
    x[2, 2] = 1  # in all four windows of 3x3, two apart
    dx = send_back(MaxPool(3, 2), x, np.array([[1.0, 10], [100, 1000]]))
    assert dx[2, 2] == 1111
    assert dx.sum() == 1111


@row(51)
def test_51_mean_pooling_sends_back_a_kronecker_product() -> None:
    dy = np.array([[1.0, 2], [3, 4]])
    dx = send_back(MeanPool(2), IMAGE, dy)
    assert np.array_equal(dx, np.kron(dy, np.full((2, 2), 0.25)))


def test_mean_pooling_counts_no_padding() -> None:
    x = np.full((3, 3), 6.0)
    assert (pool(MeanPool(3, 2, pad=1), x) == 6).all()
    dx = send_back(MeanPool(3, 2, pad=1), x, np.ones((2, 2)))
    assert dx.tolist() == [[0.25, 0.5, 0.25], [0.5, 1, 0.5], [0.25, 0.5, 0.25]]


@row(64)
def test_64_pooling_is_blind_to_a_shift_within_its_windows() -> None:
    x = np.zeros((4, 4))
    x[0, 0] = 9
    assert np.array_equal(pool(MaxPool(2), x), pool(MaxPool(2), np.roll(x, 1, 1)))


@row(64)
def test_64_channels_are_pooled_each_by_itself() -> None:
    x = np.random.default_rng(0).integers(-9, 10, (2, 4, 6, 3)).astype(float)
    for layer in (MaxPool(2), MeanPool(2)):
        whole = layer.forward({}, {}, Context(), x).y
        for c in range(3):
            assert np.array_equal(
                layer.forward({}, {}, Context(), x[..., c : c + 1]).y[..., 0], whole[..., c]
            )


@pytest.mark.parametrize("kind", [MaxPool, MeanPool])
def test_windows_lie_side_by_side_unless_a_stride_is_given(kind: type[MaxPool]) -> None:
    assert kind(3).output_shape((9, 6, 2)) == (3, 2, 2)
    assert kind(3, 1).output_shape((9, 6, 2)) == (7, 4, 2)


FIRST = "begins at place 0*2 - 2 = -2 and ends at -2 + 2 - 1 = -1"
LAST = "begins at place 2*2 - 0 = 4 and ends at 4 + 2 - 1 = 5"


@pytest.mark.parametrize("kind", [MaxPool, MeanPool])
@pytest.mark.parametrize(
    ("pad", "window", "repair"),
    [
        (2, f"window 1 of 4 {FIRST}", "pad=1, or a 4x4"),
        (((2, 0), 0), f"window 1 of 3 {FIRST}", "pad=1x0, or a 4x2"),
        (((0, 2), 0), f"window 3 of 3 {LAST}", "pad=1x0, or a 4x2"),
        ((0, (2, 0)), f"window 1 of 3 {FIRST}", "pad=0x1, or a 2x4"),
        ((0, (0, 2)), f"window 3 of 3 {LAST}", "pad=0x1, or a 2x4"),
    ],
)
def test_a_window_in_padding_alone_is_refused(
    kind: type[MaxPool], pad: Pad, window: str, repair: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        kind(2, 2, pad=pad).output_shape((4, 4, 1))
    assert str(caught.value) == (
        f"a 2x2 pooling window lies wholly in padding, where there is nothing to pool: {window}, outside the "
        f"places 0 to 3 of its 4x4x1 input; use {repair} pooling window"
    )


@pytest.mark.parametrize("kind", [MaxPool, MeanPool])
@pytest.mark.parametrize("pad", [1, ((1, 0), 0), ((0, 1), 0)])
def test_a_window_that_touches_the_input_is_not_refused(kind: type[MaxPool], pad: Pad) -> None:
    kind(2, 1, pad=pad).output_shape((4, 4, 1))


@pytest.mark.parametrize(("window", "dtype"), [(16, "uint8"), (17, "int32")])
def test_indices_take_the_smallest_type_that_counts_the_window(window: int, dtype: str) -> None:
    layer = MaxPool(window)
    assert layer.extras((window, window, 1))["indices"].dtype == dtype
    x = np.zeros((1, window, window, 1))
    x[0, -1, -1] = 1
    made = layer.forward({}, {}, Context(), x)
    assert made.extras["indices"].item() == window * window - 1


@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 10**6))
def test_max_and_mean_of_every_window(window: int, stride: int, seed: int) -> None:
    x = np.random.default_rng(seed).integers(-9, 10, (5, 6)).astype(float)
    high, wide = (
        pool(MaxPool(window, stride, on_misfit="floor"), x),
        pool(MeanPool(window, stride, on_misfit="floor"), x),
    )
    for i, j in np.ndindex(*high.shape):
        seen = x[i * stride : i * stride + window, j * stride : j * stride + window]
        assert high[i, j] == seen.max()
        assert wide[i, j] == pytest.approx(seen.mean(), rel=1e-15)


def test_97_subsampling_is_a_coefficient_and_a_bias_a_map() -> None:
    layer = Subsampling(2)
    w = {"coefficient": np.array([2.0]), "bias": np.array([100.0])}
    assert pool(layer, IMAGE, w).tolist() == [[126, 142], [116, 116]]
    params = layer.params((28, 28, 6))
    assert {name: p.shape for name, p in params.items()} == {"coefficient": (6,), "bias": (6,)}
    assert layer.connections((28, 28, 6)) == 5880
    assert not any(p.decay for p in params.values())


def test_subsampling_begins_as_a_mean() -> None:
    assert Subsampling(2).params((4, 4, 1))["coefficient"].fan_in == 4
    assert Subsampling(2).init == "mean"


def test_subsampling_names_its_window() -> None:
    with pytest.raises(ShapeError) as caught:
        Net.of((4, 4, 1), Subsampling(3))
    assert str(caught.value) == (
        "subsample1: a stride of 3 does not divide: (4 - 3 + 2*0) / 3 + 1 = 1.333 positions of a 3x3 "
        "subsampling window on its 4x4x1 input; use a 3x3x1 or 6x6x1 input, a 2x2 subsampling window, "
        "stride=1, or write floor to drop the last 1"
    )
