"""Training runs: everything is checked before anything is written, and whatever stops a run, the last good
model stays."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from kitnet.base.error import RunError
from kitnet.files import remove
from kitnet.optim.wrapped import AVERAGE
from kitnet.train import own_rule
from kitnet.train.changes import CHANGES
from kitnet.train.checkpoint import Progress
from kitnet.train.events import Event
from kitnet.train.folder import RunFolder
from kitnet.train.loop import Loop
from kitnet.train.recipe import stretched
from kitnet.train.records import recorded
from kitnet.train.run import Run, own_rule_card
from kitnet.train.saves import Saves
from kitnet.train.settings import Settings
from kitnet.train.step import Progress as Compiling


def train(
    settings: Settings, stop: threading.Event | None = None, compiling: Compiling | None = None
) -> Iterator[Event]:
    """Train as `settings` say, into a new run folder; yields what happens. `stop` asks it to save and end
    after a step; `compiling` hears how many kernels are ready, of how many.

    Raises KitnetError before anything is written where the settings, the data or the network do not fit, and
    TrainingError when the loss is no longer a number.
    """
    card = own_rule_card(settings.model)
    if card is not None:
        return recorded(own_rule.learn(settings, card, stop or threading.Event(), compiling), settings)
    run = Run.of(settings)
    run.begin()
    given = run.settings.name or None
    name = run.name.replace(":", "-") if given is None else given
    folder = RunFolder.create(run.settings, name, numbered=given is None)
    saves = Saves(folder, folder.lock())
    run.changes.path = folder.path / CHANGES
    loop = Loop(run, saves, Progress(), stop or threading.Event(), compiling)
    return saves.telling(recorded(loop.events(), run.settings))


def resume(
    where: str | Path,
    epochs: int | None = None,
    stop: threading.Event | None = None,
    compiling: Compiling | None = None,
    back: bool = False,
) -> Iterator[Event]:
    """Go on with a run that was stopped, or, with more `epochs` than it had, with one that ended. A schedule
    of the learning rate that lasts as long as the run lasts as long as these, which is told. Numbers that
    were changed while it lasted are changed again at the same steps, but not where it goes `back` to its last
    checkpoint for another future."""
    folder, settings = RunFolder.open(where)
    card = own_rule_card(settings.model)
    if card is not None:
        raise own_rule.refuse_to_resume(str(folder.path), card)
    lock = folder.lock()
    try:
        folder.remove_leftovers()
        run = Run.of(settings if epochs is None else replace(settings, epochs=epochs))
        run.changes.read(folder.path / CHANGES)
        saves = Saves(folder, lock)
        progress = saves.load(run.training)
        if progress.epoch > run.epochs or (run.ended(progress) and folder.summary.exists()):
            raise RunError(f"{folder.path}: {run.why_ended(progress)}")
        if epochs is not None:
            folder.write_settings(run.settings)  # so that a run that is stopped again goes on to this end
        if back:
            run.changes.forget_after(progress.epoch, progress.step)
        if run.changes.made:
            run.follow(progress)
        at = progress.epoch * run.loader.steps + progress.step
        remark = stretched(replace(run.settings, epochs=settings.epochs), run.settings, run.loader.steps, at)
        remove(folder.summary)  # it is of an earlier end
    except BaseException:
        lock.close()
        raise
    loop = Loop(run, saves, progress, stop or threading.Event(), compiling, remark)
    return saves.telling(recorded(loop.events(), run.settings))


def reopen(where: str | Path, compiling: Compiling | None = None) -> Iterator[Event]:
    """A run that has ended, to be looked at: it is `Started` and `Ready` with the weights of its best model.
    No step is done, and nothing is written. Raises RunError for a run that has not ended."""
    folder, settings = RunFolder.open(where)
    card = own_rule_card(settings.model)
    if card is not None:
        raise own_rule.refuse_to_resume(str(folder.path), card)
    lock = folder.lock()
    try:
        run = Run.of(settings)
        run.changes.read(folder.path / CHANGES)
        saves = Saves(folder, lock)
        progress = saves.load(run.training)
        if not (run.ended(progress) and folder.summary.exists()):
            raise RunError(f"{folder.path}: this run has not ended yet; go on with it")
        if run.changes.made:
            run.follow(progress)
        saves.restore_best(run.model.net)
        run.memory.pop(AVERAGE, None)  # the best model has the averaged weights already
    except BaseException:
        lock.close()
        raise
    return Loop(run, saves, progress, threading.Event(), compiling).opened()
