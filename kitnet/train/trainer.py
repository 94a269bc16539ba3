"""Training runs: everything is checked before anything is written, and whatever stops a run, the last good
model stays."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from kitnet.base.error import KitnetError, RunError
from kitnet.files import remove
from kitnet.optim.wrapped import AVERAGE
from kitnet.train import own_rule
from kitnet.train.changes import CHANGES
from kitnet.train.checkpoint import Progress
from kitnet.train.events import Event
from kitnet.train.folder import ARGUMENTS, RunFolder
from kitnet.train.in_memory import InMemory
from kitnet.train.loop import Loop
from kitnet.train.ranks import AgreedStop, Ranks, agree, check_alike, send_files
from kitnet.train.recipe import stretched
from kitnet.train.records import recorded
from kitnet.train.run import Run, own_rule_card
from kitnet.train.saves import Saves
from kitnet.train.settings import Settings
from kitnet.train.step import Progress as Compiling


def train(
    settings: Settings,
    stop: threading.Event | None = None,
    compiling: Compiling | None = None,
    ranks: Ranks | None = None,
) -> Iterator[Event]:
    """Train as `settings` say, into a new run folder; yields what happens. `stop` asks it to save and end
    after a step; `compiling` hears how many kernels are ready, of how many. `ranks` train it together, each
    by a call like this one; rank 0 alone has a run folder.

    Raises KitnetError before anything is written where the settings, the data or the network do not fit, and
    TrainingError when the loss is no longer a number.
    """
    stop = stop or threading.Event()
    if ranks is not None:
        return _train_together(settings, stop, compiling, ranks)
    if settings.sync is not None:
        raise KitnetError("--sync is for several ranks; start them with kitnet launch -n 2 train ...")
    card = own_rule_card(settings.model)
    if card is not None:
        return recorded(own_rule.learn(settings, card, stop, compiling), settings)
    return _begun(_new(settings), stop, compiling)


def _new(settings: Settings, ranks: Ranks | None = None) -> Run:
    run = Run.of(settings)
    run.begin()
    if ranks is not None:
        run.join(ranks)
    return run


def _begun(run: Run, stop: threading.Event, compiling: Compiling | None) -> Iterator[Event]:
    """A run in a new folder."""
    given = run.settings.name or None
    name = run.name.replace(":", "-") if given is None else given
    folder = RunFolder.create(run.settings, name, numbered=given is None)
    saves = Saves(folder, folder.lock())
    run.changes.path = folder.path / CHANGES
    loop = Loop(run, saves, Progress(), stop, compiling)
    return saves.telling(recorded(loop.events(), run.settings))


def _train_together(
    settings: Settings, stop: threading.Event, compiling: Compiling | None, ranks: Ranks
) -> Iterator[Event]:
    """As one of several ranks. Raises AgreedError in all of them where one cannot, or is not like the
    others."""

    def new() -> Run:
        if own_rule_card(settings.model) is not None:
            raise KitnetError(f"{settings.model} learns by a rule of its own, which one process does")
        return _new(settings, ranks)

    run = agree(ranks, new)
    check_alike(ranks, run)
    stop = AgreedStop(ranks, stop)
    if ranks.rank:
        return Loop(run, InMemory(), Progress(), stop, compiling).events()
    return _begun(run, stop, compiling)


def resume(
    where: str | Path,
    epochs: int | None = None,
    stop: threading.Event | None = None,
    compiling: Compiling | None = None,
    back: bool = False,
    ranks: Ranks | None = None,
) -> Iterator[Event]:
    """Go on with a run that was stopped, or, with more `epochs` than it had, with one that ended. A schedule
    of the learning rate that lasts as long as the run lasts as long as these, which is told. Numbers that
    were changed while it lasted are changed again at the same steps, but not where it goes `back` to its last
    checkpoint for another future. Of `ranks` that go on together rank 0 alone reads and writes the folder."""
    stop = stop or threading.Event()
    if ranks is None:
        return _gone_on(*_resumed(where, epochs, back), stop, compiling)
    return _resume_together(where, epochs, stop, compiling, ranks)


def _gone_on(
    run: Run,
    saves: Saves,
    progress: Progress,
    remark: str,
    stop: threading.Event,
    compiling: Compiling | None,
) -> Iterator[Event]:
    loop = Loop(run, saves, progress, stop, compiling, remark)
    return saves.telling(recorded(loop.events(), run.settings))


def _resume_together(
    where: str | Path, epochs: int | None, stop: threading.Event, compiling: Compiling | None, ranks: Ranks
) -> Iterator[Event]:
    """Rank 0 opens the folder; the others are sent what they need of it into one of their own."""

    def own() -> tuple[Run, Saves, Progress, str]:
        found = _resumed(where, epochs, together=ranks)
        found[0].join(ranks)
        return found

    def of_files(folder: Path) -> tuple[Run, Saves, Progress, str]:
        found = _resumed(folder, epochs, together=ranks)
        found[0].join(ranks)
        return found

    mine = agree(ranks, own if ranks.rank == 0 else lambda: True)
    if isinstance(mine, tuple):
        run, saves, progress, remark = mine
        paths = [saves.folder.path / name for name in (ARGUMENTS, CHANGES)]
        send_files(ranks, [*paths, saves.newest], None)
        agree(ranks, lambda: True)
        check_alike(ranks, run)
        return _gone_on(run, saves, progress, remark, AgreedStop(ranks, stop), compiling)
    with TemporaryDirectory(prefix="kitnet-rank-") as folder:
        send_files(ranks, [None] * 3, Path(folder))
        run, saves, progress, _ = agree(ranks, lambda: of_files(Path(folder)))
        saves.lock.close()
    check_alike(ranks, run)
    return Loop(run, InMemory(), progress, AgreedStop(ranks, stop), compiling).events()


def _resumed(
    where: str | Path, epochs: int | None, back: bool = False, together: Ranks | None = None
) -> tuple[Run, Saves, Progress, str]:
    """The run in a folder, which is locked, as far as it has come, and what is to be said of it."""
    folder, settings = RunFolder.open(where)
    if settings.sync is not None and together is None:
        raise RunError(
            f"{folder.path}: a run of several ranks; go on with kitnet launch -n 2 train --resume "
            f"{shlex.quote(str(folder.path))}"
        )
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
    return run, saves, progress, remark


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
