"""The experiments of the folder run, and the committed results are of what stands there."""

from __future__ import annotations

import csv
import importlib.util
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


def test_deviations_grow_by_the_root_of_two_a_layer_from_lecun_to_he():
    """Both draw the same numbers, and a layer of ReLUs without biases is proportional to its weights."""
    rows = read(RESULTS / "deviations.csv")
    found = {(row["variant"], row["seed"], row["layer"]): float(row["deviation"]) for row in rows}
    network = "20 layers with ReLUs"
    for seed in "012":
        for layer in range(1, 20):
            lecun, he = (found[f"{network}, {init}", seed, f"relu{layer}"] for init in ("lecun", "he"))
            assert he / lecun == pytest.approx(2 ** (layer / 2), rel=2e-3)
            assert found[f"{network}, zeros", seed, f"relu{layer}"] == 0


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
