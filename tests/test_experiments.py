"""The experiments of the folder run, and the committed results are of what stands there."""

from __future__ import annotations

import csv
import importlib.util
import math
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT, RESULTS = ROOT / "experiments" / "run.py", ROOT / "results" / "experiments"


def experiments():
    spec = importlib.util.spec_from_file_location("experiments_run", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # which its dataclasses ask for
    spec.loader.exec_module(module)
    return module


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_the_committed_results_have_all_variants_and_three_seeds():
    module = experiments()
    for name, variants in module.EXPERIMENTS.items():
        rows = read(RESULTS / f"{name}.csv")
        found = [(row["variant"], int(row["seed"])) for row in rows]
        assert found == [(each.name, seed) for each in variants for seed in range(3)]
        assert {row["command"] for row in rows} == {f"python experiments/run.py {name} --seeds 3"}


def test_the_deviations_of_the_first_layers_are_those_of_their_formulas():
    """A ReLU halves the mean square, which `he` makes up for; with `lecun` it falls by half in each layer."""
    rows = [
        row for row in read(RESULTS / "deviations.csv") if row["variant"].startswith("20 layers with ReLUs")
    ]

    def last(init, layer):
        found = [float(r["deviation"]) for r in rows if r["variant"].endswith(init) and r["layer"] == layer]
        return sum(found) / len(found)

    assert 0.2 < last(", he", "relu19") / last(", he", "relu2") < 5
    fall = last(", lecun", "relu19") / last(", lecun", "relu2")
    assert math.log2(fall) == pytest.approx(-17 / 2, abs=2)  # the root of a half, 17 times
    assert last("zeros", "relu1") == 0


@pytest.mark.slow
def test_one_runs_with_one_seed(tmp_path):
    words = ["pooling", "--seeds", "1", "--epochs", "2", "--output", str(tmp_path)]
    done = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0] == "pooling" and "max pooling" in done.stdout
    rows = read(tmp_path / "pooling.csv")
    assert [row["variant"] for row in rows] == ["max pooling", "mean pooling"]
    assert all(float(row["test"]) > 50 for row in rows)


@pytest.mark.slow
def test_an_unknown_one():
    done = subprocess.run([sys.executable, SCRIPT, "pools"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "no experiment 'pools'; known: initialisation, " in done.stderr
