"""S cells, normalised correlation, patches, inhibition and thresholds by numbers from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from catalogue import row
from scipy.spatial.distance import cdist

import kitnet
from kitnet.base.error import LanguageError
from kitnet.base.spec import Array
from kitnet.functional import normalised_correlation
from kitnet.layers import Context, Cosine, Inhibition, Kept, Layer, Patch, SCell, Step


def run(layer: Layer, w: Mapping[str, Array], x: Array) -> Array:
    return layer.forward(w, {}, Context(), x).y


def windows_of(x: Array, size: int) -> Array:
    """(N, h, w, numbers): each window as a row, cut out one by one."""
    n, height, width, _ = x.shape
    return np.array(
        [
            [
                [x[k, i : i + size, j : j + size].ravel() for j in range(width - size + 1)]
                for i in range(height - size + 1)
            ]
            for k in range(n)
        ]
    )


X = np.random.default_rng(0).random((2, 5, 4, 3))
W = np.random.default_rng(1).random((2, 2, 3, 4))


# ------------------------------------------------------------------------------------------------- S cells


@row(93)
def test_an_s_cell_by_hand() -> None:
    """One window (3, 4): e = 0.5 * 3 + 4 = 5.5, v = sqrt(25 / 2); with q = 1 the divisor is 1 + b v."""
    x = np.array([[[[3.0], [4.0]]]])
    w = {"weight": np.array([0.5, 1.0]).reshape(1, 2, 1, 1), "inhibition": np.array([0.2])}
    found = run(SCell((1, 2), 1, selectivity=1.0), w, x)
    np.testing.assert_allclose(found.ravel(), [6.5 / (1 + 0.2 * np.sqrt(12.5)) - 1])


@row(93)
def test_a_cell_that_is_inhibited_more_than_excited_is_silent() -> None:
    x = np.array([[[[3.0], [4.0]]]])
    w = {"weight": np.array([0.1, 0.1]).reshape(1, 2, 1, 1), "inhibition": np.array([1.0])}
    assert run(SCell((1, 2), 1), w, x).tolist() == [[[[0.0]]]]


@row(93)
@pytest.mark.parametrize("selectivity", [0.5, 4.0])
def test_with_strong_reinforcement_it_answers_to_the_angle_alone(selectivity: float) -> None:
    """max(0, (cos - t) / (1 - t)), t = q / (1 + q), however bright the window is."""
    g, size = 1e9, 12
    seeds = W.reshape(size, 4)
    lengths = np.linalg.norm(seeds, axis=0)
    w = {"weight": g * W / size, "inhibition": g * lengths / (2 * size**0.5)}
    seen = windows_of(X, 2)
    cosines = seen @ seeds / (np.linalg.norm(seen, axis=-1, keepdims=True) * lengths)
    t = selectivity / (1 + selectivity)
    expected = np.maximum(0, (cosines - t) / (1 - t))
    assert (expected == 0).any() or selectivity < 1
    for brightness in (1, 7):
        found = run(SCell(2, 4, selectivity=selectivity), w, brightness * X)
        np.testing.assert_allclose(found, expected, atol=1e-6)


# ------------------------------------------------------------------------------------ cosines and distances


@row(10)
def test_normalised_correlation_is_the_cosine_of_the_angle() -> None:
    found = run(Cosine(2, 4), {"weight": W}, X)
    seen = windows_of(X, 2).reshape(-1, 12)
    expected = 1 - cdist(seen, W.reshape(12, 4).T, "cosine")
    np.testing.assert_allclose(found.reshape(-1, 4), expected, rtol=1e-12)
    np.testing.assert_allclose(found, normalised_correlation(X, W), rtol=1e-6)


@row(10)
@pytest.mark.parametrize("scale", [1e-30, 1e-19, 1e19, 1e38])
def test_the_angle_does_not_depend_on_how_bright_all_is(scale: float) -> None:
    rng = np.random.default_rng(3)
    x, w = (rng.uniform(-0.5, 1.5, shape).astype(np.float32) for shape in ((2, 6, 5, 2), (3, 3, 2, 4)))
    bright, weight = x * np.float32(scale), w * np.float32(scale)
    net = kitnet.parse("6x5x2 -> cosine3-4")
    net.weights["cosine1.weight"][...] = weight
    want = normalised_correlation(x.astype(np.float64), w.astype(np.float64))
    for found in (
        net(bright),
        net.compile(2)(bright),
        normalised_correlation(bright, weight),
        normalised_correlation(bright, weight, engine="formula"),
    ):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, want, rtol=0, atol=1e-6)


def test_what_is_dark_is_like_nothing() -> None:
    assert run(Cosine(2, 4), {"weight": W}, 0 * X).max() == 0
    assert run(Cosine(2, 4), {"weight": 0 * W}, X).max() == 0


@row(94)
def test_a_patch_is_a_gaussian_of_its_distance() -> None:
    found = run(Patch(2, 4, sharpness=0.7), {"weight": W}, X)
    distances = cdist(windows_of(X, 2).reshape(-1, 12), W.reshape(12, 4).T, "sqeuclidean")
    np.testing.assert_allclose(found.reshape(-1, 4), np.exp(-0.7 * distances), rtol=1e-9)


@row(94)
def test_of_a_sparse_patch_only_the_marked_numbers_count() -> None:
    mask = (W.max(2, keepdims=True) == W).astype(float)  # the strongest map at each position
    found = run(Patch(2, 4, sparse=True), {"weight": W, "mask": mask}, X)
    seen = windows_of(X, 2).reshape(-1, 12)
    for k in range(4):
        counts = mask[..., k].ravel() == 1
        assert counts.sum() == 4
        distance = ((seen[:, counts] - W[..., k].ravel()[counts]) ** 2).sum(1)
        np.testing.assert_allclose(found.reshape(-1, 4)[:, k], np.exp(-distance), rtol=1e-9)


# --------------------------------------------------------------------------------- inhibition and thresholds


@row(94)
def test_inhibition_by_hand() -> None:
    """The span of 1 to 5 has its middle at 3; 0.9 of it at 4.6."""
    x = np.array([[1.0, 2.9, 3.0, 5.0]])
    assert run(Inhibition(), {}, x).tolist() == [[0, 0, 3, 5]]
    assert run(Inhibition(0.9), {}, x).tolist() == [[0, 0, 0, 5]]
    assert run(Inhibition(0), {}, x).tolist() == x.tolist()


def test_each_map_has_its_own_threshold_and_nothing_goes_back() -> None:
    x = np.array([[[0.4, 0.4], [0.5, 0.7]]])
    w = {"threshold": np.array([0.5, 0.6])}
    assert run(Step(), w, x).tolist() == [[[0, 0], [1, 1]]]
    back = Step().backward(w, Kept((x.shape,), wants=(True,)), np.ones_like(x))
    assert back.dx == (None,)
    assert back.dw["threshold"].tolist() == [0, 0]


# -------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            "8x8x1 -> scell3-4 selectivity=0",
            "scell1: a selectivity of 0 is not possible; use a number above 0, such as 4",
        ),
        ("8x8x1 -> scell3-0", "scell1: 0 filters are not possible; use 1 or more"),
        ("8x8x1 -> cosine3-0", "cosine1: 0 filters are not possible; use 1 or more"),
        (
            "8x8x1 -> patch3-4 sharpness=-1",
            "patch1: a sharpness of -1 is not possible; use a number above 0, such as 1",
        ),
        ("8x8x1 -> inhibit share=2", "inhibit1: a share of 2 is not possible; use a number from 0 to 1"),
    ],
)
def test_what_is_not_possible(line: str, text: str) -> None:
    with pytest.raises((kitnet.KitnetError, LanguageError)) as caught:
        kitnet.parse(line)
    assert str(caught.value) == text


def test_connections_and_multiply_adds() -> None:
    """4x3 positions of 2x2x3 numbers in 5 filters; an S cell has its inhibition besides."""
    for word, connections in (("scell", 5 * 12 * 13), ("cosine", 5 * 12 * 12), ("patch", 5 * 12 * 12)):
        (found,) = kitnet.parse(f"5x4x3 -> {word}2-5").ledger().rows
        assert (found.connections, found.multiply_adds) == (connections, 5 * 12 * 12)
