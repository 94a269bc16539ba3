"""What teaching material says of pooling, row by row: its numbers, or SciPy, or the definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from catalogue import row
from scipy import ndimage, signal

import kitnet
from kitnet.base.shape import say, slide
from kitnet.base.spec import Array
from kitnet.data.digits import read_digits
from kitnet.functional import max_pool, mean_pool
from kitnet.layers.window import windows
from kitnet.net import Net

IMAGE = np.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
DY = np.array([[1.0, 2], [3, 4]])


def net(word: str, x: Array) -> Net:
    return kitnet.parse(f"{say(x.shape)}x1 -> {word}").initialise(0, np.float64)


def pooled(word: str, x: Array) -> Array:
    """One map through a line."""
    return net(word, x)(x[None, ..., None])[0, ..., 0]  # type: ignore[call-overload]


def sent_back(word: str, x: Array, dy: Array) -> Array:
    return net(word, x).tape(x[None, ..., None]).backward(dy[None, ..., None])["input"][0, ..., 0]


@row(36)
@pytest.mark.parametrize(("size", "window", "stride", "times"), [(224, 2, 2, 1), (55, 3, 2, 2.17)])
def test_pooling_is_a_maximum_over_the_columns_of_im2col(
    size: int, window: int, stride: int, times: float
) -> None:
    """Windows side by side repeat no value, overlapping ones do."""
    x = np.random.default_rng(0).standard_normal((1, size, size, 3))
    view = windows(x, slide((size, size, 3), window, stride))
    columns = view.reshape(-1, window * window, 3)
    assert round(columns.size / x.size, 2) == times
    y = max_pool(x, window, stride=stride)
    assert np.array_equal(columns.max(1), y.reshape(-1, 3))
    assert np.allclose(
        columns.mean(1), mean_pool(x, window, stride=stride).reshape(-1, 3), rtol=0, atol=1e-15
    )


@row(51)
def test_mean_pooling_back_is_a_convolution_with_quarters_and_a_kronecker_product() -> None:
    quarters = np.full((2, 2), 0.25)
    dx = sent_back("meanpool2", IMAGE, DY)
    assert np.array_equal(dx, np.kron(DY, quarters))
    spread = np.zeros((3, 3))
    spread[::2, ::2] = DY  # as far apart as windows are
    assert np.array_equal(dx, signal.convolve2d(spread, quarters, "full"))
    overlapping = sent_back("meanpool2/1", np.zeros((3, 3)), DY)
    assert np.array_equal(overlapping, signal.convolve2d(DY, quarters, "full"))


@row(51)
def test_the_way_back_through_a_subsampling_and_an_activation() -> None:
    """delta = beta (f' * up(delta)), with up() a Kronecker product."""
    below = net("tanh -> subsample2", IMAGE / 4)
    below.weights["subsample1.coefficient"][...] = 3
    tape = below.tape(IMAGE[None, ..., None] / 4)
    delta = tape.backward(DY[None, ..., None])["input"][0, ..., 0]
    slope = 1 - np.tanh(IMAGE / 4) ** 2
    assert np.allclose(delta, 3 * slope * np.kron(DY, np.ones((2, 2))), rtol=1e-14)


@row(53)
def test_l2_pooling_back_leads_through_a_root_a_sum_and_squares() -> None:
    y = pooled("normpool2", IMAGE)
    assert np.array_equal(y, np.sqrt(pooled("sumpool2", IMAGE**2)))
    through_the_root = DY / (2 * y)
    through_the_sum = sent_back("sumpool2", IMAGE**2, through_the_root)
    dx = sent_back("normpool2", IMAGE, DY)
    assert np.allclose(dx, 2 * IMAGE * through_the_sum, rtol=1e-15)
    assert np.allclose(dx, sent_back("squarepool2", IMAGE, through_the_root), rtol=1e-15)


@row(58)
def test_means_keep_the_ground_and_maxima_the_texture() -> None:
    """Noise is averaged by a mean: a quarter of the variance is left, and the ground is where it was. A
    maximum of four is 1.03 deviations above it, but a bright point comes through whole, of which a mean
    leaves a quarter."""
    assert pooled("meanpool2", IMAGE).tolist() == [[3.25, 5.25], [2, 2]]
    noise = np.random.default_rng(0).standard_normal((200, 200))
    mean, most = pooled("meanpool2", noise), pooled("maxpool2", noise)
    assert mean.mean() == pytest.approx(noise.mean(), abs=1e-12)
    assert mean.var() == pytest.approx(0.25, abs=0.02)
    assert most.mean() == pytest.approx(1.029, abs=0.03)
    point = np.zeros((4, 4))
    point[1, 2] = 8
    assert (pooled("meanpool2", point).max(), pooled("maxpool2", point).max()) == (2, 8)


@row(59)
def test_l2_and_square_pooling() -> None:
    x = np.array([[3.0, 4], [0, 0]])
    assert [pooled(f"{word}pool2", x).item() for word in ("norm", "square", "sum")] == [5, 25, 7]
    x = np.random.default_rng(0).standard_normal((6, 9))
    want = [[np.linalg.norm(x[i : i + 2, j : j + 3]) for j in range(0, 9, 3)] for i in range(0, 6, 2)]
    assert np.allclose(pooled("normpool2x3", x), want, rtol=1e-15)


@row(60)
def test_stochastic_pooling_draws_in_training_and_weighs_in_evaluation() -> None:
    """Of 20,000 windows 1 2 3 4 tenths draw each number, within four deviations."""
    x = np.tile(np.array([[1.0, 2], [3, 4]])[..., None], (20_000, 1, 1, 1))
    stochastic = kitnet.parse("2x2x1 -> stochasticpool2").initialise(0, np.float64)
    drawn = stochastic.tape(x, train=True).output.ravel()
    for number in (1, 2, 3, 4):
        p = number / 10
        assert abs((drawn == number).mean() - p) < 4 * (p * (1 - p) / drawn.size) ** 0.5
    assert pooled("stochasticpool2", x[0, ..., 0]).item() == pytest.approx((1 + 4 + 9 + 16) / 10)
    assert pooled("meanpool2", x[0, ..., 0]).item() == 2.5  # between the mean and the maximum


@row(61)
def test_overlapping_windows() -> None:
    assert kitnet.parse("55x55x96 -> maxpool3/2").output_shape == (27, 27, 96)
    assert kitnet.parse("54x54x96 -> maxpool2/2").output_shape == (27, 27, 96)
    x = np.arange(25.0).reshape(5, 5)
    assert pooled("maxpool3/2", x).tolist() == [[12, 14], [22, 24]]
    assert pooled("meanpool3/2", x).tolist() == [[6, 8], [16, 18]]
    assert sent_back("sumpool3/2", x, np.ones((2, 2)))[2].tolist() == [2, 2, 4, 2, 2]


@row(62)
@pytest.mark.parametrize("how", ["4x5", " regions=2x2", " regions=2"])
def test_disjoint_regions(how: str) -> None:
    x = np.random.default_rng(0).standard_normal((8, 10))
    regions = x.reshape(2, 4, 2, 5)
    assert np.array_equal(pooled(f"maxpool{how}", x), regions.max((1, 3)))
    assert np.allclose(pooled(f"meanpool{how}", x), regions.mean((1, 3)), rtol=0, atol=1e-15)


@row(63)
def test_the_shape_of_a_pool() -> None:
    net = kitnet.parse("224x224x64 -> maxpool2/2")
    assert net.output_shape == (112, 112, 64)
    assert net.ledger().totals["parameters"] == 0


def _change(maps: Array, moved: Array, word: str) -> float:
    """How far what is pooled differs when the image is moved, relative to its size."""
    line = kitnet.parse(f"{say(maps.shape[1:])} -> {word}").initialise(0, np.float64)
    before, after = line(maps), line(moved)
    return float(np.linalg.norm(after - before) / np.linalg.norm(before))  # type: ignore[operator]


MOVES = {
    "shift": lambda image: np.roll(image, 1, 1),
    **{
        f"rotation {angle}": lambda image, angle=angle: ndimage.rotate(image, angle, reshape=False, order=1)
        for angle in (5, 10)
    },
}
WORDS = ("identity", "maxpool2", "maxpool4", "maxpool global")


@row(64)
@pytest.mark.parametrize(
    ("move", "measured"),
    [
        ("shift", [0.82, 0.54, 0.21, 0]),  # by one pixel of eight
        ("rotation 5", [0.41, 0.16, 0.12, 0.06]),  # degrees
        ("rotation 10", [0.47, 0.27, 0.18, 0.09]),
    ],
)
def test_small_shifts_and_rotations_change_less_of_what_is_pooled(move: str, measured: list[float]) -> None:
    """Measured on fifty digits: the wider the windows, the less is left of the change."""
    _, (images, _) = read_digits()
    images = images[:50].astype(float)
    moved = np.stack([MOVES[move](image) for image in images])
    assert [_change(images, moved, word) for word in WORDS] == pytest.approx(measured, abs=0.01)
    assert measured == sorted(measured, reverse=True)


@row(139)
def test_pooling_of_one_axis() -> None:
    assert kitnet.parse("32x3 -> maxpool2").output_shape == (16, 3)
    x = np.random.default_rng(0).standard_normal((1, 32, 3))
    assert np.array_equal(max_pool(x, 2), x.reshape(1, 16, 2, 3).max(2))
    assert np.allclose(mean_pool(x, 2), x.reshape(1, 16, 2, 3).mean(2), rtol=0, atol=1e-15)
    assert math.prod(max_pool(x, 2).shape) == 48
