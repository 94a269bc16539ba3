"""What the settings leave open of a recipe is as the card says; and with every rule and schedule a run that
was stopped goes on as if it had not been."""

from __future__ import annotations

import threading
import tomllib
from dataclasses import replace

import pytest
from safetensors.numpy import load_file

from kitnet.base.error import KitnetError
from kitnet.optim import RULES, Adam, Cosine, Drops, Muon, Nesterov, Sgd
from kitnet.train import Finished, Settings, Stepped, resume, train
from kitnet.train.recipe import complete, rule_of
from kitnet.zoo import Recipe

RECIPE = Recipe(rate=0.25, momentum=0.5, decay=1e-3)
ADAM = replace(RECIPE, optimizer="adam beta1=0.8", schedule="cosine warmup=1", rate=0.002, decay=None)


def made(card, steps=10, **given):
    return rule_of(complete(Settings(**given), card), steps)


def test_a_card_gives_rule_and_schedule():
    assert made(RECIPE) == Sgd(0.25, 0.5, 1e-3)
    assert made(ADAM) == Adam(Cosine(0.002, 200, warmup=10), 0.8)


def test_settings_go_before_the_card():
    assert made(RECIPE, lr=0.125, decay=0.0) == Sgd(0.125, 0.5, 0.0)
    assert made(RECIPE, optimizer="sgd momentum=0.75") == Sgd(0.25, 0.75, 1e-3)
    assert made(ADAM, schedule="constant", optimizer="adam eps=1e-6") == Adam(0.002, eps=1e-6)
    assert made(RECIPE, schedule="drops at=2", epochs=4).rate == Drops(0.25, (20,))


def test_the_numbers_of_a_card_are_for_rules_with_the_same_numbers():
    assert made(RECIPE, optimizer="nesterov") == Nesterov(0.25, 0.5, 1e-3)
    assert made(RECIPE, optimizer="adam") == Adam()
    assert made(RECIPE, optimizer="muon") == Muon()
    assert made(ADAM, optimizer="sgd", schedule="constant") == Sgd()


def test_complete_settings_are_complete():
    settings = complete(Settings(), ADAM)
    assert (settings.optimizer, settings.schedule) == ("adam beta1=0.8", "cosine warmup=1")
    assert (settings.lr, settings.momentum, settings.decay) == (0.002, None, 0.0)
    assert complete(settings, RECIPE) == settings
    assert complete(complete(Settings(optimizer="sgd momentum=0.75"), RECIPE), RECIPE).momentum == 0.75


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"optimizer": "adam", "momentum": 0.9},
            "adam has no momentum; leave out --momentum; it has rate, beta1, beta2, decay, eps",
        ),
        (
            {"optimizer": "sgd momentum=0.5", "momentum": 0.9},
            "--optimizer says momentum=0.5 and --momentum 0.9; leave out one of them",
        ),
        ({"optimizer": "sgd momentum=2"}, "a momentum of 2 is not possible; use 0 or more, and less than 1"),
    ],
)
def test_numbers_that_do_not_fit(given, text):
    with pytest.raises(KitnetError) as caught:
        complete(Settings(**given), RECIPE)
    assert str(caught.value) == text


def test_nothing_is_written_where_a_schedule_does_not_fit(settings, tmp_path):
    with pytest.raises(KitnetError) as caught:
        train(settings(schedule="linear warmup=2"))
    assert str(caught.value) == (
        "schedule 'linear warmup=2', 7 steps an epoch: a warmup of 14 of 14 steps leaves none; use fewer"
    )
    assert not (tmp_path / "runs").exists()


SCHEDULES = ["cosine warmup=0.5", "linear final=0.001", "onecycle", "drops at=1.5", "constant warmup=1"]
RECIPES = [*zip(RULES, [*SCHEDULES, "constant", "cosine"], strict=True)]


def newest(folder):
    return load_file(max(folder.glob("checkpoint-*.safetensors")))


def goes_on_the_same(settings, **recipe):
    """Stopped within the second epoch, where a schedule is under way, and resumed from its folder alone."""
    told = settings(epochs=3, model="8x8x1 -> fc10", **recipe)
    whole = list(train(told))[-1]
    stop = threading.Event()
    for event in train(told, stop):
        if isinstance(event, Stepped) and (event.epoch, event.step) == (2, 3):
            stop.set()
    assert isinstance(list(resume(event.folder))[-1], Finished)
    expected, found = newest(whole.folder), newest(event.folder)
    assert expected.keys() == found.keys()
    for name in expected:
        assert expected[name].tobytes() == found[name].tobytes(), name
    return whole, told


@pytest.mark.parametrize(("optimizer", "schedule"), RECIPES)
def test_every_rule_and_schedule_goes_on_the_same(settings, optimizer, schedule):
    whole, told = goes_on_the_same(settings, optimizer=optimizer, schedule=schedule, engine="formula")
    kept = tomllib.loads((whole.folder / "args.toml").read_text())
    assert (kept["optimizer"], kept["schedule"], kept["lr"]) == (optimizer, schedule, RULES[optimizer]().rate)
    assert (whole.summary["optimizer"], whole.summary["schedule"]) == (optimizer, schedule)
    # the schedule is not lost on the way: at a constant rate the weights are others
    if schedule != "constant":
        constant = list(train(replace(told, schedule="constant")))[-1]
        name = "weights/fc1.weight"
        assert (newest(constant.folder)[name] != newest(whole.folder)[name]).any()


@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [pytest.param(*recipe, marks=pytest.mark.slow if i else ()) for i, recipe in enumerate(RECIPES)],
)
def test_compiled_too(settings, optimizer, schedule):
    goes_on_the_same(settings, optimizer=optimizer, schedule=schedule)
