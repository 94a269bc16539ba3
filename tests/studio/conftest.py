"""A studio whose training is paused before its first step."""

import pytest
from driven import MODEL, is_at_rest, until

from kitnet.studio.training import Training
from kitnet.train import Settings


@pytest.fixture
def make(easy, tmp_path):
    """Makes trainings that are ended after the test."""
    made = []

    def paused(training=None, **settings):
        usual = {
            "model": MODEL,
            "data": easy,
            "epochs": 30,
            "batch": 16,
            "validation": 0.0,
            "runs": str(tmp_path / "runs"),
        }
        training = training or Training.of(Settings(**usual | settings))
        made.append(training)
        training.open()
        until(lambda: is_at_rest(training))
        return training

    yield paused
    for training in made:
        training.stop()
