"""Weights: one aligned buffer, a view for each path."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kitnet.base.error import KitnetError
from kitnet.base.random import stream
from kitnet.base.spec import Param, initial
from kitnet.net import Weights, parse
from kitnet.net.weights import LINE, PIECE, aligned

PARAMS = {
    "conv1.weight": Param((3, 3, 2, 5), "he", 18, 45),
    "conv1.bias": Param((5,), decay=False),
    "stage.0.norm.scale": Param((5,), "ones", decay=False),
    "fc1.weight": Param((7, 3), "glorot", 7, 3),
}


@given(size=st.integers(1, 300), dtype=st.sampled_from([np.float32, np.float64, np.uint8]))
def test_aligned_rows(size: int, dtype: type) -> None:
    row = aligned(size, dtype)
    assert (row.shape, row.dtype) == ((size,), dtype)
    assert row.ctypes.data % LINE == 0
    assert not row.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_array_begins_on_a_cache_line_and_none_overlap(dtype: type) -> None:
    weights = Weights(PARAMS, dtype)
    assert list(weights) == list(PARAMS)
    assert len(weights) == 4
    for i, (path, view) in enumerate(weights.items()):
        assert view.shape == PARAMS[path].shape
        assert view.dtype == dtype
        assert view.ctypes.data % LINE == 0
        assert view.ctypes.data == weights.flat.ctypes.data + weights.offsets[path] * view.itemsize
        view[...] = i + 1
    assert [np.count_nonzero(weights.flat == i + 1) for i in range(4)] == [90, 5, 5, 21]


def test_views_and_the_flat_row_are_one_memory() -> None:
    weights = Weights(PARAMS)
    weights.flat[...] = 3
    assert all((view == 3).all() for view in weights.values())
    weights["fc1.weight"][2, 1] = 8
    assert weights.flat[weights.offsets["fc1.weight"] + 7] == 8


def test_of_gives_a_layers_arrays_by_their_own_names() -> None:
    weights = Weights(PARAMS)
    assert set(weights.of("conv1")) == {"weight", "bias"}
    assert weights.of("conv1")["bias"] is weights["conv1.bias"]
    assert set(weights.of("stage.0.norm")) == {"scale"}
    assert weights.of("relu1") == {}


def test_the_mask_of_weight_decay_has_the_layout_of_flat() -> None:
    weights = Weights(PARAMS)
    mask = weights.decayed()
    assert mask.shape == weights.flat.shape
    assert mask.sum() == 90 + 21
    for path, param in PARAMS.items():
        start = weights.offsets[path]
        assert (mask[start : start + param.size] == param.decay).all()
    np.testing.assert_array_equal(weights.decayed(16), mask[::16])


def test_like_is_zero_in_the_same_layout() -> None:
    weights = Weights(PARAMS, np.float64).draw(0)
    other = weights.like()
    assert not other.flat.any()
    assert other.offsets == weights.offsets
    assert other.dtype == np.float64
    assert not np.shares_memory(other.flat, weights.flat)


def test_astype_copies_every_value() -> None:
    weights = Weights(PARAMS).draw(0)
    wide = weights.astype(np.float64)
    assert wide.dtype == np.float64
    assert all(np.array_equal(wide[path], weights[path]) for path in weights)
    assert not np.shares_memory(wide.flat, weights.flat)


def test_draw_fills_by_seed_and_path_and_leaves_gaps_zero() -> None:
    weights = Weights(PARAMS).draw(5)
    fewer = Weights({"fc1.weight": PARAMS["fc1.weight"]}).draw(5)
    assert np.array_equal(weights["fc1.weight"], fewer["fc1.weight"])
    assert (weights["stage.0.norm.scale"] == 1).all()
    assert not weights["conv1.bias"].any()
    assert np.count_nonzero(weights.flat) == 90 + 5 + 21
    assert not np.array_equal(weights["fc1.weight"], Weights(PARAMS).draw(6)["fc1.weight"])


@pytest.mark.parametrize("init", ["he", "glorot", "mean"])
def test_large_arrays_are_drawn_in_pieces_to_the_same_numbers(init: str) -> None:
    param = Param((3, 100, 301), init, tuple(range(1, 302)), 7)
    assert param.size > 5 * PIECE
    whole = initial(stream(4, "fc1.weight"), param)
    assert np.array_equal(Weights({"fc1.weight": param}).draw(4)["fc1.weight"], whole)


def test_an_init_takes_the_place_of_the_usual_one() -> None:
    net = parse("6x6x2 -> conv3-4 -> batchnorm -> prelu -> fc3 init=lecun").initialise(3, init="zeros")
    assert not net.weights["conv1.weight"].any() and net.weights["fc1.weight"].all()
    assert (net.weights["batchnorm1.scale"] == 1).all() and (net.weights["prelu1.slope"] == 0.25).all()
    same = parse("6x6x2 -> conv3-4 init=glorot -> fc3 init=lecun").initialise(3).weights
    net = parse("6x6x2 -> conv3-4 -> fc3 init=lecun").initialise(3, init="glorot")
    np.testing.assert_array_equal(net.weights.flat, same.flat)
    with pytest.raises(KitnetError) as caught:
        net.initialise(init="glorott")
    assert str(caught.value) == (
        "unknown init 'glorott' (did you mean 'glorot'?); known: zeros, lecun1998, lecun, glorot, he, "
        "orthogonal, gaussian, dirac"
    )


def test_large_orthogonal_weights_are_drawn_whole() -> None:
    net = parse("12x12x16 -> conv3-300 -> conv3-8 groups=4 -> local3-2 -> fc5").initialise(init="orthogonal")
    w = net.weights["conv1.weight"].reshape(144, 300)
    assert w.size > PIECE
    np.testing.assert_allclose(w @ w.T, np.eye(144), atol=1e-5)
    groups = net.weights["conv2.weight"].reshape(675, 4, 2)
    for group in range(4):
        np.testing.assert_allclose(groups[:, group].T @ groups[:, group], np.eye(2), atol=1e-5)
    places = net.weights["local1.weight"].reshape(36, 72, 2)
    np.testing.assert_allclose(
        places.swapaxes(1, 2) @ places, np.broadcast_to(np.eye(2), (36, 2, 2)), atol=1e-5
    )
    with pytest.raises(KitnetError) as caught:
        parse("9x9x6 -> conv3-16 table=lenet5 -> fc5").initialise(init="orthogonal")
    assert str(caught.value) == (
        "conv1.weight: orthogonal weights are a matrix, but a connection table leaves some out; use another "
        "init"
    )


def test_filters_are_the_matrices_of_convolutions() -> None:
    net = parse("9x9x6 -> conv3-16 table=lenet5 -> conv3-4 groups=2 -> local3-2 -> conv1-7 -> fc5")
    found = net.weights.filters()
    assert {path: (one.rows, one.columns) for path, one in found.items()} == {
        "conv2.weight": (72, 4),
        "conv3.weight": (2, 7),
    }
    for path, one in found.items():
        assert np.shares_memory(net.weights.flat[one.slice], net.weights[path])
        np.testing.assert_array_equal(net.weights.flat[one.slice], net.weights[path].ravel())


def test_paths_of_one_shape_are_drawn_differently() -> None:
    weights = Weights({path: Param((50,), "he", 3) for path in ("a.weight", "b.weight", "a.other")}).draw(0)
    assert len({view.tobytes() for view in weights.values()}) == 3


def test_no_parameters_at_all() -> None:
    net = parse("4 -> relu")
    assert len(net.weights) == 0
    assert net.weights.flat.shape == (0,)
    assert net(np.array([[-1.0, 2, 0, 3]])).tolist() == [[0, 2, 0, 3]]


def test_a_single_number_is_drawn() -> None:
    weights = Weights({"prelu1.slope": Param((), "ones"), "fc1.weight": Param((2, 3), "he")}).draw(0)
    assert weights["prelu1.slope"].shape == ()
    assert weights["prelu1.slope"] == 1
    assert weights["fc1.weight"].all()
