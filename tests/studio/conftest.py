"""A studio whose training is paused before its first step."""

import time

import pytest

pytest.importorskip("starlette")
from kitnet.studio.training import Training
from kitnet.train import Settings

MODEL = "8x8x1 -> conv3-4 same -> relu -> maxpool2 -> fc10"
SECONDS = 60


def until(what, seconds=SECONDS):
    """Wait until something holds."""
    ends = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < ends, "it took too long"
        time.sleep(0.01)


@pytest.fixture
def make(easy, tmp_path):
    """Makes trainings that are ended after the test."""
    made = []

    def paused(open=True, **settings):
        usual = {"model": MODEL, "data": easy, "epochs": 30, "batch": 16, "runs": str(tmp_path / "runs")}
        training = Training.of(Settings(**usual | settings))
        made.append(training)
        if open:
            training.open()
            until(lambda: training.state in ("paused", "failed"))
        return training

    yield paused
    for training in made:
        training.stop()
