import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from kitnet.base.error import DataError
from kitnet.data import Dataset, Preparation
from kitnet.data.source import CHUNK

PICTURES = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3])),
)
INPUTS = st.tuples(st.integers(1, 12), st.integers(1, 12), st.sampled_from([1, 3]))
EVERY_TIME = settings(derandomize=True, deadline=None)


def dataset(images):
    return Dataset("mine", images, np.zeros(len(images), int), ("0",))


def draw(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def plain(shape, resize):
    """The preparation that leaves pixel / 255."""
    return Preparation(shape, resize, (0.0,) * shape[2], (1.0,) * shape[2])


def refusal(call, *arguments):
    with pytest.raises(DataError) as caught:
        call(*arguments)
    return str(caught.value)


@given(images=PICTURES, shape=INPUTS)
@EVERY_TIME
def test_the_training_pictures_come_out_standard(images, shape):
    x = Preparation.fitted(dataset(images), shape).prepare(images)
    assert x.dtype == np.float32 and x.shape == (len(images), *shape)
    np.testing.assert_allclose(x.mean(axis=(0, 1, 2), dtype=float), 0, atol=1e-4)
    deviation = x.std(axis=(0, 1, 2), dtype=float)
    assert all(abs(d - 1) < 1e-4 or d == 0 for d in deviation)


@given(images=PICTURES, shape=INPUTS)
@EVERY_TIME
def test_a_picture_is_prepared_alone_as_among_others(images, shape):
    preparation = Preparation.fitted(dataset(images), shape)
    together = preparation.prepare(images)
    for image, x in zip(images, together, strict=True):
        np.testing.assert_array_equal(preparation.prepare(image[None])[0], x)


@given(images=PICTURES, shape=INPUTS)
@EVERY_TIME
def test_json_gives_the_very_same(images, shape):
    preparation = Preparation.fitted(dataset(images), shape)
    assert Preparation.from_json(json.loads(json.dumps(preparation.to_json()))) == preparation


def test_many_pictures_are_prepared_in_pieces():
    images = draw(CHUNK + 3, 2, 2, 1)
    preparation = Preparation.fitted(dataset(images), (2, 2, 1))
    assert preparation.mean == (pytest.approx(images.mean() / 255, rel=1e-12),)
    assert preparation.std == (pytest.approx(images.std() / 255, rel=1e-12),)
    expected = ((images / 255 - images.mean() / 255) / (images.std() / 255)).astype(np.float32)
    np.testing.assert_allclose(preparation.prepare(images), expected, rtol=1e-6, atol=1e-6)


def test_each_channel_has_its_own_mean_and_std():
    images = draw(5, 4, 4, 3) // np.array([1, 2, 4], np.uint8)
    preparation = Preparation.fitted(dataset(images), (4, 4, 3))
    np.testing.assert_allclose(preparation.mean, images.mean(axis=(0, 1, 2)) / 255)
    np.testing.assert_allclose(preparation.std, images.std(axis=(0, 1, 2)) / 255)


def test_a_constant_channel():
    images = np.full((2, 3, 3, 1), 51, np.uint8)
    preparation = Preparation.fitted(dataset(images), (3, 3, 1))
    assert (preparation.mean, preparation.std) == ((0.2,), (1.0,))
    assert not preparation.prepare(images).any()


def test_padding_and_cropping_are_central():
    images = draw(2, 28, 28, 1)
    padded = Preparation.fitted(dataset(images), (32, 32, 1))
    assert padded.resize == (28, 28)
    x = plain((32, 32, 1), (28, 28)).prepare(images)
    np.testing.assert_array_equal(
        x, np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0))).astype(np.float32) / np.float32(255)
    )
    x = plain((24, 25, 1), (28, 28)).prepare(images)
    np.testing.assert_array_equal(x, images[:, 2:26, 1:26].astype(np.float32) / np.float32(255))
    x = plain((31, 24, 1), (28, 28)).prepare(images)
    assert not x[:, 0].any() and not x[:, 29:].any() and x[:, 1].any() and x[:, 28].any()


def test_what_is_near_enough_is_not_resized():
    images = draw(1, 24, 24, 1)
    for size, resized in ((18, False), (17, True), (32, False), (33, True)):
        expected = (size, 24) if resized else (24, 24)
        assert Preparation.fitted(dataset(images), (size, 24, 1)).resize == expected


def test_resizing_is_pillows():
    images = draw(2, 8, 9, 3)
    x = plain((32, 20, 3), (32, 20)).prepare(images)
    for image, pixels in zip(images, x, strict=True):
        expected = np.asarray(Image.fromarray(image).resize((20, 32), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(np.round(pixels * 255), expected)


@pytest.mark.parametrize("size", [(57, 41), (300, 7), (41, 57), (9, 200)])
def test_rows_are_resized_before_columns(size):
    """Whatever the order of this version of Pillow, which decides the last bit of a pixel."""
    (image,) = draw(1, *size)
    rows = Image.fromarray(image).resize((20, size[0]), Image.Resampling.BILINEAR)
    expected = np.asarray(rows.resize((20, 21), Image.Resampling.BILINEAR))
    found = plain((21, 20, 1), (21, 20)).placed(image[None, ..., None])
    np.testing.assert_array_equal(found[0, ..., 0], expected)


def test_a_picture_of_another_size_is_first_brought_to_that_of_the_set():
    preparation = plain((32, 32, 1), (28, 28))
    white = np.full((1, 280, 280, 1), 255, np.uint8)
    x = preparation.prepare(white)
    np.testing.assert_array_equal(x, preparation.prepare(white[:, :28, :28]))
    assert x[0, 2:30, 2:30].all() and x.sum() == 28 * 28


def test_colour_to_grey_is_pillows():
    images = draw(1, 200, 200, 3)
    x = plain((200, 200, 1), (200, 200)).prepare(images)
    np.testing.assert_array_equal(
        np.round(x[0, ..., 0] * 255), np.asarray(Image.fromarray(images[0]).convert("L"))
    )


def test_grey_to_colour_repeats():
    images = draw(2, 5, 5, 1)
    preparation = Preparation((5, 5, 3), (5, 5), (0.0, 0.5, 0.0), (1.0, 1.0, 2.0))
    x = preparation.prepare(images)
    grey = images[..., 0].astype(np.float64) / 255
    np.testing.assert_array_equal(x, np.stack([grey, grey - 0.5, grey / 2], -1).astype(np.float32))
    assert len(set(Preparation.fitted(dataset(images), (5, 5, 3)).mean)) == 1


def test_the_pictures_are_left_as_they_were():
    images = draw(2, 5, 5, 1)
    before = images.copy()
    Preparation.fitted(dataset(images), (5, 5, 1)).prepare(images)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize(
    "shape", [(28, 28), (120,), (28, 28, 2), (0, 28, 1), (20000, 1, 1), (True, 1, 1), (1.5, 1, 1)]
)
def test_inputs_that_are_no_pictures(shape):
    said = "x".join(map(str, shape))
    told = f"preparation: pictures do not fit an input of {said}; expected height x width x 1 or 3 channels"
    told += "; for grey pictures write 28x28x1" if said == "28x28" else ""
    assert refusal(Preparation.fitted, dataset(draw(1, 4, 4, 1)), shape) == told
    assert refusal(Preparation, shape, (4, 4), (0.0,), (1.0,)) == told


def test_what_prepare_refuses():
    preparation = plain((4, 4, 1), (4, 4))
    assert refusal(preparation.prepare, draw(4, 4, 1)) == (
        "preparation: pictures of shape 4x4x1; expected number x height x width x 1 or 3 channels"
    )
    assert refusal(preparation.prepare, np.zeros((1, 4, 4, 1))) == (
        "preparation: pixels of type float64; pictures must be unsigned bytes, 0 to 255"
    )


GOOD = {"input": [4, 4, 3], "resize": [4, 4], "mean": [0.1, 0.2, 0.3], "std": [1.0, 1, 0.5]}
NUMBERS = "expected 3 numbers, -1e12 to 1e12"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"input": [4, 4, 2]},
            "pictures do not fit an input of 4x4x2; expected height x width x 1 or 3 channels",
        ),
        (
            {"input": ["4", 4, 3]},
            "pictures do not fit an input of 4x4x3; expected height x width x 1 or 3 channels",
        ),
        ({"resize": [4]}, "'resize' is (4,); expected height and width, 1 to 16384"),
        ({"resize": [4, 0]}, "'resize' is (4, 0); expected height and width, 1 to 16384"),
        ({"resize": [4, 16385]}, "'resize' is (4, 16385); expected height and width, 1 to 16384"),
        ({"resize": None}, "'resize' is None; expected a list of numbers"),
        ({"mean": [0.1]}, f"'mean' is (0.1,); {NUMBERS}"),
        ({"mean": [0, 0, float("nan")]}, f"'mean' is (0, 0, nan); {NUMBERS}"),
        ({"mean": [0, 0, "0"]}, f"'mean' is (0, 0, '0'); {NUMBERS}"),
        ({"mean": [0, 0, 10**400]}, f"'mean' is (0, 0, 1{'0' * 400}); {NUMBERS}"),
        ({"std": [1, 1, float("inf")]}, f"'std' is (1, 1, inf); {NUMBERS}"),
        ({"std": [1, 1, False]}, f"'std' is (1, 1, False); {NUMBERS}"),
        ({"std": [1, 1, 0.0]}, "'std' is (1, 1, 0.0); expected numbers of 1e-12 or more"),
        ({"stt": [1]}, "unknown field 'stt' (did you mean 'std'?); known: input, resize, mean, std"),
    ],
)
def test_what_from_json_refuses(changed, reason):
    assert Preparation.from_json(GOOD).std == (1.0, 1, 0.5)
    assert refusal(Preparation.from_json, GOOD | changed) == f"preparation: {reason}"


def test_json_of_another_kind():
    assert (
        refusal(Preparation.from_json, [1])
        == "preparation: it is [1]; expected a mapping with input, resize, mean, std"
    )
    less = {name: value for name, value in GOOD.items() if name != "mean"}
    assert refusal(Preparation.from_json, less) == "preparation: the field 'mean' is missing"
