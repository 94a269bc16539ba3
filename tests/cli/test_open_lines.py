"""Lines that leave something open: --input and --set wherever a command takes a line."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from catalogue import row

import kitnet
from kitnet.base.error import KitnetError
from kitnet.train import Settings
from kitnet.train.run import Run

PATTERN = "INPUT -> [[CONV -> RELU]*N -> POOL?]*M -> [FC -> RELU]*K -> FC"
GIVEN = ("--input", "32x32x3", "--set", "N=2", "M=3", "K=1")
PRINTED = "32x32x3 -> [[conv3-32 same -> relu]*2 -> maxpool2]*3 -> fc128 -> relu -> fc10"


@row(83)
def test_the_pattern_is_shown_with_its_ledger(say, say_json):
    said = say("show", PATTERN, *GIVEN)
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines()[0] == PRINTED
    found = say_json("show", PATTERN, *GIVEN)
    assert found["network"] == PRINTED
    assert found == {**say_json("show", PRINTED), "model": PATTERN}


def test_every_command_with_a_line_takes_them(say, say_json):
    assert say("check", PATTERN, *GIVEN) == (0, "", "")
    assert say_json("explain", PATTERN, *GIVEN)["network"] == PRINTED
    assert say("diff", PATTERN, PATTERN, *GIVEN).out.startswith("the networks have the same layers")
    apart = ("--input", "32x32x3", "--set", "N=2", "--set", "M=3", "--set", "K=1")
    assert say("show", PATTERN, *apart) == say("show", PATTERN, *GIVEN)


@row(83)
def test_check_tells_of_unusual_numbers(say):
    said = say("check", PATTERN, "--input", "32x32x3", "--set", "N=4", "M=1", "K=0")
    assert said == (
        1,
        "[conv3-32 same -> relu]*4: 4 times are many for convolutions before a pool; usual are 0 to 3 "
        "(pattern)\n",
        "",
    )


def test_a_run_remembers_the_line_with_nothing_left_open(say, easy, here):
    words = ("--input", "8x8x1", "--set", "N=1", "M=1", "K=0", "CONV=conv3-4 same", "--engine", "formula")
    assert say("train", PATTERN, *words, "--data", easy, "--epochs", "1").status == 0
    line = "8x8x1 -> conv3-4 same -> relu -> maxpool2 -> fc10"
    assert tomllib.loads(Path("runs/net-1/args.toml").read_text())["model"] == line
    assert say("train", "--resume", "runs/net-1", "--epochs", "2").status == 0
    assert json.loads(Path("runs/net-1/summary.json").read_text())["model"] == line


def test_a_network_of_the_zoo_trains_on_another_input_as_its_card_says(say, easy, here):
    words = ("--input", "36x36x1", "--data", easy, "--epochs", "1", "--engine", "formula")
    assert say("train", "lenet5-modern", *words).status == 0
    found = tomllib.loads(Path("runs/lenet5-modern-1/args.toml").read_text())
    summary = json.loads(Path("runs/lenet5-modern-1/summary.json").read_text())
    assert summary["network"].startswith("36x36x1 -> C1:conv5-6") and found["input"] == "36x36x1"
    assert say("train", "lenet5-modern", *words[2:]).status == 0
    usual = tomllib.loads(Path("runs/lenet5-modern-2/args.toml").read_text())
    assert {**usual, "input": "36x36x1"} == found
    assert say("train", "--resume", "runs/lenet5-modern-1", "--epochs", "2").status == 0
    model = kitnet.load("runs/lenet5-modern-1")
    assert model.net.input_shape == (36, 36, 1)


def test_a_network_of_the_zoo_on_another_input_gets_a_last_layer_for_the_data(say, easy, here):
    said = say("train", "vgg16", "--input", "32x32x1", "--data", easy, "--epochs", "0")
    assert said.err == "kitnet: --epochs 0 is not possible; use 1 or more\n"
    run = Run.of(Settings("vgg16", input="32x32x1", data=easy))
    net = run.model.net
    assert (net.input_shape, net.output_shape, run.settings.input) == ((32, 32, 1), (10,), "32x32x1")
    assert run.notes[0] == (
        f"the network ends in 1000 but {easy} has 10 classes: fc10 is in the place of its last layer"
    )
    with pytest.raises(KitnetError) as caught:
        Run.of(Settings("vgg16", input="big", data=easy))
    assert str(caught.value) == "--input 'big' is no volume; write it like 32x32x3"


REFUSED = [
    (("--set", "n=2"), "--set 'n=2' sets nothing"),
    (("--set", "N"), "--set 'N' sets nothing"),
    (("--set", "input=8x8x1"), "--set 'input=8x8x1' sets nothing"),
]


@pytest.mark.parametrize(("words", "text"), REFUSED)
def test_what_sets_nothing(refused, words, text):
    assert refused("show", PATTERN, *words) == (
        f"{text}; write --set N=2, --set CONV='conv3-8 same' or --set classes=10"
    )


def test_other_mistakes_in_what_is_set(refused):
    assert refused("show", PATTERN, "--set", "N=2", "N=3") == "--set gives N twice; leave one out"
    assert refused("show", PATTERN, *GIVEN, "L=2") == (
        "L is given, but the line has no L; it leaves open CONV, RELU, N, POOL, M, FC, K, classes"
    )
    assert refused("show", "lenet5", "--set", "N=2") == "N is given, but the line has no N"
    assert refused("show", PATTERN, *GIVEN[:-1], lines=3) == (
        "the number K of repetitions is not given; say K=2, on the command line --set K=2\n"
        f"  {PATTERN}\n  {' ' * 55}^"
    )
    assert refused("show", PATTERN, lines=3) == (
        f"the size of INPUT is not given; write 28x28x1, or say --input 28x28x1\n  {PATTERN}\n  ^"
    )
    assert refused("train", "--resume", "runs/net-1", "--set", "N=2", "--input", "8x8x1") == (
        "--resume goes on with the run's own arguments; leave out --input, --set"
    )


@pytest.mark.parametrize(
    ("name", "input", "reason", "remedy"),
    [
        ("lenet5", "30x30x1", "S4: a stride of 2 does not divide: ", "use a 32x32x1 input of the network"),
        (
            *("vgg16", "50x50x3", "stage2.maxpool1: a stride of 2 does not divide: "),
            "use a 32x32x3 or 64x64x3 input of the network, or --on-misfit floor",
        ),
    ],
)
def test_a_network_of_the_zoo_gets_advice_that_can_be_typed(refused, name, input, reason, remedy):
    """Its layers have no place in a line where another padding could stand."""
    text = refused("show", name, "--input", input)
    assert text.startswith(reason) and text.endswith(f"; {remedy}"), text
