"""What the room of design says of a line."""

import time

import pytest

import kitnet
from kitnet.base.error import KitnetError
from kitnet.engine.compile import plan_of
from kitnet.kernels.cpu import cores
from kitnet.studio import app
from kitnet.studio.app import Asking
from kitnet.studio.design import LONGEST, models, read
from kitnet.studio.training import Training
from kitnet.train import Settings, foretold


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
        (
            "lenett5",
            "unknown model 'lenett5' (did you mean 'lenet5'?); `kitnet models` lists all, or write a line "
            "such as '28x28x1 -> conv5-6 -> tanh -> maxpool2 -> fc10'",
            None,
        ),
        ("28x28x1 -> conv5-6 -> tan", "unknown layer 'tan' (did you mean 'tanh'?)", 22),
        (
            "28x28x1 -> conv5-6 sme",
            "conv does not know 'sme' (did you mean 'same'?); layers are separated by ->",
            19,
        ),
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


def foretell(asking, line):
    """The answer, when it is there."""
    while "done" in (told := asking.foretell({"line": line})):
        time.sleep(0.01)
    return told


def test_memory_is_foretold_before_a_network_is_trained(make, monkeypatch):
    training, line = make(batch=64), "8x8x1 -> conv3-32 same -> relu -> fc10"
    asking, run = Asking(training), training.loop.run
    told = foretell(asking, line)
    plan = plan_of(kitnet.parse(line), 64, "train")
    arrays = (2 + len(run.memory)) * 4 * (9 * 32 + 32 + 64 * 32 * 10 + 10)
    assert told["bytes"] == arrays + plan.arena.size + cores() * plan.own_arena.size
    assert (told["batch"], told["fits"], told["is_too_much"]) == (64, 64, False)
    free = (told["bytes"] * 100) // 80 - 1_000
    monkeypatch.setattr(foretold, "free_bytes", lambda: free)
    told = foretell(Asking(training), line)
    assert told["is_too_much"] and told["free"] == free and told["fits"] in (16, 32, 48)
    told = foretell(asking, "8x8x1 -> fc100000000 -> fc10")
    assert (told["fits"], told["batch"], told["is_too_much"]) == (0, 64, True)
    assert told["bytes"] > 4 * 64 * 10**8


def test_lines_that_nobody_waits_for_are_not_planned(make, monkeypatch):
    monkeypatch.setattr(app, "WANTED", -1)
    with pytest.raises(KitnetError, match="nobody asks for this line any more"):
        foretell(Asking(make(engine="formula")), "8x8x1 -> fc10")


def test_without_a_compiled_training_nothing_is_foretold(make):
    assert foretell(Asking(Training.of(Settings())), "8x8x1 -> fc10") == {}
    assert foretell(Asking(make(engine="formula")), "8x8x1 -> fc10") == {}
