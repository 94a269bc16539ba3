"""CIFAR's binary files, from folders and archives."""

from __future__ import annotations

import hashlib
import io
import pickle
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from catalogue import row

from kitnet.base.error import DataError
from kitnet.data import load
from kitnet.data import loading as module
from kitnet.data.cifar import CIFAR

NAMES = ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def made(folder: Path, name: str = "cifar10", each: int = 3) -> dict[str, bytes]:
    """The files of a set with `each` records a file, written there; by their names."""
    kind, draw = CIFAR[name].binary, np.random.default_rng(0)
    files = {
        file: draw.integers(0, 10, (each, CIFAR[name].labels + 3072), np.uint8).tobytes()
        for file in (*kind.train, *kind.test)
    }
    names = NAMES if name == "cifar10" else [f"class{i}" for i in range(100)]
    files[kind.names] = ("\n".join(names) + "\n\n").encode()
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (folder / file).write_bytes(content)
    return files


def archived(path: Path, files: dict[str, bytes], folder: str) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def refusal(*arguments: object) -> str:
    with pytest.raises(DataError) as caught:
        load(*arguments)  # type: ignore[arg-type]
    return str(caught.value)


def test_every_pixel_is_where_the_records_have_it(tmp_path: Path) -> None:
    files = made(tmp_path)
    train, _, test = load("cifar10", tmp_path)
    assert (train.images.shape, test.images.shape) == ((15, 32, 32, 3), (3, 32, 32, 3))
    assert train.classes == test.classes == tuple(NAMES)
    record = files["data_batch_2.bin"][3073:6146]  # the second of the second file
    assert train.labels[4] == record[0]
    for y, x, colour in [(0, 0, 0), (0, 31, 0), (5, 7, 1), (31, 31, 2)]:
        assert train.images[4, y, x, colour] == record[1 + colour * 1024 + y * 32 + x]


def test_the_fine_label_of_cifar100_counts(tmp_path: Path) -> None:
    files = made(tmp_path, "cifar100")
    train, *_ = load("cifar100", tmp_path)
    assert train.labels.tolist() == [files["train.bin"][3074 * i + 1] for i in range(3)]
    assert train.images[0, 0, 0, 0] == files["train.bin"][2]
    assert len(train.classes) == 100


@row(128)
@pytest.mark.parametrize("name", CIFAR)
def test_folders_and_archives_give_the_same(tmp_path: Path, name: str) -> None:
    kind = CIFAR[name].binary
    files = made(tmp_path / "plain" / kind.folder, name)
    archived(tmp_path / kind.archive, files, kind.folder)
    (tmp_path / "whole").mkdir()
    archived(tmp_path / "whole" / kind.archive, files, kind.folder)
    ways = [
        load(name, tmp_path / "plain"),
        load(name, tmp_path / "plain" / kind.folder),
        load(name, tmp_path / kind.archive),
        load(name, tmp_path / "whole"),
        load(tmp_path / "plain" / kind.folder),
    ]
    for train, _, test in ways[1:]:
        np.testing.assert_array_equal(train.images, ways[0].train.images)
        np.testing.assert_array_equal(test.labels, ways[0].test.labels)


def test_the_archive_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = CIFAR["cifar10"].binary
    files = made(tmp_path / "files")
    (tmp_path / "www").mkdir()
    archive = archived(tmp_path / "www" / kind.archive, files, kind.folder)
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    asked = []

    def retrieve(url: str, known_hash: str, fname: str, path: Path) -> str:
        asked.append((url, known_hash))
        (path / fname).write_bytes(archive.read_bytes())
        return str(path / fname)

    monkeypatch.setenv("KITNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(CIFAR, "cifar10", replace(CIFAR["cifar10"], sha256=sha256))
    monkeypatch.setattr("pooch.retrieve", retrieve)
    assert len(load("cifar10")[0]) == 15
    assert asked == [(f"{CIFAR['cifar10'].mirrors[0]}/{kind.archive}", f"sha256:{sha256}")]


def test_what_is_missing_or_damaged(tmp_path: Path) -> None:
    kind = CIFAR["cifar10"].binary
    files = made(tmp_path / "a")
    assert refusal("cifar10", tmp_path / "no") == f"{tmp_path / 'no'}: there is no such folder or file"
    assert refusal("cifar10", tmp_path) == (
        f"{tmp_path}: it has no data_batch_1.bin, no cifar-10-batches-bin, no cifar-10-binary.tar.gz, "
        "no data_batch_1, no cifar-10-batches-py, no cifar-10-python.tar.gz"
    )
    (tmp_path / "a" / "data_batch_3.bin").unlink()
    assert refusal("cifar10", tmp_path / "a") == (
        f"{tmp_path / 'a'}: data_batch_3.bin: No such file or directory"
    )
    made(tmp_path / "b")
    where = tmp_path / "b" / "test_batch.bin"
    where.write_bytes(files["test_batch.bin"][:-1])
    text = "9218 bytes are no whole number of records of 3073 bytes; take a fresh copy"
    assert refusal("cifar10", tmp_path / "b") == f"{where}: {text}"
    where.write_bytes(b"\x0a" + files["test_batch.bin"][1:])
    text = "label 10 of sample 0 is outside the 10 classes; expected 0 to 9"
    assert refusal("cifar10", tmp_path / "b") == f"{where}: {text}"
    made(tmp_path / "b")
    (tmp_path / "b" / kind.names).write_bytes(b"one\none\n")
    text = "expected the names of 10 classes, one a line"
    assert refusal("cifar10", tmp_path / "b") == f"{tmp_path / 'b' / kind.names}: {text}"


def test_archives_that_are_none(tmp_path: Path) -> None:
    kind = CIFAR["cifar10"].binary
    files = made(tmp_path / "a")
    archive = archived(tmp_path / "a.tar.gz", files, kind.folder)
    archive.write_bytes(archive.read_bytes()[:2000])
    assert refusal("cifar10", archive).startswith(f"{archive}: the archive is damaged or none (")
    archive.write_bytes(b"no archive")
    assert refusal("cifar10", archive).startswith(f"{archive}: the archive is damaged or none (")
    del files["test_batch.bin"]
    archived(archive, files, kind.folder)
    assert refusal("cifar10", archive) == (
        f"{archive}: the archive has no test_batch.bin; expected cifar-10-binary.tar.gz"
    )


def test_a_link_in_an_archive_is_not_followed(tmp_path: Path) -> None:
    kind = CIFAR["cifar10"].binary
    files = made(tmp_path / "a")
    archive = tmp_path / "a.tar.gz"
    with tarfile.open(archive, "w:gz") as made_archive:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{kind.folder}/{name}")
            if name == "test_batch.bin":
                member.type, member.linkname = tarfile.SYMTYPE, str(tmp_path / "a" / name)
            member.size = 0 if member.issym() else len(content)
            made_archive.addfile(member, io.BytesIO(content))
    assert "the archive has no test_batch.bin" in refusal("cifar10", archive)


def test_a_name_knows_where_its_archive_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path / "cifar10")
    monkeypatch.setattr(module, "download_cifar", lambda name: tmp_path / name)
    assert len(load("cifar10").test) == 3


def for_python(folder: Path, name: str, files: dict[str, bytes], protocol: int = 2) -> dict[str, bytes]:
    """The same set in the version for Python, written there."""
    kind = CIFAR[name]
    made = {}
    for there, here in zip(kind.binary.files, kind.python.files, strict=True):
        if there == kind.binary.names:
            value = {kind.keys[1]: files[there].decode().split()}
        else:
            rows = np.frombuffer(files[there], np.uint8).reshape(-1, kind.labels + 3072)
            value = {
                "data": rows[:, kind.labels :].copy(),
                kind.keys[0]: rows[:, kind.labels - 1].tolist(),
                "filenames": [f"{i}.png" for i in range(len(rows))],
            }
        made[here] = pickle.dumps(value, protocol)
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in made.items():
        (folder / file).write_bytes(content)
    return made


@pytest.mark.parametrize("name", CIFAR)
def test_the_version_for_python_gives_the_same(tmp_path: Path, name: str) -> None:
    kind = CIFAR[name]
    expected = made(tmp_path / "binary", name)
    ways = [load(name, tmp_path / "binary")]
    for protocol in (2, 4):
        files = for_python(tmp_path / f"{protocol}" / kind.python.folder, name, expected, protocol)
        ways.append(load(name, tmp_path / f"{protocol}"))
    ways.append(load(tmp_path / "2" / kind.python.folder))
    ways.append(load(archived(tmp_path / kind.python.archive, files, kind.python.folder)))
    for train, _, test in ways[1:]:
        np.testing.assert_array_equal(train.images, ways[0].train.images)
        np.testing.assert_array_equal(train.labels, ways[0].train.labels)
        np.testing.assert_array_equal(test.labels, ways[0].test.labels)
        assert train.classes == ways[0].train.classes


def test_pickles_that_are_no_batches(tmp_path: Path) -> None:
    for_python(tmp_path, "cifar10", made(tmp_path / "binary"))
    where = tmp_path / "data_batch_2"
    good = pickle.loads(where.read_bytes())
    for changed, reason in (
        ([1], "expected a pickle of a dictionary with 'data' and 'labels'; take a fresh copy"),
        (
            good | {"labels": 3},
            "expected a pickle of a dictionary with 'data' and 'labels'; take a fresh copy",
        ),
        (good | {"data": [1]}, "'data' is no array of bytes, number x 3072; take a fresh copy"),
        (
            good | {"data": good["data"][:, 1:]},
            "'data' is no array of bytes, number x 3072; take a fresh copy",
        ),
        (good | {"labels": ["1", 2, 3]}, "'labels' is no list of class numbers; take a fresh copy"),
        (good | {"labels": [1, 2]}, "2 labels for 3 pictures; expected one label a picture"),
        (good | {"labels": [1, 2, 10]}, "label 10 of sample 2 is outside the 10 classes; expected 0 to 9"),
    ):
        where.write_bytes(pickle.dumps(changed, 2))
        assert refusal("cifar10", tmp_path) == f"{where}: {reason}"
    where.write_bytes(b"cos\nsystem\n(X\x01\x00\x00\x00xtR.")
    assert refusal(tmp_path) == f"{where}: the pickle calls os.system, and only arrays of numbers are made"
