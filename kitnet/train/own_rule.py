"""Runs of networks that learn by a rule of their own, without gradients: once through the rule, one model."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from dataclasses import replace
from typing import Any

from kitnet.base.error import KitnetError, RunError
from kitnet.data import NAMES, Parts, Preparation, load
from kitnet.net import usual_loss
from kitnet.net.notation import write_layer
from kitnet.net.objective import loss_by_name
from kitnet.train.events import Abandoned, EpochEnded, Event, Finished, Learned, Ready, Started, Warned
from kitnet.train.folder import RunFolder, absolute
from kitnet.train.metrics import Score, evaluate, told
from kitnet.train.model import GOLDEN, Model
from kitnet.train.recipe import USUAL_DATA
from kitnet.train.run import counts
from kitnet.train.saves import Saves
from kitnet.train.settings import Settings
from kitnet.train.step import Progress as Compiling
from kitnet.train.step import pick_engine
from kitnet.zoo import Card, Learning

# what such a rule has not
OF_STEPS = (
    *("augment", "epochs", "batch", "accumulate", "optimizer", "schedule", "lr", "momentum", "decay"),
    *("clip", "average", "weights", "freeze", "patience", "validation", "loss", "init", "precision"),
)


def learn(
    settings: Settings, card: Card, stop: threading.Event, compiling: Compiling | None
) -> Generator[Event, None, None]:
    """Learn as the card says; yields what happens. `stop` ends it, and nothing stays.

    Raises KitnetError before anything is written where the settings or the data do not fit.
    """
    for name in OF_STEPS:
        if getattr(settings, name) is not None:
            raise KitnetError(
                f"{card.name} learns by a rule of its own, without steps along a gradient; leave out --{name}"
            )
    settings = replace(settings, data=settings.data or USUAL_DATA)
    assert settings.data is not None
    strict, megapixels = bool(settings.strict), settings.megapixels
    parts = load(settings.data, settings.data_dir, settings.split, strict, megapixels=megapixels)
    fitted = Preparation.fitted(parts.train, card.build().input_shape)
    # As much light as there is, from 0 to 1: these networks know no brightness below 0.
    preparation = replace(fitted, mean=(0.0,) * len(fitted.mean), std=(1.0,) * len(fitted.std))
    settings = replace(
        settings,
        data=settings.data if settings.data in NAMES else absolute(settings.data),
        data_dir=None if settings.data_dir is None else absolute(settings.data_dir),
        engine=pick_engine(settings.engine),
    )
    given = settings.name
    folder = RunFolder.create(settings, given or card.name.replace(":", "-"), numbered=given is None)
    return _learn(settings, card, parts, preparation, folder, stop, compiling)


def refuse_to_resume(where: str, card: Card) -> RunError:
    return RunError(
        f"{where}: {card.name} learns by a rule of its own at one go, which cannot be resumed; train it anew"
    )


def _learn(
    settings: Settings,
    card: Card,
    parts: Parts,
    preparation: Preparation,
    folder: RunFolder,
    stop: threading.Event,
    compiling: Compiling | None,
) -> Generator[Event, None, None]:
    whole, train = False, parts.train
    try:
        with folder.lock() as lock:
            yield from map(Warned, (text for part in parts.named().values() for text in part.warnings))
            trained, validated, tested = (len(part or ()) for part in parts)
            yield Started(
                folder.path,
                card.line,
                train.name,
                trained,
                validated,
                tested,
                epoch=1,
                epochs=1,
                first_step=0,
                steps=1,
                done=0,
            )
            yield Ready()
            begun = time.perf_counter()
            assert card.learn is not None
            (x, labels), classes = preparation.prepare_all(train), train.classes
            net = yield from _stages(card.learn(x, labels, len(classes), settings.seed), stop)
            if net is not None:
                seconds = time.perf_counter() - begun
                loss = loss_by_name(card.loss) if card.loss else usual_loss(net.graph)
                model = Model(net, loss, classes, preparation)
                if settings.engine == "compiled":
                    model.compile(threads=settings.threads, progress=compiling)
                row = _row(model, parts, seconds)
                folder.write_rows([row])
                golden = preparation.first(parts.validation or train, GOLDEN)
                Saves(folder, lock).save_model(model, golden, [row])
                whole = True
                yield row
                test = None if parts.test is None else evaluate(model, parts.test)
                summary = _summary(settings, parts, model, row, test)
                folder.write_summary(summary)
                yield Finished(folder.path, summary)
    finally:
        if not whole:
            folder.clear()
    if not whole:
        yield Abandoned(card.name)


def _row(model: Model, parts: Parts, seconds: float) -> EpochEnded:
    found = evaluate(model, parts.train)
    validation = None if parts.validation is None else evaluate(model, parts.validation)
    return EpochEnded(
        epoch=1,
        train_loss=found.loss,
        train_accuracy=found.accuracy,
        val_loss=None if validation is None else validation.loss,
        val_accuracy=None if validation is None else validation.accuracy,
        seconds=seconds,
        images_per_second=len(parts.train) / seconds,
    )


def _stages(learning: Learning, stop: threading.Event) -> Any:
    """The stages of a rule as events; the network, or None where it was stopped."""
    while not stop.is_set():
        try:
            stage = next(learning)
        except StopIteration as end:
            return end.value
        yield Learned(stage.what, stage.done, stage.all)
    learning.close()
    return None


def _summary(
    settings: Settings, parts: Parts, model: Model, row: EpochEnded, test: Score | None
) -> dict[str, Any]:
    from kitnet import __version__  # the package imports this module

    return {
        "model": settings.model,
        "network": str(model.net),
        "data": settings.data,
        "epochs": 1,
        "loss": write_layer(model.loss),
        "seed": settings.seed,
        "parameters": model.net.ledger().totals["parameters"],
        **counts(parts),
        **{name: value for name, value in vars(row).items() if name != "epoch"},
        **told("test", test),
        "engine": settings.engine,
        "kitnet": __version__,
    }
