"""A set of ten patterns that anything can learn, as the idx files of a folder."""

import numpy as np
import pytest

from kitnet.data import write_idx


def patterns(count, seed):
    """uint8 (count,8,8): class k has one bright square of 2x2, the rest is faint noise. Classes in turn."""
    labels = (np.arange(count) % 10).astype(np.uint8)
    images = np.random.default_rng(seed).integers(0, 40, (count, 8, 8), np.uint8)
    for image, k in zip(images, labels, strict=True):
        image[k // 4 * 2 : k // 4 * 2 + 2, k % 4 * 2 : k % 4 * 2 + 2] = 255
    return images, labels


def write_folder(folder, train, test):
    folder.mkdir(parents=True, exist_ok=True)
    for part, (images, labels) in (("train", train), ("t10k", test)):
        write_idx(folder / f"{part}-images-idx3-ubyte", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", labels)
    return folder


@pytest.fixture(scope="session")
def easy(tmp_path_factory):
    """A folder with 100 pictures to train and 40 to test."""
    return str(write_folder(tmp_path_factory.mktemp("data") / "easy", patterns(100, 0), patterns(40, 1)))


@pytest.fixture
def write(tmp_path):
    """Writes another folder of idx files: write(name, train, test)."""
    return lambda name, train, test: str(write_folder(tmp_path / name, train, test))


@pytest.fixture
def settings(easy, tmp_path):
    """Settings of a small quick run, with any of them exchanged."""
    from kitnet.train import Settings

    def make(**other):
        usual = {
            "model": "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10",
            "data": easy,
            "epochs": 2,
            "batch": 16,
            "runs": str(tmp_path / "runs"),
        }
        return Settings(**{**usual, **other})

    return make
