"""Local response and contrast normalisation against their definitions and hand-made numbers, and what they
refuse."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from catalogue import row

import kitnet
from kitnet.base.error import ShapeError
from kitnet.layers import Context, ContrastNorm, LocalResponseNorm


def krizhevsky(
    a: np.ndarray, k: float = 2.0, n: int = 5, alpha: float = 1e-4, beta: float = 0.75
) -> np.ndarray:
    """Krizhevsky, Sutskever & Hinton 2012, section 3.3, as it is printed: i runs over N maps."""
    b, maps = np.empty_like(a), a.shape[-1]
    for i in range(maps):
        near = range(max(0, i - n // 2), min(maps - 1, i + n // 2) + 1)
        b[..., i] = a[..., i] / (k + alpha * sum(a[..., j] ** 2 for j in near)) ** beta
    return b


def both(line: str, x: np.ndarray) -> list[np.ndarray]:
    """What the formula and the compiled plan give."""
    net = kitnet.parse(line).initialise(0)
    return [net.tape(x).output, net.compile(len(x))(x)]


@row(67)
def test_across_maps_it_is_krizhevskys_formula_with_his_numbers() -> None:
    """A word alone has the paper's k = 2, n = 5, alpha = 1e-4 and beta = 0.75."""
    a = np.abs(100 * np.random.default_rng(0).standard_normal((3, 4, 5, 12), np.float32))
    for y in both("4x5x12 -> lrn", a):
        np.testing.assert_allclose(y, krizhevsky(a.astype(float)), rtol=1e-5)
    layer = LocalResponseNorm()
    assert (layer.k, layer.size, layer.alpha, layer.beta) == (2, 5, 1e-4, 0.75)


@row(67)
def test_numbers_of_the_formula() -> None:
    """Seven maps of 100 each: five squares in the middle, four beside the end, three at the end; 10^-4 of
    them are 5, 4 and 3."""
    for y in both("2x2x7 -> lrn", np.full((1, 2, 2, 7), 100, np.float32)):
        ends = [100 / (2 + squares) ** 0.75 for squares in (3, 4, 5, 5, 5, 4, 3)]
        np.testing.assert_allclose(y[0, 1, 1], ends, rtol=1e-6)
        np.testing.assert_allclose(y[0, 0, 0, :3], [29.907, 26.085, 23.237], atol=5e-4)


def test_other_libraries_divide_alpha_by_the_window() -> None:
    """Caffe's and PyTorch's lrn of alpha 1e-4 over 5 maps with k = 1."""
    x = 50 * np.random.default_rng(1).standard_normal((2, 3, 3, 8))
    theirs = np.empty_like(x)
    for i in range(8):
        mean = (x[..., max(i - 2, 0) : i + 3] ** 2).sum(-1) / 5
        theirs[..., i] = x[..., i] / (1 + 1e-4 * mean) ** 0.75
    np.testing.assert_allclose(
        LocalResponseNorm(5, alpha=1e-4 / 5, k=1.0).forward({}, {}, Context(), x).y, theirs
    )


def cuda_convnet(x: np.ndarray, kind: str, size: int, scale: float, power: float) -> np.ndarray:
    """The normalisation layers of cuda-convnet: its `scale` is divided by the numbers of a whole window."""
    _, height, width, maps = x.shape
    m = np.empty_like(x)
    for i, j in itertools.product(range(height), range(width)):
        near = x[:, max(i - size // 2, 0) : i + size // 2 + 1, max(j - size // 2, 0) : j + size // 2 + 1]
        m[:, i, j] = near.mean((1, 2))
    squares = (x - m) ** 2 if kind == "cnorm" else x**2
    y = np.empty_like(x)
    for i, j, f in itertools.product(range(height), range(width), range(maps)):
        reach = size // 2
        if kind == "cmrnorm":
            near, whole = squares[:, i, j, max(f - reach, 0) : f + reach + 1, None], size
        else:
            near, whole = (
                squares[:, max(i - reach, 0) : i + reach + 1, max(j - reach, 0) : j + reach + 1, f],
                size**2,
            )
        y[:, i, j, f] = x[:, i, j, f] / (1 + scale / whole * near.sum((1, 2))) ** power
    return y


@row(67, 122)
@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("cmrnorm", "lrn3 alpha=0.1 beta=0.5 k=1.0"),
        ("rnorm", "lrn3 within alpha=0.03333333333333333 beta=0.5 k=1.0"),
        ("cnorm", "lrn3 contrast alpha=0.03333333333333333 beta=0.5 k=1.0"),
    ],
)
def test_the_normalisation_layers_of_cuda_convnet(kind: str, line: str) -> None:
    x = np.random.default_rng(2).standard_normal((2, 5, 4, 6), np.float32)
    for y in both(f"5x4x6 -> {line}", x):
        np.testing.assert_allclose(y, cuda_convnet(x.astype(float), kind, 3, 0.3, 0.5), rtol=0, atol=1e-6)


def test_a_flat_value_has_neighbours_too() -> None:
    x = np.random.default_rng(3).standard_normal((4, 9), np.float32)
    for y in both("9 -> lrn3 alpha=0.5", x):
        np.testing.assert_allclose(y, krizhevsky(x.astype(float), n=3, alpha=0.5), rtol=1e-6)


# Contrast


def test_an_even_image_has_no_contrast() -> None:
    """What rounding leaves of it is not made a contrast."""
    assert abs(ContrastNorm().forward({}, {}, Context(), np.full((1, 12, 12, 3), 0.7)).y).max() < 1e-11


def test_contrast_does_not_depend_on_brightness_nor_on_its_own_strength() -> None:
    """But for the floor, which is far below."""
    x = np.random.default_rng(4).standard_normal((2, 10, 9, 3))
    y = ContrastNorm(5).forward({}, {}, Context(), x).y
    np.testing.assert_allclose(ContrastNorm(5).forward({}, {}, Context(), 30 + 7 * x).y, y, atol=1e-12)
    assert 0.5 < y.std() < 1.1


def test_a_row_by_hand() -> None:
    """1, 0, 3, 0, 0 in windows of three in which a neighbour weighs half: the weighted means are 2/3, 1, 3/2,
    3/4, 0. The mean of the deviations, 0.853, divides at both ends."""
    sigma = (0.5 / np.log(2)) ** 0.5
    x = np.array([1.0, 0, 3, 0, 0]).reshape(1, 5, 1)
    v = np.array([1 / 3, -1, 3 / 2, -3 / 4, 0])
    square = v**2
    inside = (square[:-2] / 2 + square[1:-1] + square[2:] / 2) / 2
    ends = (square[0] + square[1] / 2) / 1.5, (square[4] + square[3] / 2) / 1.5
    deviation = np.sqrt([ends[0], *inside, ends[1]])
    assert 0.8526 < deviation.mean() < 0.8534
    want = v / np.maximum(deviation, deviation.mean())
    np.testing.assert_allclose(
        ContrastNorm(3, sigma).forward({}, {}, Context(), x).y.ravel(), want, atol=1e-14
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("4x4x8 -> lrn4", "lrn1: a window of 4 has no middle; use 5"),
        ("4x4x8 -> lrn0", "lrn1: a window of 0 has no middle; use 3"),
        (
            "4x4x8 -> lrn k=0.0",
            "lrn1: k=0 and alpha=0.0001 do not keep k + alpha * S above 0; "
            "use a k above 0 and an alpha of 0 or more",
        ),
        (
            "4x4x8 -> lrn alpha=-1.0",
            "lrn1: k=2 and alpha=-1 do not keep k + alpha * S above 0; "
            "use a k above 0 and an alpha of 0 or more",
        ),
        (
            "8 -> lrn within",
            "lrn1: a normalisation window slides over volumes such as 28x28x1, but its input is 8; "
            "put it before the layers that flatten",
        ),
        ("4x4x8 -> contrastnorm2", "contrastnorm1: a window of 2 has no middle; use 3"),
        (
            "4x4x8 -> contrastnorm floor=0.0",
            "contrastnorm1: sigma and floor have to be above 0; leave them out, or use such as 2.0 and 1e-4",
        ),
        (
            "8 -> contrastnorm",
            "contrastnorm1: a normalisation window slides over volumes such as 28x28x1, but its input is 8; "
            "put it before the layers that flatten",
        ),
    ],
)
def test_what_cannot_be(line: str, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        kitnet.parse(line)
    assert str(caught.value) == message
