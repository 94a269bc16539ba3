"""Training runs of networks that learn by a rule of their own, without gradients."""

from __future__ import annotations

import csv
import json
import threading
import tomllib

import pytest

import kitnet
from kitnet.base.error import KitnetError, RunError
from kitnet.data import load
from kitnet.train import (
    Abandoned,
    EpochEnded,
    Finished,
    Learned,
    Model,
    Ready,
    Settings,
    Started,
    evaluate,
    resume,
    train,
)
from kitnet.zoo import MODELS, Card, Stage
from kitnet.zoo.learning import solve

SMALL = "least:squares"


def least_squares(x, labels, classes, seed):
    """A linear classifier, solved for."""
    net = kitnet.parse("8x8x1 -> fc10")
    yield from solve(net, "fc1", kitnet.parse("8x8x1 -> flatten"), x, labels)
    return net


def failing(x, labels, classes, seed):
    yield Stage("images", 1, 2)
    raise MemoryError


def card(rule):
    return Card(SMALL, "", lambda: kitnet.parse("8x8x1 -> fc10"), learn=rule, loss="quadratic")


@pytest.fixture
def settings(easy, tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS, SMALL, card(least_squares))

    def make(**other):
        return Settings(**{"model": SMALL, "data": easy, "runs": str(tmp_path / "runs"), **other})

    return make


def run_folder(settings):
    *_, last = train(settings)
    return last.folder


def test_what_happens_and_what_stays(settings):
    events = list(train(settings(seed=3)))
    assert isinstance(events[0], Started) and isinstance(events[-1], Finished)
    kinds = [type(event) for event in events]
    assert kinds.count(EpochEnded) == 1 and kinds.count(Learned) == 1
    folder = events[0].folder
    assert folder.name == "least-squares-1"
    assert sorted(path.name for path in folder.iterdir()) == [
        "args.toml",
        "best.safetensors",
        "env.json",
        "last.safetensors",
        "metrics.jsonl",
        "results.csv",
        "summary.json",
    ]
    assert tomllib.loads((folder / "args.toml").read_text())["seed"] == 3
    (row,) = csv.DictReader((folder / "results.csv").read_text().splitlines())
    summary = json.loads((folder / "summary.json").read_text())
    assert summary == events[-1].summary and summary["loss"] == "quadratic"
    assert float(row["train_accuracy"]) == pytest.approx(summary["train_accuracy"], rel=1e-5)
    assert row["val_loss"] == "" and summary["val_loss"] is None


def test_the_model_is_whole(settings):
    events = list(train(settings()))
    (row,) = [event for event in events if isinstance(event, EpochEnded)]
    model = Model.load(events[0].folder)
    training, _, test = load(settings().data)
    assert evaluate(model, test).accuracy == events[-1].summary["test_accuracy"]
    assert evaluate(model, training).accuracy == row.train_accuracy
    images, difference = Model.verify(events[0].folder)
    assert images == 8 and difference == 0


def test_images_reach_it_as_light_from_0_to_1(settings):
    folder = run_folder(settings())
    preparation = Model.load(folder).preparation
    assert preparation.mean == (0.0,) and preparation.std == (1.0,)
    x = preparation.prepare(load(settings().data)[0].images)
    assert x.min() >= 0 and x.max() == 1


def test_both_engines_learn_the_same(settings):
    first, second = (list(train(settings(engine=engine))) for engine in ("formula", "compiled"))
    weights = [Model.load(events[0].folder).net.weights.flat.tobytes() for events in (first, second)]
    assert weights[0] == weights[1]
    assert first[-1].summary["test_accuracy"] == second[-1].summary["test_accuracy"]
    assert [events[-1].summary["engine"] for events in (first, second)] == ["formula", "compiled"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 3),
        ("batch", 64),
        ("lr", 0.1),
        ("momentum", 0.9),
        ("decay", 0.1),
        ("loss", "softmax_cross_entropy"),
    ],
)
def test_there_are_no_steps_to_set(settings, tmp_path, name, value):
    with pytest.raises(KitnetError) as caught:
        train(settings(**{name: value}))
    assert str(caught.value) == (
        f"{SMALL} learns by a rule of its own, without steps along a gradient; leave out --{name}"
    )
    assert not (tmp_path / "runs").exists()


def test_it_cannot_be_resumed(settings):
    folder = run_folder(settings())
    with pytest.raises(RunError) as caught:
        resume(folder)
    assert str(caught.value) == (
        f"{folder}: {SMALL} learns by a rule of its own at one go, which cannot be resumed; train it anew"
    )


def test_where_it_is_stopped_nothing_stays(settings, tmp_path):
    stop, events = threading.Event(), []
    for event in train(settings(), stop):
        events.append(event)
        if isinstance(event, Learned):
            stop.set()
    assert [type(event) for event in events] == [Started, Ready, Learned, Abandoned]
    assert events[-1] == Abandoned(SMALL)
    assert list((tmp_path / "runs").iterdir()) == []


def test_where_the_rule_fails_nothing_stays(settings, tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS, SMALL, card(failing))
    with pytest.raises(MemoryError):
        list(train(settings()))
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_name_that_is_taken(settings):
    list(train(settings(name="mine-1")))
    with pytest.raises(RunError) as caught:
        train(settings(name="mine-1"))
    assert "mine-1: exists already; choose another --name" in str(caught.value)
