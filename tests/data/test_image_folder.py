"""Folders and lists of pictures: classes, parts, splits, sizes, broken files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kitnet.base.error import DataError
from kitnet.data import Preparation, load
from kitnet.data.image_files import ImageFiles


def picture(path: Path, value: int = 0, shape: Sequence[int] = (4, 4, 3)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(shape, value, np.uint8).squeeze()).save(path)
    return path


def refusal(*arguments: object, **given: object) -> str:
    with pytest.raises(DataError) as caught:
        load(*arguments, **given)  # type: ignore[arg-type]
    return str(caught.value)


def names(source: object) -> list[str]:
    assert isinstance(source, ImageFiles)
    return [file.path.name for file, _ in source.files]


def test_train_and_test_folders(tmp_path: Path) -> None:
    for i, (part, label, name) in enumerate(
        [
            ("train", "dog", "b.png"),
            ("train", "dog", "a.PNG"),
            ("train", "cat", "deep/c.bmp"),
            ("train", "cat", ".hidden.png"),
            ("test", "cat", "d.png"),
            ("val", "dog", "e.png"),
        ]
    ):
        picture(tmp_path / part / label / name, i)
    (tmp_path / "train" / "dog" / "notes.txt").write_text("no picture")
    train, validation, test = load(tmp_path)
    assert train.classes == test.classes == validation.classes == ("cat", "dog")
    assert (names(train), names(test)) == (["c.bmp", "a.PNG", "b.png"], ["d.png"])
    assert names(validation) == ["e.png"]
    images, labels = train.read(np.array([2, 0]))
    assert isinstance(images, np.ndarray) and images[:, 0, 0, 0].tolist() == [0, 2]
    assert labels.tolist() == [1, 0]
    (tmp_path / "test").rename(tmp_path / "kept")
    assert load(tmp_path).test is None and names(load(tmp_path).validation) == ["e.png"]
    assert sum(map(len, load(tmp_path, split=0.5).named().values())) == 4  # the test part is of `train`
    (tmp_path / "kept").rename(tmp_path / "test")
    text = f"{tmp_path}: it has a test part of its own; leave out --split"
    assert refusal(tmp_path, split=0.5) == text
    assert refusal("digits", split=0.5) == "digits: it has a test part of its own; leave out --split"


def test_a_split_depends_on_the_paths_and_takes_of_each_class_the_same_share(tmp_path: Path) -> None:
    for label in ("a", "b"):
        for i in range(40):
            picture(tmp_path / "one" / label / f"{i}.png", shape=(2, 2))
    kept = names(load(tmp_path / "one", split=0.25).test)
    assert len(kept) == 20 and load(tmp_path / "one", split=0.25).test.labels.sum() == 10
    # known for ever: another version must not move pictures from one part to the other
    assert kept[:5] == ["10.png", "12.png", "21.png", "24.png", "29.png"]
    assert set(kept[:5]) < set(names(load(tmp_path / "one", split=0.5).test))
    (tmp_path / "one").rename(tmp_path / "two")
    picture(tmp_path / "two" / "a" / "another.png", shape=(2, 2))
    (tmp_path / "two" / "a" / "0.png").unlink()
    part = load(tmp_path / "two", split=0.25).test
    again, labels = names(part), part.labels
    assert again[10:] == kept[10:] and labels.tolist() == [0] * 10 + [1] * 10  # class b is as it was
    assert len({*again[:10]} & {*kept[:10]}) >= 8  # one came and one went, and each moves one at most


def test_what_a_split_needs(tmp_path: Path) -> None:
    for label in ("a", "b"):
        picture(tmp_path / "plain" / label / "x.png")
        picture(tmp_path / "parts" / "train" / label / "x.png")
    share = "take a share of the pictures with --split 0.2"
    assert refusal(tmp_path / "plain") == f"{tmp_path / 'plain'}: it has no test part; {share}"
    assert refusal(tmp_path / "parts") == (
        f"{tmp_path / 'parts'}: it has no test part, which would be a folder test or testing beside "
        f"train; {share}"
    )
    assert refusal(tmp_path / "plain", split=1e-9) == (
        f"{tmp_path / 'plain'}: no picture to test with; there are 2 in all"
    )
    picture(tmp_path / "parts" / "test" / "c" / "x.png")
    assert refusal(tmp_path / "parts") == (
        f"{tmp_path / 'parts'}: the class 'c' of c/x.png has pictures to test with but none to train with"
    )


def test_pictures_of_many_sizes_and_kinds(tmp_path: Path) -> None:
    for part in ("train", "test"):
        picture(tmp_path / part / "a" / "x.png", 255, (10, 4, 3))
        picture(tmp_path / part / "b" / "y.png", 255, (3, 9))
    train, _, test = load(tmp_path)
    assert [image.shape for image in train.read(np.arange(2))[0]] == [(10, 4, 3), (3, 9, 1)]
    preparation = Preparation.fitted(train, (6, 6, 3))
    assert (preparation.resize, preparation.mean, preparation.std) == ((6, 6), (1.0,) * 3, (1.0,) * 3)
    assert preparation.prepare_all(test)[0].shape == (2, 6, 6, 3)
    assert preparation.first(test, 8).shape == (2, 6, 6, 3)


def test_broken_pictures_are_named_and_left_out(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label in "ab":
            picture(tmp_path / part / label / "good.png")
    whole = (tmp_path / "train" / "a" / "good.png").read_bytes()
    for i in range(5):
        (tmp_path / "train" / "a" / f"bad{i}.png").write_bytes(whole[: 41 + i])
    train, _, test = load(tmp_path)
    assert isinstance(train, ImageFiles) and names(train) == ["good.png", "good.png"]
    reason = "the PNG picture is truncated or damaged; take a fresh copy of the file"
    assert train.warnings == (
        f"5 of 7 pictures are broken and left out; the first: {tmp_path}/train/a/bad0.png: {reason}",
    )
    assert len(train.broken) == 5 and test.warnings == ()
    assert refusal(tmp_path, strict=True) == f"{tmp_path}/train/a/bad0.png: {reason}"
    (tmp_path / "train" / "a" / "good.png").unlink()
    assert refusal(tmp_path) == f"{tmp_path}: all pictures of the class 'a' are broken; mend or remove them"


def test_a_list_of_paths_and_labels(tmp_path: Path) -> None:
    for i, name in enumerate(("a.png", "b/c.png", "d.png", "e.png")):
        picture(tmp_path / name, i)
    lines = ["Label,File,split", "cat,a.png,train", "dog,b/c.png,train", "dog,d.png,val", "cat,none.png,test"]
    lines.append("dog,e.png,testing")
    path = tmp_path / "set.csv"
    path.write_text("\ufeff" + "\n".join(lines) + "\n\n")
    train, validation, test = load(path)
    assert (names(train), names(test), train.classes) == (["a.png", "c.png"], ["e.png"], ("cat", "dog"))
    assert names(validation) == ["d.png"]
    assert test.warnings == (
        f"1 of 2 pictures are broken and left out; the first: {tmp_path}/none.png: No such file or directory",
    )
    path.with_suffix(".tsv").write_text("path\tlabel\na.png\tcat\nd.png\tcat\nb/c.png\tcat\ne.png\tcat\n")
    train, _, test = load(path.with_suffix(".tsv"), split=0.5)
    assert sorted(names(train) + names(test)) == ["a.png", "c.png", "d.png", "e.png"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "its first line has no column path or file or filename or image or image_path; it names none"),
        (
            b"path,x\na,b",
            "its first line has no column label or class or category or target; it names path, x",
        ),
        (
            b"path;label\na.png;cat",
            "its first line is 'path;label': semicolons between its columns, expected commas; save it with "
            "these",
        ),
        (b"path,label\na.png", "line 2: 1 fields; expected at least 2"),
        (b"path,label\na.png, ", "line 2: expected a path and a class, but got 'a.png, '"),
        (
            b"path,label,part\na.png,cat,tset",
            "line 2: the part 'tset' is unknown; known: train, training, val, valid, validation, test, "
            "testing",
        ),
        (
            b"path,label\na.png,cat",
            "it has no test part, named in a column 'part'; take a share of the pictures with --split 0.2",
        ),
        (b"path,label\n\xff,cat", "it is not UTF-8; save it as UTF-8"),
        (b"path,label\n" + b"x" * 200_000, "line 2: field larger than field limit (131072)"),
    ],
    ids=range(9),
)  # fmt: skip
def test_lists_that_are_none(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "set.csv"
    path.write_bytes(content)
    assert refusal(path) == f"{path}: {reason}"
