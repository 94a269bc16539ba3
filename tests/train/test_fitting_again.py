"""Another `fit` of a model: what it goes on from, and when a training of its own begins."""

from __future__ import annotations

from typing import Any

import numpy as np

import kitnet
from kitnet.data import load
from kitnet.train import Ready, Started, Stepped

LINE = "8x8x1 -> fc10"
DIGITS = load("digits").train
X, Y = DIGITS.images[:200], DIGITS.labels[:200]  # type: ignore[attr-defined]
QUICK: dict[str, Any] = {"engine": "formula", "batch": 50, "optimizer": "adam", "schedule": "cosine"}


def rates(model: kitnet.Model, **settings: Any) -> list[float]:
    """The learning rate of every step of a fit."""
    heard: list[Any] = []
    model.fit(X, Y, callbacks=heard.append, **{**QUICK, **settings})
    return [event.rate for event in heard if isinstance(event, Stepped)]


def test_the_schedule_of_both_goes_on() -> None:
    """The rates of the second fit are the last ones of a schedule of all epochs; they do not rise anew."""
    model = kitnet.Model(LINE)
    first, second = rates(model, epochs=4), rates(model, epochs=2)
    whole = rates(kitnet.Model(LINE), epochs=6)
    assert second == whole[16:] and first[0] == whole[0] > second[0]


def test_it_is_as_one_training_that_was_resumed() -> None:
    """Order, augmentation and the rule's memory go on: with a constant rate the bits are those of one fit."""
    once, twice = kitnet.Model(LINE), kitnet.Model(LINE)
    constant = {**QUICK, "schedule": "constant", "augment": "crop1"}
    once.fit(X, Y, epochs=5, **constant)
    twice.fit(X, Y, epochs=2, **constant)
    history = twice.fit(X, Y, epochs=3, **constant)
    assert np.array_equal(once.net.weights.flat, twice.net.weights.flat)
    assert history["epoch"] == [3, 4, 5] and history.best.epoch == 5
    assert (history.summary["epochs"], history.summary["best_epoch"]) == (5, 5)


def test_where_it_was_stopped_it_goes_on_at_the_beginning_of_that_epoch() -> None:
    model, started = kitnet.Model(LINE), []

    def stop(event: Any) -> bool:
        started.extend([event] if isinstance(event, Started) else [])
        return isinstance(event, Stepped) and (event.epoch, event.step) == (2, 2)

    model.fit(X, Y, epochs=9, callbacks=stop, **QUICK)
    model.fit(X, Y, epochs=3, callbacks=stop, **QUICK)
    assert [(event.epoch, event.epochs, event.first_step) for event in started] == [(1, 9, 0), (2, 4, 0)]


def test_a_training_of_its_own() -> None:
    """With other steps or another rule, and where the network is another model's: with the weights that are
    there, the memory of the rule empty, and the schedule at its beginning."""
    model = kitnet.Model(LINE)
    first = rates(model, epochs=2)

    def begins(other: kitnet.Model, x: Any = X, **settings: Any) -> bool:
        seen: list[bool] = []

        def look(event: Any) -> None:
            if isinstance(event, Ready):
                assert event.loop is not None
                run = event.loop.run
                seen.append(not any(held.flat.any() for held in run.memory.values()))
                assert np.array_equal(other.net.weights.flat, before)

        before = other.net.weights.flat.copy()
        history = other.fit(x, Y[: len(x)], callbacks=look, **{**QUICK, "epochs": 1, **settings})
        return seen == [True] and history["epoch"] == [1]

    for other in ({"batch": 40}, {"lr": 0.01}, {"schedule": "linear"}, {"optimizer": "sgd"}, {"x": X[:100]}):
        begins(model)
        assert not begins(model)
        assert begins(model, **other)
    assert begins(kitnet.Model(model.net))
    assert rates(kitnet.Model(model.net), epochs=2) == first
