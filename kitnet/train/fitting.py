"""Training from Python on data in memory: the recipe, the loop and the files of `kitnet train`, for a model
that is there already."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import fields, replace
from typing import Any

import numpy as np

from kitnet.base.argument import words
from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.data import Parts
from kitnet.data.loading import ARRAYS
from kitnet.net.weighted_losses import write_losses
from kitnet.train.checkpoint import Progress
from kitnet.train.events import EpochEnded, Event, Finished, Warned
from kitnet.train.folder import RunFolder
from kitnet.train.given import parts_of
from kitnet.train.going_on import Trained
from kitnet.train.history import History
from kitnet.train.in_memory import InMemory
from kitnet.train.loop import Loop
from kitnet.train.model import GOLDEN, Callback, Model
from kitnet.train.recipe import complete
from kitnet.train.records import recorded
from kitnet.train.run import Run
from kitnet.train.saves import Saves
from kitnet.train.settings import Settings, check_kind
from kitnet.train.step import in_precision, pick_engine
from kitnet.train.target import INPUT
from kitnet.zoo import Card, Recipe, find_recipe
from kitnet.zoo.recipe import FOR_INPUT

# of a run of `kitnet train`, which reads its network and its data itself
NOT_HERE = (
    *("model", "input", "data", "data_dir", "split", "strict", "megapixels", "validation", "weights", "loss"),
    *("target", "on_misfit"),
)
KNOWN = tuple(one.name for one in fields(Settings) if one.name not in NOT_HERE)


def fit(
    model: Model,
    x: Any,
    y: Any = None,
    validation: Any = None,
    callbacks: Callback | Sequence[Callback] = (),
    settings: dict[str, Any] | None = None,
) -> History:
    """Train a model, in place.

    x are unsigned bytes (N,H,W,C) or (N,H,W), for a network that reads pictures: they may have any size. Or
    they are floats of the shape of the network's input, where a last axis of one channel may be left out, and
    are standardised channel by channel. y are class numbers from 0, or the names of classes. x may also be a
    `kitnet.data.Source`, without y. A network that gives its input learns from x alone: unsigned bytes as
    numbers from 0 to 1, floats as they are. `validation` is a share of the training samples, such as 0.1, a
    pair (x, y), or x alone where there is no y, or a Source: with it the model ends with the weights of the
    best epoch, without it with those of the last.

    `settings` are those of `kitnet train` by their names there: epochs, batch, accumulate, optimizer,
    schedule, lr, momentum, decay, clip, average, groups, whiten, views, freeze, patience, augment, init,
    seed, engine, precision, threads, tensorboard, save_every. With `runs` or `name` there is a run folder as
    `kitnet train` makes one; without them nothing is written. Weights that are there already are trained
    further; those that nobody has used yet are drawn from `seed`.

    Another `fit` goes on, as `kitnet train --resume RUN --epochs` does: epochs are counted on, the update
    rule keeps its memory, and a schedule lasts as long as all epochs together, so that the rate does not
    rise anew. On another number of samples, or by another batch, rule, rate, schedule or `freeze`, a training
    of its own begins with the weights that are there, as with `kitnet.Model(model.net)`.

    `callbacks`, one or several, are called with each event (`kitnet.train.events`), and training ends after
    the step where one of them returns True. Warnings of the run are Python's warnings. Ctrl-C passes through,
    and leaves the model with the weights of the best epoch, or where none has ended those of the last step.

    Raises KitnetError where data, network and settings do not fit each other, and TrainingError where the
    loss is no longer a number.
    """
    if len(model.net.operands) > 1:
        raise KitnetError(
            f"fit trains networks of one input, and this one reads {' and '.join(model.net.operands)}; write "
            "a loop with net.compile(batch, 'train')"
        )
    hearing = _callbacks(callbacks)
    parts = parts_of(x, y, validation, model.net.input_shape, model.classes, model.is_nameless)
    told, before = _going_on(model, _settings(model, settings or {}, parts), len(parts.train))
    if told.patience is not None and validation is None:
        raise KitnetError("fit: patience needs a validation part; give validation=0.1, or a pair (x, y)")
    run = Run.on(model.name or "net", told, model, parts, resumed=False)
    model.examples = model.preparation.first(run.examples, GOLDEN)
    wanted = any((settings or {}).get(flag) is not None for flag in ("runs", "name"))
    saves = _folder(run) if wanted else InMemory()
    progress = Progress() if before is None else before.go_on(run)
    loop, history = Loop(run, saves, progress, threading.Event()), History(saves.path)
    try:
        _train(loop, history, hearing)
    finally:
        model.trained = Trained.of(run, progress)
        saves.restore_best(model.net)
        model.refresh()
    return history


def _going_on(model: Model, told: Settings, samples: int) -> tuple[Settings, Trained | None]:
    """The settings for all epochs together, and the training that is gone on with, or none."""
    before = model.trained
    if before is None or not before.is_gone_on_with(told, samples):
        return told, None
    return before.longer(told), before


def _callbacks(given: Any) -> tuple[Callback, ...]:
    """One or several functions of an event. Raises KitnetError."""
    found = (given,) if callable(given) else given
    if not isinstance(found, list | tuple) or not all(map(callable, found)):
        raise KitnetError(
            f"callbacks: expected functions of an event, such as [print], but got {shorten(given)}"
        )
    return tuple(found)


def _settings(model: Model, given: dict[str, Any], parts: Parts) -> Settings:
    """The settings of the run, complete; the augmentation of a card is for pictures alone. Raises KitnetError
    for unknown names, and for a card without steps."""
    recipe = FOR_INPUT if model.target == INPUT else Recipe()
    own = Card("net", "", lambda: model.net, recipe=recipe), None
    card, data = find_recipe(model.name) if model.name else own
    if card.learn is not None:
        raise KitnetError(
            f"{card.name} learns by a rule of its own; kitnet train {card.name}, or kitnet.train.train, does "
            "so"
        )
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in KNOWN:
            raise KitnetError(f"fit has no {shorten(name)}{nearest(name, KNOWN)}; known: {', '.join(KNOWN)}")
    if "freeze" in given:
        given["freeze"] = ",".join(words("freeze", given["freeze"], "conv1"))
    given = {name: check_kind(name, value) for name, value in given.items()}
    loss = write_losses(model.loss, model.auxiliary)
    if parts.train.read(np.arange(1))[0][0].dtype.kind == "f":
        given.setdefault("augment", "none")
    told = Settings(
        model=model.name or str(model.net),
        data=ARRAYS,
        target=model.target,
        loss=loss,
        validation=0.0,
        **given,
    )
    whole = replace(complete(told, card.recipe_for(data or "")), engine=pick_engine(told.engine))
    return in_precision(whole)[0]


def _folder(run: Run) -> Saves:
    """A run folder as `kitnet train` makes one."""
    folder = RunFolder.create(run.settings, run.settings.name or run.name, run.settings.name is None)
    return Saves(folder, folder.lock())


def _train(loop: Loop, history: History, hearing: Sequence[Callback]) -> None:
    """All events, which everybody hears."""
    settings, events = loop.run.settings, loop.events()
    with closing(events if loop.saves.path is None else recorded(events, settings)) as heard:
        for event in heard:
            _hear(event, history)
            for callback in hearing:
                if callback(event) is True:
                    loop.stop.set()


def _hear(event: Event, history: History) -> None:
    match event:
        case Warned(text):
            warnings.warn(text, stacklevel=5)  # the line that calls fit
        case EpochEnded():
            history.rows.append(event)
        case Finished():
            history.summary = event.summary
            for name, what in (("diverged", ""), ("trouble", "nothing was learned: ")):
                if event.summary.get(name):
                    warnings.warn(f"{what}{event.summary[name]}", stacklevel=5)
        case _:
            pass
