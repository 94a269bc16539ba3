"""STL-10's binary files and USPS's lines."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import numpy as np
import pytest
from catalogue import row

from kitnet.base.error import DataError
from kitnet.data import load


def refusal(where: Path) -> str:
    with pytest.raises(DataError) as caught:
        load(where)
    return str(caught.value)


def stl10(folder: Path) -> np.ndarray:
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 3, 96, 96), np.uint8)
    for part in ("train", "test"):
        pixels.tofile(folder / f"{part}_X.bin")
        np.array([1, 10, 3], np.uint8).tofile(folder / f"{part}_y.bin")
    (folder / "class_names.txt").write_text("\n".join(f"class{i}" for i in range(10)))
    return pixels


@row(128)
def test_stl10(tmp_path: Path) -> None:
    pixels = stl10(tmp_path / "stl10_binary")
    for where in (tmp_path, tmp_path / "stl10_binary"):
        train, _, test = load(where)
        assert train.labels.tolist() == [0, 9, 2] and len(test) == 3 and train.classes[9] == "class9"
        assert train.images.shape == (3, 96, 96, 3)
        for y, x, colour in [(0, 0, 0), (5, 90, 1), (95, 2, 2)]:
            assert train.images[1, y, x, colour] == pixels[1, colour, x, y]


def test_stl10_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    stl10(folder)
    (folder / "test_y.bin").write_bytes(b"\x01\x0b\x03")
    text = "label 10 of sample 1 is outside the 10 classes; expected 0 to 9"
    assert refusal(folder) == f"{folder}/test_y.bin: {text}"
    (folder / "class_names.txt").write_bytes(b"bird\xff\n")
    assert refusal(folder) == f"{folder}/class_names.txt: it is not UTF-8; take a fresh copy"
    (folder / "class_names.txt").write_bytes(b"bird\n")
    (folder / "train_X.bin").write_bytes(b"x" * 27647)
    text = "27647 bytes are no whole number of pictures of 27648; take a fresh copy"
    assert refusal(folder) == f"{folder}/train_X.bin: {text}"
    (folder / "class_names.txt").unlink()
    assert refusal(folder) == f"{folder}/class_names.txt: No such file or directory"


def usps(count: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(count)
    return np.round(draw.uniform(-1, 1, (count, 256)), 3), draw.integers(0, 10, count)


def plain(values: np.ndarray, labels: np.ndarray) -> bytes:
    lines = [
        f"{label}.0000 {' '.join(map(str, numbers))} " for numbers, label in zip(values, labels, strict=True)
    ]
    return "\n".join(lines).encode() + b"\n"


def pairs(values: np.ndarray, labels: np.ndarray) -> bytes:
    lines = []
    for numbers, label in zip(values, labels, strict=True):
        lines.append(f"{label + 1} {' '.join(f'{i}:{value}' for i, value in enumerate(numbers, 1) if value)}")
    return "\n".join(lines).encode()


def test_usps(tmp_path: Path) -> None:
    train, test = usps(5), usps(3)
    train[0][0, 7] = 0
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a" / "zip.train.gz").write_bytes(gzip.compress(plain(*train)))
    (tmp_path / "a" / "zip.test.gz").write_bytes(gzip.compress(plain(*test)))
    (tmp_path / "b" / "usps.bz2").write_bytes(bz2.compress(pairs(*train)))
    (tmp_path / "b" / "usps.t").write_bytes(pairs(*test))
    for folder in ("a", "b"):
        for read, (values, labels) in zip(
            load(tmp_path / folder).named().values(), (train, test), strict=True
        ):
            assert read.labels.tolist() == labels.tolist()
            expected = np.round((values + 1) * 127.5).reshape(-1, 16, 16, 1)
            np.testing.assert_array_equal(read.images, expected)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"x" * 9, "it cannot be unpacked (Not a gzipped file (b'xx')); take a fresh copy"),
        (gzip.compress(b"1 2 3"), "line 1 is no digit: '1 2 3'; take a fresh copy"),
        (gzip.compress(b"1 257:1"), "line 1 is no digit: '1 257:1'; take a fresh copy"),
        (gzip.compress(b"1 0:1"), "line 1 is no digit: '1 0:1'; take a fresh copy"),
        (gzip.compress(b"1 1:2"), "line 1 has a label or a grey that USPS has not; take a fresh copy"),
        (gzip.compress(b"11 1:1"), "line 1 has a label or a grey that USPS has not; take a fresh copy"),
        (gzip.compress(b"nan 1:1"), "line 1 has a label or a grey that USPS has not; take a fresh copy"),
        (gzip.compress(b"\n"), "it has no digits; take a fresh copy"),
    ],
    ids=range(8),
)
def test_usps_damaged(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "zip.train.gz").write_bytes(content)
    (tmp_path / "zip.test.gz").write_bytes(content)
    assert refusal(tmp_path) == f"{tmp_path}/zip.train.gz: {reason}"
