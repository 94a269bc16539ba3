"""Files of data with changed bytes: one line that says what is wrong, or a right answer; no traceback."""

from __future__ import annotations

import bz2
import io
import itertools
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from changes import changed, check_changed
from PIL import Image

from kitnet.base.error import DataError
from kitnet.data import load, open_image, read_idx, write_idx
from kitnet.data.cifar import CIFAR
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


def batch(number: int = 2) -> bytes:
    """Of CIFAR for Python."""
    pixels = DRAW.integers(0, 256, (number, 3072), np.uint8)
    return pickle.dumps({"data": pixels, "labels": [1] * number, "batch_label": "é"}, 2)


def read_cifar(version: str, others: dict[str, bytes]) -> Callable[[Path], None]:
    """Reads the changed file as the first one of the set for training."""

    def read(path: Path) -> None:
        form = getattr(CIFAR["cifar10"], version)
        for name in (*form.train, *form.test, form.names):
            content = others["names" if name == form.names else "batch"]
            path.with_name(name).write_bytes(content)
        path.rename(path.with_name(form.train[0]))
        load(path.parent)

    return read


def read_stl10(part: str) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        for each in ("train", "test"):
            path.with_name(f"{each}_X.bin").write_bytes(STL10["X"])
            path.with_name(f"{each}_y.bin").write_bytes(STL10["y"])
        path.with_name("class_names.txt").write_bytes(STL10["names"])
        path.rename(path.with_name({"names": "class_names.txt"}.get(part, f"train_{part}.bin")))
        load(path.parent)

    return read


STL10 = {"X": bytes(2 * 27648), "y": b"\x01\x02", "names": b"airplane\nbird\n"}
NAMES = [f"class{i}" for i in range(10)]
RECORD = bytes([3]) + bytes(3072)
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
    "cifar": (
        lambda: 2 * RECORD,
        read_cifar("binary", {"batch": RECORD, "names": "\n".join(NAMES).encode()}),
    ),
    "cifar for python": (
        batch,
        read_cifar("python", {"batch": batch(1), "names": pickle.dumps({"label_names": NAMES}, 2)}),
    ),
    "cifar's names": (
        lambda: pickle.dumps({"label_names": NAMES, "num_vis": 3072}, 2),
        lambda path: read_pickle(path.read_bytes()),
    ),
    **{f"stl10 {part}": (lambda part=part: STL10[part], read_stl10(part)) for part in STL10},  # type: ignore[misc]
}
OFTEN = {"png", "jpeg", "idx", "npz", "csv", "cifar for python"}  # in the default run


def announced(path: Path) -> int:
    """Bytes of pixels that a picture promises, of at most four channels; of other files none: whatever they
    promise would have to be there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(path) as image:
                return image.width * image.height * 4
        except Exception:  # whatever Pillow says of it
            return 0


def check(name: str, number: int) -> None:
    make, read = FORMATS[name]
    content, folders = make(), itertools.count()
    path = Path("changed")

    def one(draw: np.random.Generator) -> None:
        nonlocal path
        path = Path(f"{next(folders)}") / "changed"
        path.parent.mkdir()
        path.write_bytes(changed(content, draw))
        try:
            read(path)
        except DataError:
            raise
        except Exception as error:
            raise AssertionError(path.read_bytes() if path.exists() else path) from error

    check_changed(one, number, lambda: announced(path))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "name", [name if name in OFTEN else pytest.param(name, marks=pytest.mark.slow) for name in FORMATS]
)
def test_some_changed_files(name: str) -> None:
    check(name, FEW)


@pytest.mark.long
@pytest.mark.parametrize("name", FORMATS)
def test_many_changed_files(name: str) -> None:
    check(name, MANY)
