"""The validation part: a share of the training part that depends on the data alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kitnet.base.error import DataError
from kitnet.data import Dataset, Parts, Source, load
from kitnet.data.image_files import ImageFiles
from kitnet.data.validation import with_validation


def numbered(labels: np.ndarray) -> Dataset:
    """Pictures that are their own numbers."""
    images = np.arange(len(labels)).astype(np.uint8).reshape(-1, 1, 1, 1)
    return Dataset("numbered", images, labels, tuple("abc"))


def held(source: Source, share: float) -> list[int]:
    part = with_validation(Parts(source), share).validation
    assert part is not None
    return part.read(np.arange(len(part)))[0][:, 0, 0, 0].tolist()  # type: ignore[call-overload, no-any-return]


def test_each_class_gives_the_same_share() -> None:
    train, validation, test = load("digits", validation=0.1)
    assert validation is not None and test is not None
    whole = load("digits").train
    assert len(train) + len(validation) == len(whole) and len(test) == 360
    counts = [np.bincount(part.labels_of(np.arange(len(part)))) for part in (whole, validation)]
    assert (np.abs(counts[1] - counts[0] / 10) <= 0.5).all()


def test_every_picture_is_in_one_part() -> None:
    labels = np.random.default_rng(0).integers(0, 3, 200)
    parts = with_validation(Parts(numbered(labels)), 0.3)
    numbers = [part.read(np.arange(len(part)))[0][:, 0, 0, 0] for part in parts.named().values()]  # type: ignore[call-overload]
    assert sorted(np.concatenate(numbers).tolist()) == list(range(200))
    for part in parts.named().values():
        images, its_labels = part.read(np.arange(len(part)))
        assert its_labels.tolist() == labels[images[:, 0, 0, 0]].tolist()  # type: ignore[call-overload]


def test_which_ones_is_known_for_ever() -> None:
    """Another version must not move pictures from one part to the other."""
    labels = np.arange(60) % 3
    assert held(numbered(labels), 0.1) == [2, 13, 27, 46, 47, 54]
    assert set(held(numbered(labels), 0.1)) < set(held(numbered(labels), 0.2))


def test_a_class_of_one_picture_keeps_it() -> None:
    labels = np.array([0] * 20 + [1] + [2] * 20)
    assert 20 not in held(numbered(labels), 0.6)


def test_files_go_by_their_paths(tmp_path: Path) -> None:
    for part, count in (("train", 40), ("test", 2)):
        for label in "ab":
            for i in range(count):
                path = tmp_path / "one" / part / label / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.full((2, 2), i, np.uint8)).save(path)

    def paths(where: Path) -> set[str]:
        part = load(where, validation=0.25).validation
        assert part is not None
        return {Path(part.called(i)).relative_to(where).as_posix() for i in range(len(part))}

    kept = paths(tmp_path / "one")
    assert sum("/a/" in path for path in kept) == sum("/b/" in path for path in kept) == 10
    tested = load(tmp_path / "one" / "train", split=0.25).test
    assert isinstance(tested, ImageFiles)
    split = {file.key for file, _ in tested.files}
    assert kept != {f"train/{key}" for key in split}  # two draws, so that --split leaves some of all
    (tmp_path / "one").rename(tmp_path / "two")
    (tmp_path / "two" / "train" / "a" / "0.png").unlink()
    assert len(paths(tmp_path / "two") & kept) >= 19  # what has gone moves one at most


def test_what_is_refused(tmp_path: Path) -> None:
    for share in (-0.1, 1.0):
        with pytest.raises(DataError) as caught:
            load("digits", validation=share)
        assert str(caught.value) == (
            f"--validation {share} is not possible; use a share of 0 or more and below 1, such as 0.1"
        )
    with pytest.raises(DataError) as caught:
        load("digits", validation=1e-9)
    assert str(caught.value) == (
        "digits: --validation 1e-09 holds back none of 1437 pictures; use a larger share, or 0"
    )
    few = Parts(Dataset("few", np.zeros((18, 2, 2, 1), np.uint8), np.arange(18) % 9, (*"abcdefghi",)))
    refused = {
        (
            0.99,
            False,
        ): "--validation 0.99 leaves nothing to train with of 18 pictures; use a smaller share, or 0",
        (0.1, False): "--validation 0.1 holds back none of 18 pictures; use a larger share, or 0",
        (
            0.1,
            True,
        ): "the usual --validation 0.1 holds back none of 18 pictures; use a larger share, or "
        "switch it off with --validation 0",
    }
    for (share, usual), text in refused.items():
        with pytest.raises(DataError) as caught:
            with_validation(few, share, usual)
        assert str(caught.value) == f"few: {text}"
    for part in ("train", "val"):
        (tmp_path / part / "a").mkdir(parents=True)
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / part / "a" / "x.png")
    with pytest.raises(DataError) as caught:
        load(tmp_path, validation=0.1)
    assert str(caught.value) == (f"{tmp_path}: it has a validation part of its own; leave out --validation")
    assert load(tmp_path).test is None
    assert load("digits", validation=0.0).validation is None
