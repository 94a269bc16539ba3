import os
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from kitnet.base.error import DataError
from kitnet.data import image as module
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


def test_transparency_lets_white_through(tmp_path):
    alpha = np.zeros((3, 4, 1), np.uint8)
    alpha[0], alpha[1] = 255, 128
    for pixels in (RGB, GREY):
        opened = open_image(saved(tmp_path / "a.png", np.concatenate([pixels, alpha], 2)))
        np.testing.assert_array_equal(opened[0], pixels[0])
        mixed = pixels[1] * (128 / 255) + 255 * (127 / 255)
        assert np.abs(opened[1] - mixed).max() <= 1
        assert opened.shape == pixels.shape and (opened[2] == 255).all()


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
    seen = [[[10, 20, 30], [255] * 3], [[70, 80, 90], [255] * 3]]
    assert open_image(tmp_path / "b.png").tolist() == seen


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


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, body=b"", remarks=b""):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    image = chunk(b"IDAT", zlib.compress(body)) + remarks + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + remarks + image


def test_too_many_pixels_are_refused_by_the_header(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(8000, 5001))
    assert refusal(path) == "it has 8000x5001, more than 40 million pixels; make it smaller"
    path.write_bytes(png(8000, 5000))
    assert refusal(path) == f"the PNG picture is truncated or damaged; {FRESH}"
    path.write_bytes(png(100_000, 100_000))  # where Pillow refuses
    assert refusal(path) == "it has more than 40 million pixels; make it smaller"
    saved(path, RGB)
    with pytest.raises(DataError, match=r"4x3, more than 1e-05 million pixels"):
        open_image(path, megapixels=1e-5)


def test_remarks_do_not_make_a_picture_bad(tmp_path):
    row = b"\0" + bytes(range(12))
    endless = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 5_000_000))
    for remark in (endless, chunk(b"pHYs", b"x"), chunk(b"eXIf", b"no tiff"), chunk(b"iCCP", b"x\0\0y")):
        (tmp_path / "a.png").write_bytes(png(4, 3, row * 3, remark))
        assert open_image(tmp_path / "a.png")[2].ravel().tolist() == list(range(12))
    content = saved(tmp_path / "a.jpg", np.full((8, 8, 3), 200, np.uint8)).read_bytes()
    exif = b"Exif\0\0II*\0\xff\xff\xff\xffgarbage"
    remark = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    (tmp_path / "a.jpg").write_bytes(content[:2] + remark + content[2:])
    assert open_image(tmp_path / "a.jpg").shape == (8, 8, 3)


def test_every_orientation(tmp_path):
    marks = {2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1]}
    marks |= {5: lambda x: x.swapaxes(0, 1), 7: lambda x: x[::-1, ::-1].swapaxes(0, 1)}
    marks |= {6: lambda x: np.rot90(x, -1), 8: np.rot90, 1: lambda x: x, 9: lambda x: x}
    for orientation, turned in marks.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        opened = open_image(saved(tmp_path / "a.png", RGB, exif=exif))
        np.testing.assert_array_equal(opened, turned(RGB))


def test_a_name_moves_no_cursor(tmp_path):
    with pytest.raises(DataError) as caught:
        open_image(tmp_path / "a\x1b[2Jb.png")
    assert str(caught.value) == f"{tmp_path}/a\\x1b[2Jb.png: No such file or directory"


def test_many_threads_leave_the_filters_of_warnings_alone(tmp_path):
    saved(tmp_path / "a.png", RGB)
    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(open_image, [tmp_path / "a.png"] * 40))
    assert warnings.filters == before


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


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "I;16", "CMYK"])
def test_large_pictures_are_made_in_strips(tmp_path, monkeypatch, mode):
    draw = np.random.default_rng(0)
    if mode == "I;16":
        image = Image.fromarray(draw.integers(0, 65536, (7, 5), np.uint16))
    else:
        image = Image.fromarray(draw.integers(0, 256, (7, 5, 4), np.uint8)).convert(mode)
    path = tmp_path / ("a.tiff" if mode == "CMYK" else "a.png")
    image.save(path, **({"transparency": 3} if mode == "P" else {}))
    whole = open_image(path)
    for strip in (1, 10, 12, 34):
        monkeypatch.setattr(module, "STRIP", strip)
        np.testing.assert_array_equal(open_image(path), whole)
