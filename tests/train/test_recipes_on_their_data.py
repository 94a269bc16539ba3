"""The recipes of the LeNets on their data: no warning on the way, and what they are known to reach."""

from __future__ import annotations

import os
import statistics

import pytest

from kitnet.train import Finished, Settings, Warned, train

SEEDS = (0, 1, 2)
REACHED = {  # the mean test accuracy of the seeds, a little below what results/records.csv has
    "lenet5.digits": 0.965,
    "lenet5.mnist": 0.9935,
    "lenet5-1998.mnist": 0.9915,
    "lenet5.fashion-mnist": 0.908,
}


def accuracy(name: str, seed: int, runs: str, data_dir: str | None = None) -> float:
    """Of one training, which warns of nothing."""
    events = list(train(Settings(model=name, seed=seed, runs=runs, data_dir=data_dir)))
    assert [event.text for event in events if isinstance(event, Warned)] == []
    assert isinstance(events[-1], Finished) and events[-1].summary["trouble"] == ""
    found: float = events[-1].summary["test_accuracy"]
    return found


@pytest.mark.slow
def test_the_recipe_for_digits(tmp_path):
    found = [accuracy("lenet5.digits", seed, str(tmp_path)) for seed in SEEDS]
    assert statistics.mean(found) >= REACHED["lenet5.digits"]


@pytest.mark.long
@pytest.mark.skipif("KITNET_DATA" not in os.environ, reason="KITNET_DATA names no folder with MNIST")
@pytest.mark.parametrize("name", [name for name in REACHED if name != "lenet5.digits"])
def test_a_recipe_for_data_of_the_users(tmp_path, name):
    found = [accuracy(name, seed, str(tmp_path), os.environ["KITNET_DATA"]) for seed in SEEDS]
    assert statistics.mean(found) >= REACHED[name]
