"""A studio whose training is paused before its first step."""

import time

import pytest

from kitnet.studio.training import Training
from kitnet.train import Settings

MODEL = "8x8x1 -> conv3-4 same -> relu -> maxpool2 -> fc10"
SECONDS = 60


def until(what, seconds=SECONDS):
    """Wait until something holds."""
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.005)


def is_at_rest(training):
    return training.state in ("paused", "failed", "ended", "stopped")


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
