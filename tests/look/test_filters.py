"""First-layer filters: pixels that are the weights."""

import numpy as np
import pytest

import kitnet
from kitnet.look import first_filters
from kitnet.look.filters import grid


def weights_of(line, path, values):
    net = kitnet.parse(line)
    net.weights[f"{path}.weight"][...] = values
    return net


def test_grey_filters():
    values = np.linspace(-1, 2, 3 * 3 * 1 * 4).reshape(3, 3, 1, 4)
    found = first_filters(weights_of("8x8x1 -> conv3-4 -> relu -> fc10", "conv1", values))
    assert (found.path, found.images.shape, found.largest, found.left_out) == ("conv1", (4, 3, 3, 1), 2, 0)
    for k in range(4):
        for r in range(3):
            for s in range(3):
                assert found.images[k, r, s, 0] == round(128 + 127 * values[r, s, 0, k] / 2)
    assert found.images.max() == 255 and found.images.min() == 64  # -1 of 2 at most: 128 - 63.5, to the even


def test_colours_and_other_depths():
    values = np.random.default_rng(0).standard_normal((2, 2, 3, 5))
    found = first_filters(weights_of("8x8x3 -> conv2-5 -> fc10", "conv1", values))
    assert found.images.shape == (5, 2, 2, 3)
    wide = np.random.default_rng(0).standard_normal((2, 2, 2, 5)).astype(np.float32)
    found = first_filters(weights_of("8x8x2 -> conv2-5 -> fc10", "conv1", wide))
    assert found.images.shape == (10, 2, 2, 1)
    expected = np.rint(128 + 127 * wide[..., 1, 3] / np.abs(wide).max())
    assert np.array_equal(found.images[2 * 3 + 1, ..., 0], expected)  # channel 1 of filter 3


def test_a_linear_layer_has_templates():
    values = np.random.default_rng(1).standard_normal((3 * 2 * 1, 4)).astype(np.float32)
    found = first_filters(weights_of("3x2x1 -> fc4", "fc1", values))
    assert (found.path, found.images.shape) == ("fc1", (4, 3, 2, 1))
    assert found.images[2, 1, 0, 0] == np.rint(128 + 127 * values[1 * 2 + 0, 2] / np.abs(values).max())


def test_what_stands_before_the_first_filters():
    assert first_filters(kitnet.parse("8x8x1 -> batchnorm -> tanh -> conv3-4 -> fc10")).path == "conv1"
    assert first_filters(kitnet.parse("8x8x1 -> meanpool global -> relu")) is None
    assert first_filters(kitnet.parse("12x3 -> conv3-4 -> fc2")) is None


def test_turned_filters_are_shown_as_they_are_correlated():
    values = np.arange(9.0).reshape(3, 3, 1, 1)
    net = weights_of("8x8x1 -> conv3-1 flip=yes -> fc10", "conv1", values)
    assert first_filters(net).images[0, 0, 0, 0] == 255  # the last weight, 8, comes first


def test_weights_of_zero_are_grey():
    found = first_filters(weights_of("8x8x1 -> conv3-2 -> fc10", "conv1", 0))
    assert (found.images == 128).all() and found.largest == 0


def test_of_many_the_first_are_shown():
    found = first_filters(kitnet.parse("8x8x1 -> conv3-6 -> fc10"), most=4)
    assert (len(found.images), found.left_out) == (4, 2)


@pytest.mark.parametrize("n", [1, 3, 4, 7])
def test_a_grid_holds_each_picture_once(n):
    images = np.random.default_rng(n).integers(0, 250, (n, 2, 5, 3), np.uint8)
    sheet = grid(images, 3)
    rows, columns = -(-n // 3), min(n, 3)
    assert sheet.shape == (3 * rows - 1, 6 * columns - 1, 3)
    for i in range(n):
        y, x = 3 * (i // 3), 6 * (i % 3)
        assert np.array_equal(sheet[y : y + 2, x : x + 5], images[i])
    assert (sheet == 255).all(2).sum() == sheet[..., 0].size - n * 10  # all else is white
