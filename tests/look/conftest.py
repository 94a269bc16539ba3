"""A small run, and folders as a run leaves them."""

import numpy as np
import pytest
from patterns import patterns, write_folder

from kitnet.data import Dataset
from kitnet.train import Judgement, Settings, train

LINE = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"


@pytest.fixture(scope="session")
def ran(tmp_path_factory, easy):
    """The folder of a run of three epochs by the formulas, which still makes mistakes."""
    runs = tmp_path_factory.mktemp("look")
    settings = Settings(model=LINE, data=easy, epochs=3, batch=50, engine="formula", runs=str(runs))
    return list(train(settings))[-1].folder


@pytest.fixture
def write_run(tmp_path):
    """Writes a run folder: write_run(name, results, settings) with results.csv as text."""

    def write(name, results=None, summary=None, **settings):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "args.toml").write_text(Settings(**{"model": LINE, **settings}).to_toml())
        for file, text in (("results.csv", results), ("summary.json", summary)):
            if text is not None:
                (folder / file).write_text(text)
        return folder

    return write


@pytest.fixture
def judgement():
    """Eight pictures of three classes: right, wrong and wrong again, with losses that decide their order."""
    images = np.arange(8 * 4 * 4, dtype=np.uint8).reshape(8, 4, 4, 1)
    labels = np.array([0, 0, 1, 1, 2, 2, 2, 0])
    predicted = np.array([0, 1, 1, 2, 1, 2, 1, 1])
    return Judgement(
        Dataset("eight", images, labels, ("a", "b", "c")),
        labels,
        predicted,
        np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.9, 0.4, 0.8]),
        np.array([0.1, 3.0, 0.2, 1.0, 5.0, 0.1, 2.0, 3.0]),
    )


@pytest.fixture
def other_data(tmp_path):
    return str(write_folder(tmp_path / "other", patterns(20, 3), patterns(20, 4)))
