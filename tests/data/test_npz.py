"""Data sets in one .npz file."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from kitnet.base.error import DataError
from kitnet.data import load

KERAS = ("x_train", "y_train", "x_test", "y_test")
PLAIN = ("train_images", "train_labels", "test_images", "test_labels")


def arrays(names: tuple[str, ...] = KERAS, shape: tuple[int, ...] = (4, 5)) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    made = [
        draw.integers(0, 256, (6, *shape), np.uint8),
        np.array([0, 1, 2, 2, 1, 0], np.uint8),
        draw.integers(0, 256, (3, *shape), np.uint8),
        np.array([2, 0, 1], np.uint8),
    ]
    return dict(zip(names, made, strict=True))


def saved(path: Path, **given: np.ndarray) -> Path:
    np.savez_compressed(path, **given)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        load(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


@pytest.mark.parametrize("names", [KERAS, PLAIN], ids=["keras", "plain"])
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)], ids=["grey", "colour"])
def test_what_was_saved_is_read(tmp_path: Path, names: tuple[str, ...], shape: tuple[int, ...]) -> None:
    given = arrays(names, shape)
    train, _, test = load(saved(tmp_path / "set.npz", **given, other=np.zeros(2)))
    np.testing.assert_array_equal(train.images.reshape(given[names[0]].shape), given[names[0]])
    np.testing.assert_array_equal(test.images.reshape(given[names[2]].shape), given[names[2]])
    assert train.images.ndim == 4
    assert train.labels.tolist() == [0, 1, 2, 2, 1, 0]
    assert test.labels.tolist() == [2, 0, 1]
    assert train.classes == ("0", "1", "2")


def test_a_validation_part(tmp_path: Path) -> None:
    for names, own in ((KERAS, ("x_val", "y_val")), (PLAIN, ("val_images", "val_labels"))):
        given = arrays(names, (4, 5))
        given |= {own[0]: given[names[0]][1:3], own[1]: given[names[1]][1:3]}
        train, validation, test = load(saved(tmp_path / "set.npz", **given))
        np.testing.assert_array_equal(validation.images[..., 0], given[own[0]])
        assert (validation.labels.tolist(), len(train), len(test)) == ([1, 2], 6, 3)
        del given[own[1]]
        assert refusal(saved(tmp_path / "set.npz", **given)) == (
            f"it has {own[0]} alone; expected {own[0]} and {own[1]}"
        )
    given |= {own[0]: np.zeros((2, 3, 3), np.uint8), own[1]: np.zeros(2, int)}
    assert refusal(saved(tmp_path / "set.npz", **given)) == (
        "the validation pictures are 3x3x1 but those for training 4x5x1"
    )


def test_names_and_labels_in_a_column(tmp_path: Path) -> None:
    given = arrays()
    given["y_train"] = given["y_train"][:, None]
    train, *_ = load(saved(tmp_path / "set.npz", **given, classes=np.array(["a", "b", "c", "d"])))
    assert train.classes == ("a", "b", "c", "d")
    assert train.labels.shape == (6,)


def test_numbers_with_gaps(tmp_path: Path) -> None:
    """The classes are the distinct training labels; a class that one part lacks is no gap."""
    path, given = tmp_path / "set.npz", arrays()
    for name in ("y_train", "y_test"):
        given[name] = arrays()[name].astype(np.int64) * 100
    train, _, test = load(saved(path, **given))
    assert train.classes == test.classes == ("0", "100", "200")
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 1, 2, 2, 1, 0], [2, 0, 1])
    for wrong in (50, 300, -1):
        assert refusal(saved(path, **given | {"y_test": np.array([0, wrong, 100])})) == (
            f"label {wrong} of sample 1 is none of the 3 classes to train with, 0, 100, 200"
        )
    given |= {"y_train": np.array([0, 3, 1, 1, 3, 0]), "y_test": np.array([0, 2, 1])}
    assert load(saved(path, **given))[0].classes == ("0", "1", "2", "3")
    assert refusal(saved(path, **given | {"y_train": np.array([0, -1, 1, 1, 3, 0])})) == (
        "label -1 of sample 1 is negative; classes are numbered from 0, so leave such pictures out or number "
        "them anew"
    )


def test_labels_that_are_names(tmp_path: Path) -> None:
    given = arrays()
    names = np.array(["cat", "ant", "dog"])
    for kind in ("U3", "S3"):
        given |= {name: names[arrays()[name]].astype(kind) for name in ("y_train", "y_test")}
        train, _, test = load(saved(tmp_path / "set.npz", **given))
        assert train.classes == ("ant", "cat", "dog")
        assert (train.labels.tolist(), test.labels.tolist()) == ([1, 0, 2, 2, 0, 1], [2, 1, 0])
    train, *_ = load(saved(tmp_path / "set.npz", **given, classes=np.array(["dog", "cat", "ant", "eel"])))
    assert train.labels.tolist() == [1, 2, 0, 0, 2, 1] and train.classes[3] == "eel"
    given["y_test"] = np.array(["dog", "cow", "ant"])
    assert refusal(saved(tmp_path / "set.npz", **given)) == (
        "label 'cow' of sample 1 is none of the 3 classes, ant, cat, dog"
    )
    given["y_test"] = np.array([0, 1, 2])
    assert len(load(saved(tmp_path / "set.npz", **given)).test) == 3
    given["y_train"] = np.array([b"\xff"] * 6)
    assert refusal(saved(tmp_path / "set.npz", **given)) == (
        "its labels are bytes that are not UTF-8; save them as texts"
    )


def test_what_is_no_such_file(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    assert refusal(path) == "No such file or directory"
    path.write_bytes(b"PK\x03\x04 and no more")
    assert refusal(path) == "it is no whole .npz file; take a fresh copy"
    path.write_bytes(b"")
    assert refusal(path) == "it is no whole .npz file; take a fresh copy"
    saved(path, **arrays())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert refusal(path) == "it is no whole .npz file; take a fresh copy"
    with zipfile.ZipFile(path, "w") as archive:
        for name in KERAS:
            archive.writestr(f"{name}.npy", b"no array")
    assert refusal(path) == "x_train is no array; take a fresh copy"


def test_arrays_that_are_no_data_set(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    saved(path, weights=np.zeros(3))
    assert refusal(path) == f"it has weights; expected {', '.join(KERAS)}, or {', '.join(PLAIN)}"
    saved(path, **(arrays() | {"y_test": np.array([2, 0, 3], np.uint8)}))
    assert refusal(path) == "label 3 of sample 2 is outside the 3 classes; expected 0 to 2"
    saved(path, **(arrays() | {"x_test": np.zeros((3, 4, 4), np.uint8)}))
    assert refusal(path) == "the test pictures are 4x4x1 but those for training 4x5x1"
    saved(path, **(arrays() | {"x_train": np.zeros((6, 4, 5), np.float32)}))
    assert refusal(path) == "pixels of type float32; pictures must be unsigned bytes, 0 to 255"
    saved(path, **arrays(), classes=np.arange(3))
    assert refusal(path) == "classes of shape 3, type int64; expected a row of names"


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "set.npz"
    labels = np.array([0, 1, 2, 2, 1, "x"], object)
    np.savez(path, **(arrays() | {"y_train": labels}))
    assert refusal(path) == "y_train holds Python objects, not numbers; save it as an array"
