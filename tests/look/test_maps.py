"""Maps and strips: pixels that are the numbers."""

import io

import numpy as np
import pytest
from catalogue import row
from PIL import Image

import kitnet
from kitnet.base.error import KitnetError
from kitnet.look import Probe, columns_of, filters_of, filters_sheet, maps_of, maps_sheet, png, strip
from kitnet.look.maps import sheet
from kitnet.look.strip import paths_of


@pytest.fixture(scope="module")
def inside():
    net = kitnet.parse("8x8x3 -> conv3-12 same -> relu -> maxpool2 -> fc5 -> softmax").initialise(3)
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Probe(net, engine="formula")(image)


def test_a_map_is_shaded_between_the_smallest_and_the_largest_number(inside):
    values = inside.values["conv1"]
    found = maps_of(values)
    assert (found.low, found.high, found.left_out) == (values.min(), values.max(), 0)
    assert found.images.shape == (12, 8, 8)
    share = (values[2, 5, 7] - found.low) / (found.high - found.low)
    assert found.images[7, 2, 5] == round(255 * float(share))
    assert found.images.min() == 0 and found.images.max() == 255
    assert maps_of(values, 5).left_out == 7


@pytest.mark.parametrize(
    ("shape", "planes"), [((4,), (4, 1, 1)), ((6, 4), (4, 6, 1)), ((2, 3, 5, 4), (4, 6, 5))]
)
def test_values_of_any_rank(shape, planes):
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    found = maps_of(values)
    assert found.images.shape == planes
    assert found.images[3, -1, -1] == 255 and found.images[0, 0, 0] == 0


def test_what_is_the_same_everywhere_is_grey():
    assert (maps_of(np.full((2, 2, 3), 7.0)).images == 128).all()


def test_a_sheet_holds_each_picture_once_enlarged():
    images = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4) * 5
    pixels = sheet(images, "three", columns=2)
    factor = 24
    large = images.repeat(factor, 1).repeat(factor, 2)
    for image in large:
        windows = np.lib.stride_tricks.sliding_window_view(pixels[..., 0], image.shape)[::1, ::1]
        first = np.argwhere(windows[:, :, 0, 0] == image[0, 0])
        assert sum(np.array_equal(pixels[y : y + 96, x : x + 96, 1], image) for y, x in first) == 1


def test_titles_are_written(inside):
    found = maps_of(inside.values["conv1"])
    dark = [(sheet(found.images, title)[:14, :100] < 90).sum() for title in ("conv1: 8x8x12", "c", "")]
    assert dark[0] > dark[1] > dark[2] == 0
    assert found.range == f"black {found.low:.4g}, white {found.high:.4g}"


def test_a_png_holds_the_pixels(inside):
    pixels = maps_sheet(maps_of(inside.values["relu1"]), "relu1")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(pixels)))), pixels)


def test_filters_of_any_layer():
    net = kitnet.parse("8x8x3 -> conv3-4 -> relu -> conv3-5 -> flatten -> fc6 -> fc2")
    weight = net.weights["conv2.weight"]
    found = filters_of(net, "conv2")
    assert (found.images.shape, found.planes) == ((20, 3, 3, 1), 4)
    expected = np.rint(128 + 127 * weight[..., 1, 3] / np.abs(weight).max())
    assert np.array_equal(found.images[3 * 4 + 1, ..., 0], expected)
    found = filters_of(net, "fc1")  # templates of the maps that it reads, behind flatten
    assert (found.images.shape, found.planes) == ((30, 4, 4, 1), 5)
    found = filters_of(net, "fc2")  # one picture, a row a unit
    assert (found.images.shape, found.planes) == ((1, 2, 6, 1), 1)
    assert filters_of(net, "conv1").images.shape == (4, 3, 3, 3)
    assert filters_sheet(filters_of(net, "conv2"), "conv2").shape[2] == 3


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        ("conv9", "the network has no layer 'conv9' (did you mean 'conv1'?)"),
        ("relu1", "relu1: relu has no filters of pictures; conv, transposed and fc have"),
        ("input", "input: an operand has no filters of pictures; conv, transposed and fc have"),
    ],
)
def test_layers_without_filters(layer, text):
    net = kitnet.parse("8x8x3 -> conv3-4 -> relu -> fc2")
    with pytest.raises(KitnetError) as error:
        filters_of(net, layer)
    assert str(error.value) == text


@row(133)
def test_a_strip_has_a_column_for_each_layer(inside):
    found = columns_of(inside)
    assert [column.path for column in found] == ["input", "conv1", "relu1", "maxpool1", "fc1", "softmax1"]
    picture, conv, *_, scores = found
    assert picture.images.shape == (1, 8, 8, 3)  # in its colours
    assert conv.images.shape == (10, 8, 8) and conv.maps == 12
    assert np.array_equal(conv.images, maps_of(inside.values["conv1"], 10).images)
    assert scores.images.shape == (1, 5, 1)
    assert scores.images[0].argmax() == inside.scores.argmax()
    assert strip(inside).dtype == np.uint8


def test_a_long_strip_shows_what_activations_and_norms_made():
    line = "16x16x3 -> [conv3-4 same -> batchnorm -> relu]*9 -> meanpool global -> flatten -> fc3"
    paths = paths_of(kitnet.parse(line).graph)
    assert paths == [*(f"relu{i}" for i in range(1, 10)), "meanpool1", "fc1"]
