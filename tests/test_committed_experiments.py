"""The experiments of the folder run, and the committed results are of what stands there."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from catalogue import row

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


def means(name, column="test"):
    """The mean over the seeds of each variant."""
    found = {}
    for each in read(RESULTS / f"{name}.csv"):
        found.setdefault(each["variant"], []).append(float(each[column] or "inf"))
    return {variant: sum(values) / len(values) for variant, values in found.items()}


@row(80)
def test_init_and_activation_decide_how_fast_a_network_learns():
    found = means("initialisation")
    deep = {
        name.rpartition(", ")[2]: x for name, x in found.items() if name.startswith("20 layers with ReLUs")
    }
    assert deep["he"] > 80 and max(x for init, x in deep.items() if init != "he") < 11
    steps = means("activation", "steps")
    assert 2 * steps["relu, rate 0.005"] < steps["tanh, rate 0.005"] < steps["sigmoid, rate 0.05"]
    assert steps["sigmoid, rate 0.005"] == float("inf")


@row(143)
def test_maxima_stride_1_and_padding_help():
    pools, strides, pads = means("pooling"), means("stride"), means("padding")
    assert pools["max pooling"] > pools["mean pooling"]
    assert strides["stride 1 and pools"] > strides["stride 2"] + 1
    assert pads["same"] > pads["valid"] + 1


def test_dropout_helps_where_images_are_few():
    found = means("dropout")
    assert found["dropout 0.5, 200 images"] > found["without, 200 images"] + 1
    assert found["dropout 0.5, 1437 images"] < found["without, 1437 images"]


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
