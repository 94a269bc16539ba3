"""Fully connected layers as convolutions and convolutions as fully connected layers (catalogue 74 to 76)."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue import row

import kitnet
from kitnet.base.shape import slide
from kitnet.base.spec import Array
from kitnet.layers import Context, Convolution, Flatten, Kept, Linear
from kitnet.layers.convolution import correlate, filter_gradient, input_gradient


def whole_numbers(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).integers(-5, 6, shape).astype(float)


@row(74, 75)
def test_a_fully_connected_layer_is_a_convolution_with_the_window_of_the_whole_input() -> None:
    x, weight, bias = whole_numbers(0, 2, 3, 4, 2), whole_numbers(1, 24, 5), whole_numbers(2, 5)
    dense, conv = Linear(5), Convolution((3, 4), 5)
    y = dense.forward({"weight": weight, "bias": bias}, {}, Context(), x).y
    w = {"weight": weight.reshape(3, 4, 2, 5), "bias": bias}
    z = conv.forward(w, {}, Context(), x).y
    assert z.shape == (2, 1, 1, 5)
    assert np.array_equal(z.reshape(2, 5), y)
    dy = whole_numbers(3, 2, 5)
    one = dense.backward({"weight": weight, "bias": bias}, Kept((x.shape,), (x,)), dy)
    other = conv.backward(w, Kept((x.shape,), (x,)), dy.reshape(z.shape))
    assert one.dx[0] is not None
    assert other.dx[0] is not None
    assert np.array_equal(one.dx[0], other.dx[0])
    assert np.array_equal(one.dw["weight"].reshape(3, 4, 2, 5), other.dw["weight"])
    assert np.array_equal(one.dw["bias"], other.dw["bias"])


@row(76)
def test_76_the_head_of_vgg_as_convolutions_has_the_same_weights() -> None:
    dense = kitnet.parse("7x7x512 -> fc4096 -> fc4096 -> fc1000")
    conv = kitnet.parse("7x7x512 -> conv7-4096 -> conv1-4096 -> conv1-1000")
    assert [node.shape for node in conv.graph.nodes[1:]] == [(1, 1, 4096), (1, 1, 4096), (1, 1, 1000)]
    assert dense.ledger().totals["parameters"] == conv.ledger().totals["parameters"]


def matrix(w: Array, sizes: tuple[int, ...], **kwargs: int) -> Array:
    """(inputs, outputs): the convolution of one volume as one matrix, built entry by entry."""
    axes = slide((*sizes, w.shape[-2]), w.shape[:-2], **kwargs)  # type: ignore[arg-type]
    out = (*(a.output for a in axes), w.shape[-1])
    places = np.zeros((*sizes, w.shape[-2], *out))
    for position in np.ndindex(*out[:-1]):
        for tap in np.ndindex(*w.shape[:-2]):
            at = [
                o * a.stride + t * a.dilation - a.before for o, t, a in zip(position, tap, axes, strict=True)
            ]
            if all(0 <= p < n for p, n in zip(at, sizes, strict=True)):
                for c, k in np.ndindex(*w.shape[-2:]):
                    places[*at, c, *position, k] = w[*tap, c, k]
    return places.reshape(np.prod((*sizes, w.shape[-2])), -1)


@row(75)
@pytest.mark.parametrize("kwargs", [{}, {"pad": 1}, {"stride": 2, "pad": 1}, {"dilation": 2}])
def test_75_a_convolution_is_a_sparse_matrix_with_shared_entries(kwargs: dict[str, int]) -> None:
    sizes, depth, filters = (5, 5), 2, 3
    w = np.arange(1.0, 55).reshape(3, 3, depth, filters)  # every weight another number
    M = matrix(w, sizes, **kwargs)
    x = whole_numbers(0, 2, *sizes, depth)
    axes = slide((*sizes, depth), 3, **kwargs)  # type: ignore[arg-type]
    y = correlate(x, w, axes)
    assert np.array_equal(x.reshape(2, -1) @ M, y.reshape(2, -1))
    assert len(np.unique(M)) == w.size + 1  # 0 and each weight
    assert np.count_nonzero(M) < 0.5 * M.size
    dy = whole_numbers(1, *y.shape)
    assert np.array_equal(input_gradient(dy, w, axes).reshape(2, -1), dy.reshape(2, -1) @ M.T)
    dM = x.reshape(2, -1).T @ dy.reshape(2, -1)
    shared = [dM[w[*tap] == M].sum() for tap in np.ndindex(*w.shape)]
    assert np.array_equal(np.reshape(shared, w.shape), filter_gradient(x, dy, axes))


def test_flatten_runs_through_channels_first() -> None:
    x = np.arange(24.0).reshape(1, 2, 3, 4)
    assert np.array_equal(Flatten().forward({}, {}, Context(), x).y, np.arange(24.0)[None])


def test_a_fully_connected_layer_flattens_by_itself() -> None:
    assert kitnet.parse("4x5x2 -> flatten -> fc3").output_shape == (3,)
    one, other = kitnet.parse("4x5x2 -> flatten -> fc3"), kitnet.parse("4x5x2 -> fc3")
    x = whole_numbers(0, 2, 4, 5, 2)
    assert np.array_equal(one(x), other(x))


@row(77)
def test_77_dense_evaluation_gives_the_scores_of_every_crop_where_nothing_is_padded() -> None:
    net = kitnet.parse("8x8x1 -> conv3-4 -> relu -> maxpool2 -> conv3-5")
    wide = kitnet.parse("12x10x1 -> conv3-4 -> relu -> maxpool2 -> conv3-5")
    net.initialise(0, np.float64)
    wide.initialise(0, np.float64)
    x = whole_numbers(0, 1, 12, 10, 1)
    dense = wide(x)
    assert dense.shape == (1, 3, 2, 5)
    for i, j in np.ndindex(3, 2):
        crop = x[:, 2 * i : 2 * i + 8, 2 * j : 2 * j + 8]
        assert dense[:, i, j] == pytest.approx(net(crop)[:, 0, 0], rel=1e-13)
