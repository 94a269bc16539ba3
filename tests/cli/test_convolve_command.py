"""`kitnet convolve`: photographs through filters, against SciPy."""

import numpy as np
import pytest
from catalogue import row
from PIL import Image
from scipy import ndimage

from kitnet.lab.image_filters import FILTERS


@pytest.fixture
def photo(tmp_path):
    """A picture in colour with edges and shades, and its file."""
    random = np.random.default_rng(0)
    pixels = ndimage.zoom(random.integers(0, 256, (4, 5, 3)), (4, 4, 1), order=1).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png"), pixels


def expected(pixels, numbers, factor, bias):
    planes = [
        ndimage.correlate(pixels[..., c].astype(float), np.array(numbers), mode="nearest") for c in range(3)
    ]
    return np.clip(np.rint(factor * np.stack(planes, 2) + bias), 0, 255)


@row(32)
@pytest.mark.parametrize("name", FILTERS)
def test_every_filter(say, photo, here, name):
    file, pixels = photo
    filter = FILTERS[name]
    said = say("convolve", file, "--filter", name, "-o", "out.png")
    size = f"{len(filter.numbers)}x{len(filter.numbers)}"
    assert said == (
        0, f"out.png: {name}: {filter.about}; {size}, factor {filter.factor:.4g}, bias {filter.bias:g}\n", "",
    )  # fmt: skip
    made = np.asarray(Image.open(here / "out.png")).astype(int)
    off = np.abs(made - expected(pixels, filter.numbers, filter.factor, filter.bias))
    assert off.max() <= 1 and (off > 0).mean() < 0.02  # a half may be rounded to either side in float32


def test_numbers_of_ones_own_turned_and_shifted(say, photo, here):
    file, pixels = photo
    words = ["--numbers", "0, 1, -1", "--factor", 2, "--bias", 100, "-o", "out.png", "--engine", "formula"]
    assert say("convolve", file, *words).out == "out.png: numbers of one's own; 1x3, factor 2, bias 100\n"
    assert np.array_equal(np.asarray(Image.open(here / "out.png")), expected(pixels, [[0, 1, -1]], 2, 100))
    say("convolve", file, *words, "--flip")
    assert np.array_equal(np.asarray(Image.open(here / "out.png")), expected(pixels, [[-1, 1, 0]], 2, 100))


def test_a_grey_picture_stays_grey(say, here, picture):
    assert say("convolve", picture("digit.png", 3), "--filter", "blur").status == 0
    assert np.asarray(Image.open(here / "filtered.png")).ndim == 2


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "convolve takes one filter, --filter sharpen, or numbers of one's own, --numbers '1 0 -1'"),
        (
            ("--filter", "blur", "--numbers", "1"),
            "convolve takes one filter, --filter sharpen, or numbers of one's own, --numbers '1 0 -1'",
        ),
        (
            ("--filter", "sharp"),
            "unknown filter 'sharp' (did you mean 'sharpen'?); known: identity, sharpen, sharpen5, blur, "
            "edge-horizontal, edge-vertical, edge-45, emboss",
        ),
        (
            ("--numbers", "1 x; 2 3"),
            "--numbers: '1 x' is no row of numbers; write such as '0 -1 0; -1 5 -1; 0 -1 0'",
        ),
        (
            ("--numbers", "1 2; 3"),
            "a filter is rows of as many numbers each, such as '0 -1 0; -1 5 -1; 0 -1 0'",
        ),
        (("--numbers", "1 nan 1"), "a filter, its factor and its bias are finite numbers"),
        (("--numbers", "1 1"), "a filter of 1x2 has no middle; use odd numbers of rows and columns"),
        (
            ("--filter", "blur", "-o", "x.jpg"),
            "-o x.jpg: pictures are written as PNG; give a name such as maps.png",
        ),
    ],
)  # fmt: skip
def test_mistakes(refused, photo, words, text):
    assert refused("convolve", photo[0], *words) == text
