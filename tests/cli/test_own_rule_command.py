"""The commands on networks that learn by a rule of their own."""

from __future__ import annotations

import signal

import pytest

import kitnet
from kitnet.zoo import MODELS, Card, Stage
from kitnet.zoo.learning import solve

SMALL = "least-squares"


def least_squares(x, labels, classes, seed):
    net = kitnet.parse("8x8x1 -> fc10")
    yield from solve(net, "fc1", kitnet.parse("8x8x1 -> flatten"), x, labels)
    return net


def interrupted(x, labels, classes, seed):
    signal.raise_signal(signal.SIGINT)
    yield Stage("images", 1, 2)
    yield Stage("images", 2, 2)


@pytest.fixture
def rule(monkeypatch):
    """Register a network with this rule."""

    def register(learn):
        card = Card(SMALL, "", lambda: kitnet.parse("8x8x1 -> fc10"), learn=learn, loss="quadratic")
        monkeypatch.setitem(MODELS, SMALL, card)

    return register


def test_it_learns_and_the_other_commands_take_it(say, rule, easy):
    rule(least_squares)
    said = say("train", SMALL, "--data", easy)
    assert (said.status, said.err) == (0, "")
    line, sizes, epoch, end = said.out.splitlines()
    assert line == "8x8x1 -> fc10"
    assert sizes.endswith(
        "100 images to train with, no validation part, 40 to test; run folder runs/least-squares-1"
    )
    assert epoch.startswith("epoch   1  train loss ") and end.startswith("100.00% of the test images right")
    assert "100.00% of 40 test images right" in say("evaluate", "runs/least-squares-1").out
    assert say("verify", "runs/least-squares-1").status == 0


def test_ctrl_c_leaves_nothing(say, rule, easy, here):
    rule(interrupted)
    said = say("train", SMALL, "--data", easy)
    assert said.status == 130
    assert said.err == (
        "kitnet: stopped; least-squares is learned at one go, so that nothing is saved; train it anew\n"
    )
    assert list((here / "runs").iterdir()) == []


def test_flags_of_steps_are_refused(refused):
    assert refused("train", "hmax", "--epochs", "3") == (
        "hmax learns by a rule of its own, without steps along a gradient; leave out --epochs"
    )


def test_another_input_is_refused(refused):
    assert refused("train", "hmax", "--input", "32x32x1") == (
        "hmax learns by a rule of its own, on images of its own size; leave out --input, or give a line"
    )


def test_show_says_how_it_learns(say, say_json):
    said = say("show", "neocognitron")
    assert "Usual training: by a rule of its own, without gradients" in said.out.splitlines()
    assert "learning rate" not in said.out
    assert say_json("show", "neocognitron")["training"] is None
    assert say_json("show", "lenet-1989")["training"]["epochs"] == 23


def test_models_begin_with_the_oldest(say_json):
    names = [one["name"] for one in say_json("models")]
    assert names[:2] == ["neocognitron", "lenet-1989"]
    assert {"hmax", "hmax:lowe", "fragments"} < set(names)
