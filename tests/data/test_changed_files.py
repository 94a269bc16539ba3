"""Files with changed bytes: one line that says what is wrong, or a right answer; never a traceback."""

from __future__ import annotations

import bz2
import io
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kitnet.base.error import DataError
from kitnet.data import load, open_image, read_idx, write_idx
from kitnet.data.pickled import read_pickle

FEW, MANY = 40, 2000
DRAW = np.random.default_rng(0)
SMOOTH = np.kron(DRAW.integers(0, 256, (4, 4, 3), np.uint8), np.ones((4, 4, 1), np.uint8))


def picture(kind: str, **options: object) -> bytes:
    content = io.BytesIO()
    mode = Image.fromarray(SMOOTH).convert(options.pop("mode", "RGB"))  # type: ignore[arg-type]
    mode.save(content, kind, **options)
    return content.getvalue()


def idx() -> bytes:
    path = Path("a-idx3-ubyte")
    write_idx(path, SMOOTH)
    return path.read_bytes()


def npz() -> bytes:
    content = io.BytesIO()
    names = ("x_train", "x_test", "y_train", "y_test")
    arrays = (SMOOTH[None], SMOOTH[None], np.zeros(1, int), np.zeros(1, int))
    np.savez(content, **dict(zip(names, arrays, strict=True)))
    return content.getvalue()


def usps() -> bytes:
    return bz2.compress(b"1 1:-1 256:0.5\n2 3:0.25\n", 1)


def read_usps(path: Path) -> None:
    path.rename(path.with_name("usps.bz2"))
    path.with_name("usps.t").write_bytes(b"1 1:-1")
    load(path.parent)


def read_list(path: Path) -> None:
    Image.fromarray(SMOOTH).save("a.png")
    load(path.rename(path.with_suffix(".csv")))


FORMATS: dict[str, tuple[Callable[[], bytes], Callable[[Path], object]]] = {
    "png": (lambda: picture("PNG"), open_image),
    "palette": (lambda: picture("PNG", mode="P", transparency=0), open_image),
    "jpeg": (lambda: picture("JPEG"), open_image),
    "gif": (lambda: picture("GIF"), open_image),
    "tiff": (lambda: picture("TIFF", compression="tiff_lzw"), open_image),
    "bmp": (lambda: picture("BMP"), open_image),
    "webp": (lambda: picture("WEBP"), open_image),
    "idx": (idx, read_idx),
    "npz": (npz, lambda path: load(path.rename(path.with_suffix(".npz")))),
    "pickle": (
        lambda: pickle.dumps({"data": SMOOTH, "labels": [1, 2]}, 2),
        lambda path: read_pickle(path.read_bytes()),
    ),
    "csv": (lambda: b"path,label,part\na.png,cat,train\na.png,cat,test\n", read_list),
    "usps": (usps, read_usps),
}


def changed(content: bytes, draw: np.random.Generator) -> bytes:
    """Some bytes are others, some are gone, or the end is."""
    found = bytearray(content)
    for place in draw.integers(0, len(found), draw.integers(1, 6)):
        found[place] = draw.integers(256)
    if draw.random() < 0.3:
        del found[draw.integers(len(found)) :]
    elif draw.random() < 0.3:
        start = draw.integers(len(found))
        del found[start : start + draw.integers(1, 9)]
    return bytes(found)


def check(name: str, number: int) -> None:
    make, read = FORMATS[name]
    content, draw, refused = make(), np.random.default_rng(1), 0
    for i in range(number):
        folder = Path(f"{i}")
        folder.mkdir()
        path = folder / "changed"
        path.write_bytes(changed(content, draw))
        try:
            read(path)
        except DataError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 600
    assert refused > 0


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", FORMATS)
def test_some_changed_files(name: str) -> None:
    check(name, FEW)


@pytest.mark.long
@pytest.mark.parametrize("name", FORMATS)
def test_many_changed_files(name: str) -> None:
    check(name, MANY)
