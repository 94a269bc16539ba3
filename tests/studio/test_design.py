"""What the room of design says of a line."""

import pytest

import kitnet
from kitnet.studio.design import LONGEST, models, read


def test_the_ledger_of_a_line():
    line = "28x28x1 -> conv5-6 -> tanh -> maxpool2 -> fc10"
    told, ledger = read(line), kitnet.parse(line).ledger()
    assert told["line"] == line and told["left_out"] == 0
    assert told["totals"] == {name: ledger.totals[name] for name in ("values", "parameters", "multiply_adds")}
    assert [(row["path"], row["output"], row["parameters"]) for row in told["rows"]] == [
        ("input", [28, 28, 1], 0),
        ("conv1", [24, 24, 6], 156),
        ("tanh1", [24, 24, 6], 0),
        ("maxpool1", [12, 12, 6], 0),
        ("fc1", [10], 8650),
    ]
    assert told["training_bytes"] == sum(ledger.training_memory.values())
    assert told["advice"] == [
        "conv1: a 5x5 filter changes the size, 28 to 24; write same, and let pools make it smaller (padding)"
    ]


@pytest.mark.parametrize(
    ("line", "error", "column"),
    [
        ("28x28x1 -> cnv5-6", "unknown layer 'cnv' (did you mean 'conv'?)", 11),
        (
            "227x227x3 -> conv11-96/5 -> fc10",
            "conv1: a stride of 5 does not divide: (227 - 11 + 2*0) / 5 + 1 = 44.2 positions of an 11x11 "
            "filter on its 227x227x3 input; use stride=6, pad=2, a 226x226x3 or 231x231x3 input, or write "
            "floor to drop the last 1",
            13,
        ),
        ("x" * (LONGEST + 1), f"a line has at most {LONGEST} characters here", None),
    ],
)
def test_lines_that_are_none(line, error, column):
    told = read(line)
    assert told["column"] == column
    if "stride" in error:
        assert told["error"].startswith(
            "conv1: a stride of 5 does not divide: (227 - 11 + 2*0) / 5 + 1 = 44.2"
        )
        assert "; use stride=" in told["error"]
    else:
        assert told["error"] == error


def test_names_of_the_zoo_are_lines_to_begin_from():
    found = models()["models"]
    assert [one["year"] for one in found] == sorted(one["year"] for one in found)
    names = {one["name"] for one in found}
    assert {"lenet5", "alexnet", "vgg16"} <= names and "neocognitron" not in names
    assert any("lenet5.mnist" in one["recipes"] for one in found)
    told = read("lenet5")
    assert told["line"] == str(kitnet.zoo.find("lenet5").build())
    assert read(told["line"]) == told
