"""The experiments of the folder run, and the committed results are of what stands there."""

from __future__ import annotations

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from catalogue import row
from PIL import Image

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


def test_the_committed_results_on_faces_have_all_variants_and_three_seeds():
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        faces = importlib.import_module("faces")
    finally:
        sys.path.remove(str(SCRIPT.parent))
    rows = read(RESULTS / "faces.csv")
    variants = [variant.name for variant, _ in faces.variants(faces.PEOPLE, None)]
    assert [(row["variant"], int(row["seed"])) for row in rows] == [
        (name, seed) for name in variants for seed in range(3)
    ]
    assert {row["command"] for row in rows} == {"python experiments/faces.py --seeds 3"}
    train, test = faces.drawn()
    again, _ = faces.drawn()
    assert (train.images == again.images).all() and len(train) == len(test) == 200
    assert train.images.shape == (200, 32, 32, 1) and (train.labels == test.labels).all()
    by_person = train.images.astype(float).reshape(40, 5, -1)
    assert by_person.mean(1).std(0).mean() > by_person.std(1).mean() / 3  # people differ


@row(39)
def test_filters_of_ones_own_at_each_place_help_where_faces_stand_in_place():
    """As many filters and operations; a convolution with more filters does nearly as well."""
    found = means("faces")
    assert found["local, in place"] > found["shared, in place"] + 5
    assert found["local, in place"] < found["shared, 40 filters, in place"] + 5
    assert max(x for name, x in found.items() if name.endswith("moved")) < 30


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
def test_faces_of_ones_own(tmp_path):
    """A folder of PGM files, a person each, beside a file that is none."""
    random = np.random.default_rng(0)
    for person in range(3):
        folder, face = tmp_path / "faces" / f"s{person + 1}", random.integers(0, 200, (40, 32))
        folder.mkdir(parents=True)
        for number in range(1, 31):
            pixels = (face + random.integers(0, 56, face.shape)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.pgm")
    (tmp_path / "faces" / "README").write_text("faces")
    words = ["--data", tmp_path / "faces", "--seeds", "1", "--epochs", "8", "--output", tmp_path]
    faces = SCRIPT.with_name("faces.py")
    done = subprocess.run([sys.executable, faces, *words], capture_output=True, text=True, check=True)
    rows = read(tmp_path / "faces-given.csv")
    assert rows[0]["variant"] == "shared, in place" and "shared, in place" in done.stdout
    assert rows[0]["command"] == "python experiments/faces.py --seeds 1 --epochs 8 --data FOLDER"
    assert float(rows[0]["train"]) > 50
    for number in range(5, 31):
        (tmp_path / "faces" / "s1" / f"{number}.pgm").unlink()
        (tmp_path / "faces" / "s2" / f"{number}.pgm").unlink()
    done = subprocess.run([sys.executable, faces, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and " pictures to train with; give 32 or more\n" in done.stderr


@pytest.mark.slow
def test_an_unknown_one():
    done = subprocess.run([sys.executable, SCRIPT, "pools"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "no experiment 'pools'; known: initialisation, " in done.stderr
