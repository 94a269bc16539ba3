"""A run that diverges or stays at guessing says so early, and at its end; one that learns does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kitnet.train import EpochEnded, Warned, train
from kitnet.train.checkpoint import Progress
from kitnet.train.run import Run
from kitnet.train.trouble import trouble
from kitnet.zoo import MODELS, find


def warnings(events):
    return [event.text for event in events if isinstance(event, Warned)]


def test_a_loss_that_grows(settings):
    told = settings(model="8x8x1 -> fc10", loss="quadratic", lr=0.5, momentum=0.0, epochs=2, batch=50)
    events = list(train(told))
    (text,) = warnings(events)
    rows = [event for event in events if isinstance(event, EpochEnded)]
    assert events.index(Warned(text)) == events.index(rows[0]) + 1
    assert (
        text.startswith("the loss has grown from ") and f" to {rows[0].train_loss:.4g} in epoch 1: " in text
    )
    assert text.endswith("training diverges; try a smaller --lr than 0.5, such as 0.05, or --clip 1")
    summary = events[-1].summary
    assert f" to {rows[1].train_loss:.4g} in epoch 2: " in summary["trouble"]
    assert summary["diverged"].endswith("; the best model is of epoch 2, no earlier one")


def test_a_run_that_diverges_after_its_best_epoch(settings):
    """It is told when it happens; in the end the best epoch counts."""
    told = settings(model="8x8x1 -> fc10", loss="quadratic", lr=0.01, momentum=0.0, epochs=4, batch=50)
    told = replace(told, schedule="drops at=3 factor=400", validation=0.2)
    events = list(train(told))
    (text,) = warnings(events)
    assert text.startswith("the loss has grown from ") and " in epoch 4: " in text
    summary = events[-1].summary
    assert summary["best_epoch"] == 3 and summary["trouble"] == ""
    first, last = (float(word) for word in text.replace(" in", "").split()[5:13:6])
    rows = [event for event in events if isinstance(event, EpochEnded)]
    assert summary["diverged"] == (
        f"training diverged in epoch 4, behind step 6: its loss is {last:.4g}, that of the first step "
        f"{first:.4g}; the best model is of epoch 3, before that, with {rows[2].val_accuracy:.2%} of the "
        "validation images right"
    )


def test_a_network_that_guesses(settings):
    """At a rate of nearly 0 nothing is learned; the start alone is no trouble."""
    events = list(train(settings(model="8x8x1 -> fc10 init=zeros", lr=1e-30, epochs=3, batch=2)))
    assert warnings(events) == [
        "in epoch 2 the network still guesses: 10.00% of the training images right, and 10.00% are of the "
        "most frequent class; try a smaller --lr than 1e-30, such as 1e-31, --schedule 'constant warmup=1' "
        "or --optimizer adam"
    ]
    assert events[-1].summary["trouble"].startswith("in epoch 3 the network still guesses: ")
    short = list(train(settings(model="8x8x1 -> fc10 init=zeros", lr=1e-30, epochs=3, batch=50)))
    assert warnings(short) == [] and events[-1].summary["epochs"] == 3


def test_a_network_may_guess_while_the_rate_still_rises(settings):
    """The rate of a cycle of 20 epochs rises in nearly the first 6, that of a warm-up in its own 4."""
    how = {"model": "8x8x1 -> fc10 init=zeros", "lr": 1e-30, "batch": 2, "engine": "formula"}
    for schedule, epochs, first in (("onecycle rise=0.29", 20, 6), ("constant warmup=4", 6, 4)):
        events = list(train(settings(**how, schedule=schedule, epochs=epochs)))
        (text,) = warnings(events)
        assert text.startswith(f"in epoch {first} the network still guesses: ")


def test_weights_that_begin_at_0_learn_nothing_and_it_says_so(settings):
    """Behind a ReLU no gradient reaches them, and none the weights behind them."""
    line = "8x8x1 -> conv3-4 -> relu -> maxpool2 -> fc10"
    (text,) = warnings(events := list(train(settings(model=line, init="zeros", epochs=3, batch=2))))
    assert text == (
        "in epoch 2 the network still guesses: the weights of conv1, fc1 are all 0, so that no gradient "
        "comes through; let them begin in another way, such as --init he"
    )
    assert "the weights of conv1, fc1 are all 0" in events[-1].summary["trouble"]
    assert events[-1].summary["init"] == "zeros"


def test_a_network_that_learns(settings):
    events = list(train(settings(epochs=8)))
    assert warnings(events) == [] and events[-1].summary["trouble"] == ""


def test_a_network_that_knows_the_validation_images_does_not_guess(settings):
    """Though mixed images, of classes that are shares, look like guesses."""
    run = Run.of(settings(validation=0.2, batch=1))
    row = EpochEnded(2, 2.3, 0.1, 0.1, 0.9, 1.0, 80.0)
    progress = Progress(epoch=2, first_loss=2.3, rows=[replace(row, epoch=1), row])
    assert trouble(run, progress, [16] * 10) == ""
    progress.rows[-1] = replace(row, val_accuracy=0.1)
    assert trouble(run, progress, [16] * 10).startswith("in epoch 2 the network still guesses: ")


LENETS = [name for name, card in MODELS.items() if card.learn is None and name.startswith("lenet")]


@pytest.mark.slow
@pytest.mark.parametrize("name", LENETS)
def test_no_card_of_a_small_network_is_taken_for_trouble(settings, name):
    events = list(train(settings(model=name, data="digits", batch=None, epochs=4)))
    assert warnings(events) == [], find(name).recipe.rate
