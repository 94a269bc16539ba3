"""The training loop: everything is checked before anything is written, and whatever stops it, the last good
model stays.

The order of samples, random bits and initial weights depend on the seed, the epoch and the step alone, so a
run that was stopped and resumed ends with the same bits as one that never stopped.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError, RunError, TrainingError
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.data import NAMES, Augmentation, Loader, Preparation, Source, load
from kitnet.layers import Loss
from kitnet.net import Net, parse, usual_loss
from kitnet.net.notation import write_layer
from kitnet.net.objective import goals_of, loss_by_name
from kitnet.optim import Sgd
from kitnet.train import own_rule
from kitnet.train.checkpoint import Progress
from kitnet.train.events import EpochEnded, Event, Finished, Started, Stepped, Stopped, Warned
from kitnet.train.folder import RunFolder, absolute
from kitnet.train.metrics import Score, evaluate
from kitnet.train.model import GOLDEN, Model
from kitnet.train.saves import Saves
from kitnet.train.settings import Settings
from kitnet.train.step import Progress as Compiling
from kitnet.train.step import Step, make_step, pick_engine
from kitnet.zoo import MODELS, Card, find

AUXILIARY = 0.3  # the weight of auxiliary losses, as in Szegedy et al. 2014, section 5


def train(
    settings: Settings, stop: threading.Event | None = None, compiling: Compiling | None = None
) -> Iterator[Event]:
    """Train as `settings` say, into a new run folder; yields what happens. `stop` asks it to save and end
    after a step; `compiling` hears how many kernels are ready, of how many.

    Raises KitnetError before anything is written where the settings, the data or the network do not fit, and
    TrainingError when the loss is no longer a number.
    """
    card = _own_rule(settings.model)
    if card is not None:
        return own_rule.learn(settings, card, stop or threading.Event(), compiling)
    run = _Run(settings)
    given = run.settings.name or None
    name = run.name.replace(":", "-") if given is None else given
    folder = RunFolder.create(run.settings, name, numbered=given is None)
    saves = Saves(folder, folder.lock(), run.loader.steps)
    return run.go(saves, Progress(), stop or threading.Event(), compiling)


def resume(
    where: str | Path,
    epochs: int | None = None,
    stop: threading.Event | None = None,
    compiling: Compiling | None = None,
) -> Iterator[Event]:
    """Go on with a run that was stopped, or, with more `epochs` than it had, with one that ended."""
    folder, settings = RunFolder.open(where)
    card = _own_rule(settings.model)
    if card is not None:
        raise own_rule.refuse_to_resume(str(folder.path), card)
    lock = folder.lock()
    try:
        run = _Run(settings if epochs is None else replace(settings, epochs=epochs))
        saves = Saves(folder, lock, run.loader.steps)
        progress = saves.load(run.model.net, run.rule, run.memory)
        if progress.epoch > run.epochs or (progress.epoch == run.epochs and folder.summary.exists()):
            raise RunError(f"{folder.path}: all {progress.epoch} epochs are done; ask for more with --epochs")
        if epochs is not None:
            folder.write_settings(run.settings)  # so that a run that is stopped again goes on to this end
    except BaseException:
        lock.close()
        raise
    return run.go(saves, progress, stop or threading.Event(), compiling)


def _own_rule(model: str) -> Card | None:
    """The card of a network that learns without gradients."""
    card = None if "->" in model or "→" in model else find(model)
    return card if card is not None and card.learn is not None else None


def network(model: str, on_misfit: str | None = None) -> tuple[Net, Card]:
    """A zoo name or a line -> the network and a card, for a line one with the usual numbers."""
    if "->" in model or "→" in model:
        net = parse(model, on_misfit=on_misfit)
        return net, Card("net", "", lambda: net)
    card = find(model)
    return card.build(), card


def _auxiliary(net: Net, classes: int) -> dict[str, tuple[Loss, float]]:
    """Further outputs of a network are auxiliary heads: they learn the same labels, with the usual loss.
    Raises KitnetError for one that does not end in as many scores.
    """
    found = {}
    for name, shape in list(net.outputs.items())[1:]:
        if math.prod(shape) != classes:
            raise KitnetError(
                f"{name}: an auxiliary output learns the same {classes} classes but ends in {say(shape)}; "
                f"end it with fc{classes}, or train from Python with losses of its own"
            )
        found[name] = usual_loss(net.graph, net.graph.outputs[name]), AUXILIARY
    return found


@dataclass
class _Data:
    train: Source
    test: Source


class _Run:
    """Network, data and optimiser of one run, checked against each other."""

    def __init__(self, settings: Settings) -> None:
        net, card = network(settings.model, settings.on_misfit)
        self.name = card.name
        self.epochs = settings.epochs or card.epochs
        self.batch = settings.batch or card.batch
        momentum = card.momentum if settings.momentum is None else settings.momentum
        rate = card.rate if settings.lr is None else settings.lr
        self.rule = Sgd(rate, momentum, settings.decay)
        loss = usual_loss(net.graph) if settings.loss is None else loss_by_name(settings.loss)
        goals_of(net.graph, loss, "classes")  # raises where the loss has other targets than data sets have
        self.data = _Data(*load(settings.data, settings.data_dir, settings.split, bool(settings.strict)))
        classes = self.data.train.classes
        if math.prod(net.output_shape) != len(classes):
            raise KitnetError(
                f"the network ends in {say(net.output_shape)} but {self.data.train.name} has {len(classes)} "
                "classes; "
                f"end it with fc{len(classes)}"
            )
        preparation = Preparation.fitted(self.data.train, net.input_shape)
        augmentation = Augmentation.parse(settings.augment or "")
        self.loader = Loader(
            self.data.train, preparation, self.batch, settings.seed, augmentation=augmentation, workers=1
        )
        self.settings = replace(
            settings,
            model=settings.model if card.name in MODELS else str(net),  # a line with nothing left open
            data=settings.data if settings.data in NAMES else absolute(settings.data),
            data_dir=None if settings.data_dir is None else absolute(settings.data_dir),
            epochs=self.epochs,
            batch=self.batch,
            lr=rate,
            momentum=momentum,
            loss=write_layer(loss),
            engine=pick_engine(settings.engine),
        )
        net.initialise(settings.seed)
        self.model = Model(net, loss, classes, preparation, _auxiliary(net, len(classes)))
        self.memory = {name: net.weights.like() for name in self.rule.memory}

    def go(
        self,
        saves: Saves,
        progress: Progress,
        stop: threading.Event,
        compiling: Compiling | None,
    ) -> Iterator[Event]:
        """Train from where `progress` says to the end, and unlock the folder."""
        with saves.lock:
            for text in (saves.warning, *self.data.train.warnings, *self.data.test.warnings):
                if text:
                    yield Warned(text)
            if saves.newest is None:  # the start, so that the run can be resumed whenever it ends
                self._save_checkpoint(saves, progress)
            yield from self._train(saves, progress, stop, compiling)

    def _step(self, step_of: Step, x: Array, labels: Array, number: int) -> tuple[Array, Array]:
        """A training step on the same labels for all outputs; losses and scores of the main one."""
        judged = self.model.losses
        if not isinstance(judged, Mapping):
            return step_of(x, labels, number)
        losses, scores = step_of(x, dict.fromkeys(judged, labels), number)
        main = next(iter(judged))
        return losses[main], scores[main]

    def _train(
        self, saves: Saves, progress: Progress, stop: threading.Event, compiling: Compiling | None
    ) -> Iterator[Event]:
        net, steps, folder = self.model.net, self.loader.steps, saves.folder
        step_of = make_step(
            pick_engine(self.settings.engine),
            self.model,
            self.batch,
            self.rule,
            self.memory,
            self.settings.seed,
            self.settings.threads,
            compiling,
            "values" if self.loader.mixes else None,
        )
        yield Started(
            folder.path,
            str(net),
            self.data.train.name,
            len(self.data.train),
            len(self.data.test),
            progress.epoch + 1,
            self.epochs,
            progress.step,
            steps,
        )
        for epoch in range(progress.epoch, self.epochs):
            begun, before = time.perf_counter(), progress.epoch_seconds
            for x, labels in self.loader.epoch(epoch, progress.step):
                with np.errstate(over="ignore", invalid="ignore"):  # a loss that is no number is told below
                    losses, scores = self._step(step_of, x, labels, epoch * steps + progress.step)
                if not step_of.finite:
                    where = f"at step {progress.step + 1} of epoch {epoch + 1}"
                    raise self._lost(saves, float(losses.mean()), where, progress)
                progress.step += 1
                progress.epoch_seconds = before + time.perf_counter() - begun
                guessed = self.model.loss.probabilities(scores).argmax(1)
                progress.score.add(losses, guessed == (labels.argmax(1) if self.loader.mixes else labels))
                speed = progress.score.samples / progress.epoch_seconds
                yield Stepped(epoch + 1, progress.step, progress.score.loss, progress.score.accuracy, speed)
                if stop.is_set() and progress.step < steps:
                    self._tested(saves, self.data.test.subset(slice(GOLDEN)), progress)
                    self._save(saves, progress)
                    yield Stopped(folder.path, epoch + 1, progress.step)
                    return
            yield self._end_epoch(saves, progress)
            if stop.is_set() and progress.epoch < self.epochs:
                yield Stopped(folder.path, progress.epoch, steps)
                return
        yield Finished(folder.path, self._summarise(folder, progress, step_of.engine))

    def _end_epoch(self, saves: Saves, progress: Progress) -> EpochEnded:
        score, test = progress.score, self._tested(saves, self.data.test, progress)
        row = EpochEnded(
            epoch=progress.epoch + 1,
            train_loss=score.loss,
            train_accuracy=score.accuracy,
            test_loss=test.loss,
            test_accuracy=test.accuracy,
            seconds=progress.epoch_seconds,
            images_per_second=score.samples / progress.epoch_seconds,
        )
        progress.rows.append(row)
        progress.seconds += progress.epoch_seconds
        progress.epoch, progress.step, progress.epoch_seconds, progress.score = (
            progress.epoch + 1,
            0,
            0.0,
            Score(),
        )
        saves.folder.write_rows(progress.rows)
        self._save(saves, progress)
        return row

    def _tested(self, saves: Saves, images: Source, progress: Progress) -> Score:
        """The score on test images. Raises TrainingError where the last step has spoiled the weights."""
        where = f"after step {progress.step} of epoch {progress.epoch + 1}"
        if not np.isfinite(self.model.net.weights.flat).all():
            raise self._lost(saves, math.nan, where, progress)
        with np.errstate(over="ignore", invalid="ignore"):
            score = evaluate(self.model, images)
        if not np.isfinite(score.loss):
            raise self._lost(saves, score.loss, where, progress)
        return score

    def _save(self, saves: Saves, progress: Progress) -> None:
        golden = self.model.preparation.first(self.data.test, GOLDEN)
        saves.save_model(self.model, golden, progress.rows)
        self._save_checkpoint(saves, progress)

    def _save_checkpoint(self, saves: Saves, progress: Progress) -> None:
        saves.save(self.model.net, self.rule, self.memory, progress)

    def _lost(self, saves: Saves, loss: float, where: str, progress: Progress) -> TrainingError:
        """The error for a loss, or a gradient, that is no number; the step has changed nothing."""
        if not progress.step and not progress.epoch:
            return TrainingError(
                f"the loss is {loss} {where}, with the weights as they begin; give the layers another init"
            )
        last = saves.folder.last
        if last.exists():
            kept = f"the model that was saved last is kept in {last}"
        else:
            kept = f"no epoch had ended, so that only the start is kept, in {saves.newest}"
        what = "the gradient is not finite" if np.isfinite(loss) else f"the loss became {loss}"
        return TrainingError(f"{what} {where}; {kept}; try a smaller --lr than {self.rule.rate:g}")

    def _summarise(self, folder: RunFolder, progress: Progress, engine: str) -> dict[str, Any]:
        from kitnet import __version__  # the package imports this module

        last = progress.rows[-1]
        summary = {
            "model": self.settings.model,
            "network": str(self.model.net),
            "data": self.settings.data,
            "epochs": progress.epoch,
            "batch": self.batch,
            "lr": self.rule.rate,
            "momentum": self.rule.momentum,
            "decay": self.rule.decay,
            "loss": write_layer(self.model.loss),
            "seed": self.settings.seed,
            "parameters": self.model.net.ledger().totals["parameters"],
            "train_loss": last.train_loss,
            "train_accuracy": last.train_accuracy,
            "test_loss": last.test_loss,
            "test_accuracy": last.test_accuracy,
            "seconds": progress.seconds,
            "images_per_second": progress.epoch * len(self.data.train) / progress.seconds,
            "engine": engine,
            "kitnet": __version__,
        }
        folder.write_summary(summary)
        return summary
