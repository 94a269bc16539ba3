"""The network of 1989 against the numbers of its paper (LeCun et al., Neural Computation 1, 541-551)."""

from __future__ import annotations

import numpy as np
import pytest
from built import built
from catalogue import row

from kitnet.layers.connection_table import LENET1989_H2
from kitnet.train import EpochEnded, Model, Settings, train

# parameters and connections of each layer, from section 3 of the paper
PAPER = {
    "H1": (1_068, 19_968),
    "H2": (2_592, 38_592),
    "H3": (5_790, 5_790),
    "output": (310, 310),
}


@row(132)
def test_the_papers_numbers() -> None:
    ledger = built("lenet-1989").ledger()
    for name, expected in PAPER.items():
        rows = [one for one in ledger.rows if one.path.partition(".")[0] == name]
        assert (sum(one.parameters for one in rows), sum(one.connections for one in rows)) == expected
    assert ledger.totals["parameters"] == 9_760
    assert ledger.totals["connections"] == 64_660


@row(132)
def test_every_unit_has_a_bias_of_its_own() -> None:
    weights = built("lenet-1989").weights
    assert weights["H1.conv1.weight"].shape == (5, 5, 1, 12)
    assert weights["H1.bias1.bias"].shape == (8, 8, 12)
    assert weights["H2.bias1.bias"].shape == (4, 4, 12)
    assert not any(path.startswith("H1.conv1.bias") for path in weights)


@row(132)
def test_each_map_of_h2_sees_eight_of_h1_and_each_of_h1_is_seen_by_eight() -> None:
    columns = LENET1989_H2.columns
    assert [len(set(column)) for column in columns] == [8] * 12
    seen = np.bincount([c for column in columns for c in column], minlength=12)
    assert seen.tolist() == [8] * 12
    assert len(set(columns)) == 12


@row(132)
def test_beyond_the_border_lies_a_background_of_minus_one() -> None:
    net = built("lenet-1989")
    x = np.random.default_rng(0).standard_normal((2, 16, 16, 1), np.float32)
    tape = net.tape(x)
    for name, source in (("H1", x), ("H2", tape["H1.lecuntanh1"])):
        expected = np.pad(source, ((0, 0), (2, 1), (2, 1), (0, 0)), constant_values=-1.0)
        np.testing.assert_allclose(tape[f"{name}.scale2"], expected, atol=1e-6)


@row(132)
@pytest.mark.slow
def test_it_learns_the_digits(tmp_path) -> None:
    """More than a linear classifier by least squares, and the model that was saved says the same."""
    from kitnet.data import load

    events = list(train(Settings(model="lenet-1989", epochs=10, runs=str(tmp_path))))
    last = [event for event in events if isinstance(event, EpochEnded)][-1]
    summary = events[-1].summary
    assert last.train_accuracy > 0.99 and summary["test_accuracy"] > 0.9
    training, _, test = load("digits")
    x, t = (one.images.reshape(len(one), -1) / 255 for one in (training, test))
    solved = np.linalg.lstsq(np.c_[x, np.ones(len(x))], np.eye(10)[training.labels], rcond=None)[0]
    linear = ((np.c_[t, np.ones(len(t))] @ solved).argmax(1) == test.labels).mean()
    assert summary["test_accuracy"] > linear
    model = Model.load(tmp_path / "lenet-1989-1")
    right = [int(one.classes[0][0]) for one in model.predict(test.images, 1)] == test.labels
    assert right.mean() == pytest.approx(summary["test_accuracy"])
