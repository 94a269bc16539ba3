"""Faces as they are kept: the ORL database as it unpacks, and Olivetti's as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from catalogue import row
from PIL import Image

import kitnet
from kitnet.base.error import DataError
from kitnet.data import Preparation, load


@pytest.fixture
def orl(tmp_path: Path) -> Path:
    """s1/1.pgm to s4/10.pgm, 112 x 92 grey pixels, beside a README."""
    folder, random = tmp_path / "orl_faces", np.random.default_rng(0)
    for person in range(1, 5):
        (folder / f"s{person}").mkdir(parents=True)
        for number in range(1, 11):
            pixels = random.integers(0, 256, (112, 92), np.uint8)
            Image.fromarray(pixels).save(folder / f"s{person}" / f"{number}.pgm")
    (folder / "README").write_text("The ORL face database\n")
    return folder


@row(128)
def test_the_orl_folder(orl: Path) -> None:
    """A person is a class; the README is no picture; pixels are the file's own."""
    parts = load(str(orl), split=0.3)
    assert parts.test is not None
    assert parts.train.classes == ("s1", "s2", "s3", "s4") and parts.train.broken == ()
    assert len(parts.train) + len(parts.test) == 40
    images, labels = parts.train.read(np.arange(len(parts.train)))
    for i, (image, label) in enumerate(zip(images, labels, strict=True)):
        name = Path(parts.train.called(i)).name
        file = np.asarray(Image.open(orl / parts.train.classes[label] / name))
        np.testing.assert_array_equal(image[..., 0], file)
    prepared, _ = Preparation.fitted(parts.train, (56, 46, 1)).prepare_all(parts.test)
    assert prepared.shape == (len(parts.test), 56, 46, 1)


@row(128)
def test_olivetti_as_arrays(tmp_path: Path) -> None:
    """Floats (400,64,64) and persons (400,), as scikit-learn has them: to `fit` as they are, and as a file of
    four arrays of bytes."""
    random = np.random.default_rng(0)
    faces, persons = random.random((40, 64, 64), np.float32), np.repeat(np.arange(4), 10)
    model = kitnet.Model("64x64x1 -> conv4-4/4 -> relu -> fc4")
    model.fit(faces, persons, epochs=1, engine="formula")
    assert model.predict(faces).shape == (40,)
    bytes_, first = np.rint(255 * faces).astype(np.uint8), np.arange(40) % 10 < 5
    np.savez(
        tmp_path / "faces.npz",
        x_train=bytes_[first], y_train=persons[first], x_test=bytes_[~first], y_test=persons[~first],
    )  # fmt: skip
    parts = load(str(tmp_path / "faces.npz"))
    assert (len(parts.train), parts.train.classes) == (20, ("0", "1", "2", "3"))
    np.savez(tmp_path / "as_they_are.npz", images=faces, target=persons)
    with pytest.raises(DataError) as caught:
        load(str(tmp_path / "as_they_are.npz"))
    assert str(caught.value) == (
        f"{tmp_path / 'as_they_are.npz'}: it has images, target; expected x_train, y_train, x_test, y_test, "
        "or train_images, train_labels, test_images, test_labels"
    )
