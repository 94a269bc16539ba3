"""What each augmentation does to pixels, and the language for them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from kitnet.base.error import DataError
from kitnet.data import Augmentation
from kitnet.data.distortion import Crop, Cutout, Elastic, ResizedCrop
from kitnet.data.draws import Draws
from kitnet.data.mixing import Cutmix, Mixup

SIZE = 60
IMAGES = np.random.default_rng(0).integers(0, 256, (SIZE, 9, 8, 3), np.uint8)


def changed(text: str, images: np.ndarray = IMAGES, epoch: int = 0) -> np.ndarray:
    before = images.copy()
    found = Augmentation.parse(text).change(images, 7, epoch, np.arange(len(images)), len(images))
    np.testing.assert_array_equal(images, before)  # is left as it was
    assert found.shape == images.shape and found.dtype == np.uint8
    return found


def draws(name: str = "augment/0", samples: int = SIZE) -> Draws:
    return Draws(7, name, 0, np.arange(samples), samples)


def test_half_of_the_pictures_are_flipped() -> None:
    flipped = changed("flip")
    turned = [(a == b[:, ::-1]).all() for a, b in zip(flipped, IMAGES, strict=True)]
    kept = [(a == b).all() for a, b in zip(flipped, IMAGES, strict=True)]
    assert [not each for each in kept] == turned and 20 <= sum(turned) <= 40


def test_flips_that_alternate() -> None:
    first, second, third = (changed("flip alternate", epoch=e) for e in range(3))
    np.testing.assert_array_equal(first, third)
    np.testing.assert_array_equal(first, second[:, :, ::-1])
    assert 15 <= sum((a == b).all() for a, b in zip(first, IMAGES, strict=True)) <= 45


@pytest.mark.parametrize(("text", "mode"), [("crop2", "constant"), ("crop2 reflect", "reflect")])
def test_crops_are_all_shifts_and_nothing_else(text: str, mode: str) -> None:
    padded = np.pad(IMAGES, ((0, 0), (2, 2), (2, 2), (0, 0)), mode=mode)  # type: ignore[call-overload]
    seen = set()
    for one, around in zip(changed(text), padded, strict=True):
        places = [(y, x) for y in range(5) for x in range(5) if (around[y : y + 9, x : x + 8] == one).all()]
        assert len(places) == 1
        seen |= {*places}
    assert len(seen) > 15 and {y for y, _ in seen} == {x for _, x in seen} == set(range(5))


def test_jitter() -> None:
    np.testing.assert_array_equal(changed("jitter0"), IMAGES)
    plain = np.full((SIZE, 4, 4, 1), 100, np.uint8)
    found = changed("jitter0.5", plain)
    assert (found == found[:, :1, :1]).all()  # without contrast there is only brightness
    np.testing.assert_array_equal(found[:, 0, 0, 0], np.rint(100 * (0.5 + draws().uniform()[:, 0])))
    grey = np.repeat(np.random.default_rng(1).integers(0, 256, (SIZE, 5, 5, 1), np.uint8), 3, 3)
    found = changed("jitter1", grey).astype(int)
    assert np.ptp(found, axis=3).max() <= 1  # grey stays grey


def test_affine() -> None:
    np.testing.assert_array_equal(changed("affine0"), IMAGES)
    matrix = np.eye(2) + 0.3 * (2 * draws().uniform()[4].reshape(2, 2) - 1)
    places = np.stack(np.meshgrid(np.arange(9) - 4.0, np.arange(8) - 3.5, indexing="ij"))
    at = np.tensordot(matrix, places, 1) + np.array([4, 3.5])[:, None, None]
    pixels = np.pad(IMAGES[4, ..., 1].astype(float), 1)  # beyond the rim there is 0
    expected = map_coordinates(pixels, at + 1, order=1, cval=0)
    assert np.abs(changed("affine0.3")[4, ..., 1] - expected).max() <= 0.5 + 1e-3


def test_elastic_is_simards() -> None:
    np.testing.assert_array_equal(changed("elastic0"), IMAGES)
    noise = next(draws().generators()).random((2, 9, 8), np.float32) * 2 - 1
    by = [8 * gaussian_filter(each, 2.0, mode="constant", truncate=20) for each in noise]
    places = np.meshgrid(np.arange(9.0), np.arange(8.0), indexing="ij")
    pixels = np.pad(IMAGES[0, ..., 2].astype(float), 1)
    expected = map_coordinates(pixels, [a + b + 1 for a, b in zip(places, by, strict=True)], order=1, cval=0)
    # SciPy's Gaussian sums to 1 exactly, the formula's to 1 within a part in 10^8 for this width
    assert np.abs(changed("elastic8-2")[0, ..., 2] - expected).max() <= 0.5 + 0.05


def test_cutout_hides_a_square_with_the_mean() -> None:
    found = changed("cutout4")
    for one, image in zip(found, IMAGES, strict=True):
        hidden = (one != image).any(2)
        rows, columns = hidden.any(1), hidden.any(0)
        assert 1 <= rows.sum() <= 4 and 1 <= columns.sum() <= 4
        mean = np.rint(image.mean((0, 1)))
        assert (one[rows][:, columns] == mean).all()
    sizes = [(a != b).any(2).sum() for a, b in zip(found, IMAGES, strict=True)]
    assert max(sizes) == 16 and min(sizes) < 16  # some lie beyond the rim


def test_resized_crops_lie_inside_and_have_the_share() -> None:
    sizes = np.array([[30, 40], [10, 200]] * 50)
    boxes = ResizedCrop(0.25).boxes(sizes, draws(samples=100))
    left, top, right, bottom = boxes.T
    assert (left >= 0).all() and (top >= 0).all()
    assert (right <= sizes[:, 1]).all() and (bottom <= sizes[:, 0]).all()
    share = (right - left) * (bottom - top) / sizes.prod(1)
    ratio = (right - left) / (bottom - top)
    assert (share[::2] >= 0.25 * 0.7).all() and share[::2].max() > 0.8 and np.ptp(left) > 0
    fits = (bottom - top)[::2] < 30
    assert (np.abs(np.log(ratio[::2][fits])) <= np.log(4 / 3) + 1e-9).all() and fits.sum() > 10
    assert (bottom - top)[1::2].max() <= 10


def test_mixup_and_cutmix() -> None:
    x = IMAGES.astype(np.float32)
    others = x[::-1]
    mixed, share = Mixup(0.4).mixed(x, others, draws())
    of = share[:, None, None, None]
    np.testing.assert_allclose(mixed, x * of + others * (1 - of), rtol=1e-5, atol=1e-3)
    assert 0.3 < share.mean() < 0.7 and share.std() > 0.25  # Beta(0.4, 0.4) is 0.5 and 0.37
    mixed, share = Cutmix(1.0).mixed(x, others, draws())
    theirs = (mixed == others).all(3) & (mixed != x).any(3)
    for one, stays in zip(theirs, share, strict=True):
        assert one.sum() == one.any(1).sum() * one.any(0).sum()  # a rectangle
        assert abs(1 - stays - one.mean()) < 1e-9
    partners = Mixup(0.4).partners(draws())
    assert partners.min() >= 0 and partners.max() < SIZE and len({*partners.tolist()}) > 20


def test_texts_come_back() -> None:
    for text in ("", "flip", "crop4,flip alternate", "crop4 reflect,cutout8", "elastic34-4,affine0.1"):
        assert str(Augmentation.parse(text)) == text
    assert str(Augmentation.parse(" elastic34 , mixup0.2")) == "elastic34-4,mixup0.2"
    assert Augmentation.parse("crop4 reflect,cutout8").operations == (Crop(4, True), Cutout(8))
    assert Augmentation.parse("elastic34").operations == (Elastic(34.0, 4.0),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "flp",
            "unknown 'flp' (did you mean 'flip'?); known: affine, crop, cutmix, cutout, elastic, flip, "
            "jitter, mixup, resizedcrop",
        ),
        ("crop", "crop needs a number behind it, its pixels, as in crop4"),
        ("crop4-2", "crop4-2 has 2 numbers; crop has at most 1"),
        ("crop4 mirror", "crop has no 'mirror'; known: reflect"),
        ("jitter0.1 reflect", "jitter has no 'reflect'; known: no options"),
        ("crop1.5", "crop1.5: pixels 1.5 is not possible; use a whole number up to 1000"),
        ("elastic9999", "elastic9999: alpha 9999 is not possible; use a number up to 1000"),
        ("flip,,crop4", "'' is no word with numbers and options; write it like crop4 reflect"),
        ("flip crop4", "'flip crop4' is no word with numbers and options; write it like crop4 reflect"),
        ("flip,resizedcrop", "resizedcrop must be the first, since it cuts out of the whole picture"),
        ("mixup,flip", "mixup must be the last, since it mixes pictures that are done"),
        ("mixup,cutmix", "mixup must be the last, since it mixes pictures that are done"),
        ("mixup0", "mixup0: alpha is above 0"),
        ("elastic3-0", "elastic3-0: sigma is above 0"),
        ("jitter2", "jitter2: the strength is 0 to 1"),
        ("resizedcrop2", "resizedcrop2: the least share of the area is above 0 and at most 1"),
    ],
)
def test_texts_that_are_none(text: str, reason: str) -> None:
    with pytest.raises(DataError) as caught:
        Augmentation.parse(text)
    assert str(caught.value) == f"augmentation {text!r}: {reason}"


@pytest.mark.parametrize("text", ["crop8 reflect", "crop8"])
def test_a_shift_needs_enough_picture(text: str) -> None:
    with pytest.raises(DataError) as caught:
        changed(text)
    assert str(caught.value) == (
        f"augmentation {text}: a shift by up to 8 may leave nothing of pictures of 9x8x3; use such as crop1"
    )
    changed(text.replace("8", "7"))
