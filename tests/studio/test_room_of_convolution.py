"""What the room of convolution is told: every number beside the plain functions and the definition."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

import kitnet
from kitnet.base.error import KitnetError
from kitnet.lab.image_filters import FILTERS
from kitnet.look import filtered
from kitnet.studio.asking import picture
from kitnet.studio.asking.body import BodyError
from kitnet.studio.asking.convolution import convolution, image_filters, photograph

ASKED = {
    **{"size": "5x5x3", "window": "3x3", "filters": 2, "stride": "2", "pad": "1", "dilation": "1"},
    **{"groups": 1, "misfit": "error", "flip": False, "seed": 0, "x": "", "w": "", "b": ""},
}
PHOTO = {"numbers": "0 0 0\n0 1 0\n0 0 0", "factor": 1, "bias": 0, "flip": False, "picture": ""}


def asked(**more):
    return convolution(ASKED | more)


def last_first(planes):
    """C planes (H,W) -> (H,W,C)."""
    return np.moveaxis(np.array(planes), 0, -1)


OPTIONS = [
    {},
    {"pad": "valid", "stride": "1"},
    {"pad": "same", "stride": "1", "flip": True},
    {"pad": "full", "stride": "1", "dilation": "2"},
    {"pad": "2:1x0", "stride": "2x1", "size": "6x4x2", "window": "3x2"},
    {"groups": 2, "size": "6x6x4", "filters": 4, "stride": "3", "misfit": "floor", "flip": True},
    {"size": "1x7x1", "window": "1x3", "stride": "1", "pad": "0", "filters": 1},
    {"stride": "3", "misfit": "crop"},
    {"stride": "3", "misfit": "ceil"},
]


@pytest.mark.parametrize("more", OPTIONS, ids=str)
def test_every_number_is_that_of_the_function(more):
    told, how = asked(**more), ASKED | more
    x, w = last_first(told["x"]), np.stack([last_first(one) for one in told["w"]], -1)
    pad = {"2:1x0": ((2, 1), 0)}.get(how["pad"], how["pad"])
    sizes = {name: tuple(map(int, how[name].split("x"))) for name in ("stride", "dilation")}
    y = kitnet.functional.convolve(
        x[None], w, np.array(told["b"], float), pad=int(pad) if str(pad).isdecimal() else pad,
        groups=how["groups"], on_misfit=how["misfit"], flip=how["flip"],
        **{name: size if len(size) > 1 else size[0] for name, size in sizes.items()},
    )[0]  # fmt: skip
    assert np.array_equal(last_first(told["y"]), y)
    assert len(told["sums"]) == y.size
    wide = np.array(told["padded"])
    for step, one in enumerate(told["sums"]):
        i, j, k = one["at"]
        assert one["value"] == y[i, j, k] == sum(one["sums"]) + one["bias"]
        group = k * how["groups"] // how["filters"]
        row = np.array(told["rows"][group][step % (y.size // how["filters"])])
        assert row @ np.array(told["columns"][k]) + told["b"][k] == y[i, j, k]
        seen = wide[one["maps"]]
        for axis, (start, a) in enumerate(zip(one["start"], told["dilation"], strict=True), 1):
            seen = seen.take(start + a * np.arange(w.shape[axis - 1]), axis)
        assert np.array_equal(np.moveaxis(seen, 0, -1).ravel(), row)  # the window that the page marks
        assert np.array_equal(seen * told["filters"][k], one["products"])
    (top, bottom), (left, right) = told["inside"]
    if how["misfit"] != "crop":
        assert np.array_equal(wide[:, top:bottom, left:right], np.array(told["x"]))
    assert (wide.sum(), wide.size) == (wide[:, top:bottom, left:right].sum(), len(wide) * wide[0].size)


def test_what_is_drawn_and_the_rule():
    told = asked()
    assert told["rules"] == ["(5 - 3 + 2*1) / 2 + 1 = 3"] * 2
    assert {value for plane in told["x"] for row in plane for value in row} == {0, 1, 2}
    assert asked() == told != asked(seed=1)
    assert asked(stride="1")["x"] == told["x"]  # another stride slides over the same numbers
    turned = asked(flip=True)
    assert turned["w"] == told["w"]
    assert turned["filters"] == np.array(told["w"])[:, :, ::-1, ::-1].tolist()


def test_numbers_of_ones_own():
    told = asked(x="3 1 4\n1, 5 9\n2 6 5", w="1 0\n0 -1\n\n0.5 1\n0 0", b="1 -2", stride="1", pad="0")
    assert told["y"] == [[[-1, -7], [-4, 1]], [[0.5, 2.5], [3.5, 9.5]]]
    assert (told["w"][1], told["b"]) == ([[[0.5, 1], [0, 0]]], [1, -2])


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            {"stride": "3"},
            "a stride of 3 does not divide: (5 - 3 + 2*1) / 3 + 1 = 2.333 positions of a 3x3 filter on its "
            "5x5x3 input; use stride=2, pad=0:1x0:1, a 4x4x3 or 7x7x3 input, or write floor to drop the "
            "last 1",
        ),
        (
            {"window": "7x7", "pad": "valid"},
            "a 7x7 filter does not fit its 5x5x3 input: (5 - 7 + 2*0) / 2 + 1 = 0; use pad=1, a 7x7x3 "
            "input, or a 5x5 filter",
        ),
        ({"groups": 2}, "2 groups do not divide a depth of 3 and 2 filters; use a divisor of both"),
        ({"groups": 0}, "0 groups are not possible; use 1 or more"),
        (
            {"size": "99x99x3"},
            "the room shows at most 2,000 numbers of the padded input, but these sizes make 30,603; use "
            "smaller ones",
        ),
        (
            {"size": "20x20x3", "stride": "1"},
            "the room shows at most 8,000 products, but these sizes make 21,600; use a smaller input, or "
            "fewer filters",
        ),
        ({"size": "5x5"}, "size: expected height x width x channels such as 5x5x3, not '5x5'"),
        ({"stride": "two"}, "stride: expected a size such as 3 or 3x5, not 'two'"),
        ({"pad": "-1"}, "a negative pad is not possible; use 0 or more"),
        (
            {"pad": "big"},
            "padding: expected valid, same, full, a number, or one an axis such as 1x2 or 0:1x1:2, not 'big'",
        ),
        ({"x": "1 a"}, "the input: 'a' is no number up to 1e+09"),
        ({"x": "1 nan"}, "the input: 'nan' is no number up to 1e+09"),
        (
            {"x": "1 2\n3"},
            "the input: planes have as many rows, and rows as many numbers, each; here are 2x1 and 2x2",
        ),
        (
            {"w": "1 2\n3 4"},
            "filters of 3 channels need 3 planes of weights each, but there are 1; write the channels of a "
            "filter below each other, an empty line between",
        ),
        ({"b": "1 2 3"}, "there are 3 biases for 2 filters; give one a filter"),
    ],
)
def test_what_is_refused(more, line):
    with pytest.raises(KitnetError) as error:
        asked(**more)
    assert str(error.value) == line


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"misfit": "ignore"}, "misfit is one of error, floor, ceil, pad, crop"),
        ({"filters": True}, "convolution needs another filters"),
        ({"size": 5}, "convolution needs another size"),
    ],
)
def test_bodies_that_no_page_sends(more, line):
    with pytest.raises(BodyError) as error:
        asked(**more)
    assert str(error.value) == line


def pixels_of(address):
    content = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.mark.parametrize("name", ["sharpen5", "emboss"])
def test_a_photograph(name):
    one = image_filters({})["filters"][name]
    assert one == {
        "numbers": FILTERS[name].numbers,
        "factor": FILTERS[name].factor,
        "bias": FILTERS[name].bias,
    }
    numbers = "\n".join(" ".join(map(str, row)) for row in one["numbers"])
    told = photograph(PHOTO | {"numbers": numbers, "factor": one["factor"], "bias": one["bias"]})
    before = pixels_of(told["before"])
    assert np.array_equal(before, picture.computed())
    assert np.array_equal(pixels_of(told["after"]), filtered(before, FILTERS[name]))
    turned = photograph(PHOTO | {"numbers": "1 0 -1", "bias": 128, "flip": True})
    own = FILTERS["identity"]._replace(numbers=[[-1, 0, 1]], bias=128)
    assert np.array_equal(pixels_of(turned["after"]), filtered(before, own))


def test_a_file_of_ones_own_by_the_usual_reader():
    pixels = np.arange(900 * 600, dtype=np.uint32).reshape(600, 900).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    told = photograph(PHOTO | {"picture": base64.b64encode(file.getvalue()).decode()})
    assert (told["whole"], told["size"]) == ([900, 600], [640, 427])
    assert np.array_equal(pixels_of(told["before"]), picture.reduced(pixels[..., None])[..., 0])
    assert np.array_equal(pixels_of(told["after"]), pixels_of(told["before"]))


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"picture": "@"}, "the picture did not arrive whole; choose it again"),
        (
            {"picture": "AAAA"},
            "the picture: it is no picture, or its beginning is damaged; expected BMP, GIF, JPEG, PNG, PPM, "
            "TIFF, WEBP",
        ),
        ({"numbers": ""}, "a filter is rows of as many numbers each, such as '0 -1 0; -1 5 -1; 0 -1 0'"),
        ({"numbers": "1 1"}, "a filter of 1x2 has no middle; use odd numbers of rows and columns"),
        ({"numbers": "1 " * 17}, "a filter has at most 15 rows and columns here"),
        ({"factor": 10**400}, "factor: 1" + "0" * 79 + "... is no number up to 1e+09"),
        ({"bias": float("nan")}, "bias: nan is no number up to 1e+09"),
    ],
)
def test_photographs_that_are_refused(more, line):
    with pytest.raises(KitnetError) as error:
        photograph(PHOTO | more)
    assert str(error.value) == line
