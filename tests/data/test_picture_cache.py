"""The cache of pictures in files: each is decoded once, and nothing wrong is believed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kitnet.data import Source, load, open_image
from kitnet.data import picture_cache as module


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The names of the files that are decoded from now on, with a cache of the test's own."""
    seen: list[str] = []

    def opened(path: Path, megapixels: float) -> np.ndarray:
        seen.append(path.name)
        return open_image(path, megapixels)

    monkeypatch.setattr(module, "open_image", opened)
    monkeypatch.setenv("KITNET_CACHE", str(tmp_path / "cache"))
    return seen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of noise, each of its own size, and one that is broken."""
    rng = np.random.default_rng(0)
    for part, names in (("train", "abcd"), ("test", "ef")):
        for i, name in enumerate(names):
            path = tmp_path / "set" / part / "one" / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (3, i + 2, 3), np.uint8)).save(path)
    (tmp_path / "set" / "train" / "one" / "bad.png").write_bytes(b"no picture")
    return tmp_path / "set"


def everything(source: Source | None) -> list[bytes]:
    assert source is not None
    return [np.ascontiguousarray(image).tobytes() for images, _ in source.chunks() for image in images]


def cache_of(folder: Path) -> Path:
    (cache,) = (folder.parent / "cache" / "pictures").iterdir()
    return cache


def test_each_file_is_decoded_once(folder: Path, decoded: list[str]) -> None:
    train, _, test = load(folder)
    before = everything(train), everything(test)
    assert sorted(decoded) == ["a.png", "b.png", "bad.png", "c.png", "d.png", "e.png", "f.png"]
    decoded.clear()
    train, _, test = load(folder)
    assert (everything(train), everything(test)) == before
    assert decoded == [] and len(train.broken) == 1
    expected = [open_image(folder / "train" / "one" / f"{name}.png").tobytes() for name in "abcd"]
    assert before[0] == expected


def test_what_has_changed_is_decoded_anew(folder: Path, decoded: list[str]) -> None:
    path = folder / "train" / "one" / "b.png"
    Image.fromarray(np.ones((3, 3, 3), np.uint8)).save(path, "BMP")  # whose size does not tell of a change
    load(folder)
    digest = load(folder).train.digest(np.arange(4))
    told = path.stat()
    Image.fromarray(np.zeros((3, 3, 3), np.uint8)).save(path, "BMP")
    assert path.stat().st_size == told.st_size
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns + 1))
    (folder / "train" / "one" / "g.png").write_bytes(path.read_bytes())
    (folder / "test" / "one" / "f.png").unlink()
    decoded.clear()
    train, _, test = load(folder)
    assert sorted(decoded) == ["b.png", "g.png"] and (len(train), len(test or ())) == (5, 1)
    assert everything(train)[1] == bytes(27)
    assert train.digest(np.arange(4)) != digest
    decoded.clear()
    assert everything(load(folder).train)[1] == bytes(27) and decoded == []


@pytest.mark.parametrize("where", ["pixels", "index", "end", "short", "empty", "other"])
def test_a_damaged_cache_is_not_believed(folder: Path, decoded: list[str], where: str) -> None:
    before = everything(load(folder).train)
    cache = cache_of(folder)
    content = bytearray(cache.read_bytes())
    at = {"pixels": 5, "index": -200, "end": -1}.get(where)
    if at is not None:
        content[at] ^= 1
    changed = {"short": content[:-9], "empty": b"", "other": content[: -module.END] + b"x" * module.END}
    cache.write_bytes(changed.get(where, content))
    decoded.clear()
    assert everything(load(folder).train) == before
    assert sorted(decoded) == (
        ["a.png"] if where == "pixels" else [*map("{}.png".format, ("a", "b", "bad", *"cdef"))]
    )


def test_what_is_too_much_for_a_cache_is_decoded_when_it_is_read(
    folder: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 60)
    before = everything(load(folder).train)
    decoded.clear()
    train = load(folder).train
    assert decoded == [] and len(train.broken) == 1  # what is broken is known
    train.digest(np.arange(4))
    assert decoded == []
    assert everything(train) == before
    assert decoded == ["a.png", "b.png", "c.png", "d.png"]
    assert cache_of(folder).stat().st_size < 2000


def test_without_a_cache(folder: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / "file").touch()
    monkeypatch.setenv("KITNET_CACHE", str(folder.parent / "file"))
    train = load(folder).train
    assert train.warnings[1].startswith(
        "pictures are decoded anew each time, since no cache can be written ("
    )
    assert everything(train) == [
        open_image(folder / "train" / "one" / f"{name}.png").tobytes() for name in "abcd"
    ]
    monkeypatch.setattr(module, "cache_folder", lambda: None)
    assert load(folder).train.warnings[1] == (
        "pictures are decoded anew each time, since no cache can be written (there is no folder for caches; "
        "name one in KITNET_CACHE)"
    )


def test_its_size_is_told(folder: Path, decoded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAID", 10)
    train = load(folder).train
    assert train.warnings[1] == f"pictures were decoded once, into {cache_of(folder)} (0 MiB)"
    assert len(load(folder).train.warnings) == 1


def test_a_file_that_cannot_be_read_is_tried_again(folder: Path, decoded: list[str]) -> None:
    path = folder / "train" / "one" / "a.png"
    path.rename(folder / "kept")
    path.symlink_to(folder / "nowhere")
    assert len(load(folder).train) == 3
    (folder / "kept").rename(folder / "nowhere")
    assert len(load(folder).train) == 4


def test_more_megapixels_are_an_own_condition(folder: Path, decoded: list[str]) -> None:
    assert len(load(folder, megapixels=1e-5).train) == 2  # 3x2 and 3x3
    assert len(load(folder).train) == 4


def test_what_is_looked_at_is_told(decoded: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many files are done, of all; nothing where the cache has them."""
    monkeypatch.setattr(module, "AT_ONCE", 2)
    heard: list[tuple[int, int]] = []
    with module.heard_by(lambda done, every: heard.append((done, every))):
        load(folder)
        assert heard == [(2, 7), (4, 7), (6, 7), (7, 7)] and len(decoded) == 7
    load(folder)
    with module.heard_by(lambda done, every: heard.append((done, every))):
        (folder / "train" / "one" / "a.png").touch()
        load(folder)
    assert heard[4:] == [(2, 7), (4, 7), (6, 7), (7, 7)] and len(decoded) == 8
