"""Sources: what any of them can do by its length and `read` alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kitnet.base.error import DataError, KitnetError
from kitnet.data import Dataset, Given, Kind, Loader, Parts, Preparation, Source, load, register
from kitnet.data.kind import KINDS


class Own(Source):
    """Eleven pictures of one pixel, each its number; `even` ones have one size, others sizes of their own."""

    name, classes = "own", ("even", "odd")

    def __init__(self, even: bool) -> None:
        self.even = even

    def __len__(self) -> int:
        return 11

    def read(self, samples: np.ndarray) -> tuple[object, np.ndarray]:
        sizes = np.ones(11, int) if self.even else np.arange(11) % 4 + 1
        images = [np.full((sizes[i], 2, 1), i, np.uint8) for i in samples]
        return (np.stack(images) if self.even else images), samples % 2


def numbers(source: Source) -> list[int]:
    return [int(image[0, 0, 0]) for images, _ in source.chunks() for image in images]


def test_shards_share_out_what_there_is() -> None:
    for source in (Own(False), Dataset("mine", *Own(True).read(np.arange(11)), ("a", "b"))):
        shards = [source.shard(i, 3) for i in range(3)]
        assert [numbers(one) for one in shards] == [[0, 3, 6, 9], [1, 4, 7, 10], [2, 5, 8]]
        assert numbers(shards[1].subset(np.array([3, 0])).shard(0, 1)) == [10, 1]
        with pytest.raises(KitnetError) as caught:
            source.shard(3, 3)
        assert str(caught.value) == "the number of a shard 3 is not possible; use 0 to 2"
    with pytest.raises(DataError) as caught:
        Own(True).subset(slice(0))
    assert str(caught.value) == "own: no picture is left; expected at least one"


def test_a_source_of_ones_own_gives_what_its_arrays_give() -> None:
    own = Own(True)
    arrays = Dataset("mine", *own.read(np.arange(11)), own.classes)
    kept = []
    for source in (own, arrays):
        preparation = Preparation.fitted(source, (2, 2, 3))
        kept.append((preparation, list(Loader(source, preparation, 4, seed=3).epoch(1))))
    assert kept[0][0] == kept[1][0]
    for (x, labels), (expected, as_expected) in zip(kept[0][1], kept[1][1], strict=True):
        np.testing.assert_array_equal(x, expected)
        np.testing.assert_array_equal(labels, as_expected)


def test_pictures_of_many_sizes_are_resized_as_for_prediction() -> None:
    own = Own(False)
    preparation = Preparation.fitted(own, (2, 2, 1))
    assert preparation.resize == (2, 2)
    images, _ = own.read(np.arange(11))
    x = preparation.prepare(images)
    for image, one in zip(images, x, strict=True):
        np.testing.assert_array_equal(preparation.prepare(image[None])[0], one)
    assert preparation.first(own, 3).shape == (3, 2, 2, 1)
    np.testing.assert_array_equal(preparation.prepare(preparation.first(own, 3)), x[:3])


def test_a_kind_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(name: str, given: Given) -> Parts:
        return Parts(Own(True), test=Own(False))

    monkeypatch.delitem(KINDS, "own", raising=False)
    register("own", Kind("a .own file", lambda path: path.suffix == ".own", read))
    (tmp_path / "a.own").touch()
    train, _, test = load(tmp_path / "a.own")
    assert len(train) == len(test) == 11
    with pytest.raises(DataError) as caught:
        load(tmp_path / "a.own", split=0.5)
    assert str(caught.value) == f"{tmp_path}/a.own: it has a test part of its own; leave out --split"
    with pytest.raises(DataError) as caught:
        load(tmp_path / "a.own", split=1)
    assert str(caught.value) == "--split 1 is not possible; use a share between 0 and 1, such as 0.2"
    del KINDS["own"]
