import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from kitnet.base.error import DataError
from kitnet.data import open_image

RGB = np.random.default_rng(0).integers(0, 256, (3, 4, 3), np.uint8)
GREY = RGB[..., :1]


def saved(path, array, **options):
    Image.fromarray(array.squeeze(2) if array.shape[2] == 1 else array).save(path, **options)
    return path


def refusal(path):
    with pytest.raises(DataError) as caught:
        open_image(path)
    assert caught.value.__suppress_context__
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("array", [RGB, GREY], ids=["rgb", "grey"])
@pytest.mark.parametrize("end", ["png", "bmp", "tiff", "ppm", "webp"])
def test_exact_formats(tmp_path, array, end):
    options = {"lossless": True} if end == "webp" else {}
    expected = np.broadcast_to(array, (3, 4, 3)) if end == "webp" else array  # WebP has no grey
    opened = open_image(saved(tmp_path / f"a.{end}", array, **options))
    np.testing.assert_array_equal(opened, expected, strict=True)
    opened[0, 0, 0] ^= 1  # its own memory


def test_jpeg(tmp_path):
    for array, channels in ((RGB, 3), (GREY, 1)):
        smooth = np.full((8, 8, 1), 200, np.uint8) * np.ones(array.shape[2:], np.uint8)
        opened = open_image(saved(tmp_path / "a.jpg", smooth))
        assert opened.shape == (8, 8, channels) and np.abs(opened.astype(int) - 200).max() <= 1


def test_the_name_does_not_matter(tmp_path):
    saved(tmp_path / "a.png", RGB).rename(tmp_path / "a.txt")
    np.testing.assert_array_equal(open_image(str(tmp_path / "a.txt")), RGB, strict=True)


def test_the_orientation_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it 90 degrees clockwise
    opened = open_image(saved(tmp_path / "a.png", RGB, exif=exif))
    np.testing.assert_array_equal(opened, np.rot90(RGB, -1))


def test_transparency_lets_black_through(tmp_path):
    alpha = np.zeros((3, 4, 1), np.uint8)
    alpha[0], alpha[1] = 255, 128
    opened = open_image(saved(tmp_path / "a.png", np.concatenate([RGB, alpha], 2)))
    np.testing.assert_array_equal(opened[0], RGB[0])
    assert np.abs(opened[1] - RGB[1] * (128 / 255)).max() <= 1
    assert opened.shape == RGB.shape and not opened[2].any()
    grey = open_image(saved(tmp_path / "b.png", np.concatenate([GREY, alpha], 2)))
    np.testing.assert_array_equal(grey[0], GREY[0])
    assert np.abs(grey[1] - GREY[1] * (128 / 255)).max() <= 1
    assert grey.shape == GREY.shape and not grey[2].any()


def test_palettes(tmp_path):
    indexed = Image.new("P", (2, 2))
    indexed.putdata([0, 1, 2, 1])
    indexed.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    indexed.save(tmp_path / "a.png")
    assert open_image(tmp_path / "a.png").tolist() == [
        [[10, 20, 30], [40, 50, 60]],
        [[70, 80, 90], [40, 50, 60]],
    ]
    indexed.save(tmp_path / "b.png", transparency=1)
    assert open_image(tmp_path / "b.png").tolist() == [[[10, 20, 30], [0, 0, 0]], [[70, 80, 90], [0, 0, 0]]]


def test_one_bit_and_sixteen(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "a.png")
    assert open_image(tmp_path / "a.png").tolist() == [[[255], [0]]]
    wide = np.array([[0, 128, 129, 257 * 77, 65407, 65535]], np.uint16)
    for end in ("png", "tiff"):
        Image.fromarray(wide).save(tmp_path / f"b.{end}")
        assert open_image(tmp_path / f"b.{end}")[..., 0].tolist() == [[0, 0, 1, 77, 255, 255]]


def test_cmyk(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "a.tiff")
    assert (open_image(tmp_path / "a.tiff") == (255, 0, 0)).all()


def test_the_first_picture_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (open_image(tmp_path / "a.gif") == (255, 0, 0)).all()


FRESH = "take a fresh copy of the file"
NO_PICTURE = "it is no picture, or its beginning is damaged; expected BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP"


def test_what_is_no_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == "it is not a file; expected a picture"
    assert refusal(tmp_path) == "it is not a file; expected a picture"
    assert refusal(tmp_path / "none") == "No such file or directory"


def test_what_is_no_picture(tmp_path):
    path = tmp_path / "a.png"
    for content in (b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\0" * 100):
        path.write_bytes(content)
        assert refusal(path) == NO_PICTURE


@pytest.mark.parametrize("end", ["png", "jpg", "gif", "tiff", "bmp"])
def test_truncation(tmp_path, end):
    path = saved(tmp_path / f"a.{end}", np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8))
    content = path.read_bytes()
    name = {"jpg": "JPEG"}.get(end, end.upper())
    path.write_bytes(content[: len(content) // 2])
    assert refusal(path) == f"the {name} picture is truncated or damaged; {FRESH}"


def png(width, height, body=b""):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_000, 100_000])  # where Pillow warns, and where it refuses
def test_a_bomb(tmp_path, side):
    (tmp_path / "a.png").write_bytes(png(side, side))
    assert refusal(tmp_path / "a.png") == "it has more than 89478485 pixels; make it smaller"


def test_damaged_pixels(tmp_path):
    (tmp_path / "a.png").write_bytes(png(4, 4, b"\x09" * 52))
    assert refusal(tmp_path / "a.png") == f"the PNG picture is truncated or damaged; {FRESH}"


def test_pixels_of_another_kind(tmp_path):
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "a.tiff")
    assert (
        refusal(tmp_path / "a.tiff")
        == "its pixels are of the kind 'F'; save it in grey or RGB, 8 bits a channel"
    )
    Image.fromarray(np.full((2, 2), 70000, np.int32)).save(tmp_path / "b.tiff")
    assert refusal(tmp_path / "b.tiff") == "its pixels have more than 16 bits; save it with 8 bits a channel"
