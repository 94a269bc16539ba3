"""Small runs, and folders of data for them."""

import pytest
from patterns import write_folder


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
            "validation": 0.0,
            "runs": str(tmp_path / "runs"),
        }
        return Settings(**{**usual, **other})

    return make
