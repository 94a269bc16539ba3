"""`kitnet diff`: the layers in whose place others stand, and what both cost."""

from __future__ import annotations

import time

import numpy as np
import pytest
from catalogue import row

from kitnet.net import parse
from kitnet.net.difference import Line, differences
from kitnet.net.ledger import Row
from kitnet.train.model_file import save_network

SIDES = ("one", "other")
BEFORE, BEHIND = "32x32x16 -> relu", "relu -> maxpool2 -> fc10"
LARGE = f"{BEFORE} -> conv7-16 same -> {BEHIND}"
SMALL = f"{BEFORE} -> conv3-16 same -> relu -> conv3-16 same -> relu -> conv3-16 same -> {BEHIND}"


@row(31)
def test_one_7x7_against_three_3x3(say_json):
    """27 C^2 weights in place of 49 C^2, and more numbers between."""
    found = say_json("diff", LARGE, SMALL)
    one, other = found["totals"]
    assert (one["layers"], other["layers"]) == (5, 9)
    assert other["parameters"] - one["parameters"] == 27 * 16**2 + 3 * 16 - (49 * 16**2 + 16)
    assert other["activation_bytes"] - one["activation_bytes"] == 4 * 4 * 32 * 32 * 16
    removed = [line["layer"] for each in found["differences"] for line in each["one"]]
    added = [line["layer"] for each in found["differences"] for line in each["other"]]
    assert removed == ["conv7-16 same"]
    assert sorted(added) == ["conv3-16 same"] * 3 + ["relu"] * 2


def test_for_people(say):
    said = say("diff", LARGE, SMALL)
    assert (said.status, said.err) == (0, "")
    lines = [line.split() for line in said.out.splitlines()]
    assert ["-", "conv7-16", "same", "conv1", "32x32x16", "12,560", "65,536"] in lines
    assert ["+", "conv3-16", "same", "conv1", "32x32x16", "2,320", "65,536"] in lines
    assert ["parameters", "53,530", "47,930", "-5,600"] in lines
    assert ["activation", "bytes", "213,032", "475,176", "+262,144"] in lines


@pytest.mark.parametrize("other", ["lenet5", "lenet5-modern"])
def test_networks_of_the_zoo(say, other):
    out = say("diff", "lenet5", other).out
    assert out.startswith("the networks have the same layers\n") == (other == "lenet5")


def test_as_few_layers_as_possible_differ(say_json):
    """Of relu -> tanh -> sigmoid -> relu and tanh -> sigmoid -> relu -> tanh three layers are the same."""
    found = say_json(
        "diff", "4x4x1 -> relu -> tanh -> sigmoid -> relu", "4x4x1 -> tanh -> sigmoid -> relu -> tanh"
    )
    sides = [
        [[line["layer"] for line in each[side]] for side in ("one", "other")] for each in found["differences"]
    ]
    assert sides == [[["relu"], []], [[], ["tanh"]]]


def test_of_equal_layers_those_of_one_name_are_the_same(say_json):
    """Each shortcut with filters has a norm of its own; the norm in the body before it is not new."""
    found = say_json("diff", "resnet20", "resnet20:projection")["differences"]
    sides = [[line["path"] for each in found for line in each[side]] for side in SIDES]
    starts = [f"stage{i}.residual1.shortcut." for i in (2, 3)]
    assert sides == [
        [start + name for start in starts for name in ("meanpool1", "padchannels1")],
        [start + name for start in starts for name in ("conv1", "batchnorm1")],
    ]


def test_the_layer_that_a_name_has_left(say_json):
    found = say_json("diff", "4x4x1 -> a:relu", "4x4x1 -> b:relu -> a:relu")["differences"]
    assert [(each["one"], [line["path"] for line in each["other"]]) for each in found] == [([], ["b"])]


def test_what_is_given_counts_where_it_stands(say_json):
    lines = "INPUT -> CONV -> FC", "INPUT -> [CONV]*N -> FC"
    found = say_json("diff", *lines, "--input", "8x8x1", "--set", "N=3", "--set", "CONV=conv3-2 same")
    sides = [[line["layer"] for each in found["differences"] for line in each[side]] for side in SIDES]
    assert sides == [[], ["conv3-2 same"] * 2]
    found = say_json("diff", lines[1], "8x8x1 -> fc10", "--input", "8x8x1", "--set", "N=1")
    assert [total["layers"] for total in found["totals"]] == [2, 1]


def test_what_is_given_and_stands_in_neither(refused):
    lines = "INPUT -> CONV -> FC", "INPUT -> [POOL]*N -> FC"
    for order in (lines, lines[::-1]):
        told = refused("diff", *order, "--input", "8x8x1", "--set", "N=1", "--set", "M=2")
        places = "CONV, classes, POOL, N" if order == lines else "POOL, N, classes, CONV"
        assert told == f"M is given, but neither network has M; they leave open {places}"
    assert refused("diff", "8x8x1 -> fc2", "8x8x1 -> fc3", "--set", "N=2") == (
        "N is given, but neither network has N"
    )


def test_a_saved_model_beside_an_open_line(say_json, refused, tmp_path):
    file = str(tmp_path / "a.safetensors")
    save_network(file, parse("8x8x1 -> fc10"))
    found = say_json("diff", file, "8x8x1 -> [fc9]*N -> fc10", "--set", "N=1")
    assert [total["layers"] for total in found["totals"]] == [1, 2]
    assert refused("diff", file, file, "--set", "N=1") == "N is given, but neither network has N"


def test_networks_of_thousands_of_layers_are_compared_at_once():
    """Two random sequences of 3,000 layers take 0.2 s, and a loop over all pairs in Python 10."""
    row = Row("", "", (1,))
    one, other = (
        [Line(str(number), row) for number in np.random.default_rng(seed).integers(0, 9, 3000)]
        for seed in (0, 1)
    )
    start = time.process_time()
    found = differences(one, other)
    assert time.process_time() - start < 2
    left = iter(other)
    gone = {id(line) for each in found for line in each.one}
    assert all(any(line.layer == same.layer for same in left) for line in one if id(line) not in gone)
    assert sum(len(each.one) - len(each.other) for each in found) == 0


def test_what_takes_long_says_so(say, monkeypatch):
    monkeypatch.setattr("kitnet.cli.screen.PATIENCE", 0.0)
    monkeypatch.setattr("kitnet.cli.diff.differences", lambda *lines: time.sleep(0.05) or [])
    said = say("diff", LARGE, "lenet5")
    assert said.err == f"comparing {LARGE} with lenet5\n"


def test_the_same_network_under_other_names(say_json):
    found = say_json("diff", "8x8x1 -> a:conv3-4 -> fc3", "8x8x1 -> conv3-4 -> b:fc3")
    assert found["differences"] == []
