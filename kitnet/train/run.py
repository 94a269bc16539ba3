"""A run before its first step: network, data and update rule, checked against each other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError, shorten
from kitnet.data import NAMES, Augmentation, Loader, Parts, Source, load
from kitnet.data.validation import with_validation
from kitnet.data.views import Views
from kitnet.net import Net, Weights, parse
from kitnet.net.language import read_volume
from kitnet.net.weighted_losses import write_losses
from kitnet.optim import Rule
from kitnet.optim.rule import ACCUMULATED
from kitnet.optim.words import numbers_of, read_rule
from kitnet.surgery.sliding import resizing
from kitnet.train.changes import Changes
from kitnet.train.checkpoint import Progress, Training
from kitnet.train.events import EpochEnded
from kitnet.train.folder import absolute
from kitnet.train.metrics import Score, told, told_parts
from kitnet.train.model import GOLDEN, Model
from kitnet.train.model_file import load_network
from kitnet.train.ranks import FAST, Ranks
from kitnet.train.recipe import FLAGS, USUAL_DATA, complete, rule_of, usual
from kitnet.train.saved import file_to_begin_with
from kitnet.train.saves import since_best
from kitnet.train.settings import Settings
from kitnet.train.start import begin_from, with_classes
from kitnet.train.step import in_precision, pick_engine
from kitnet.train.suited import auxiliary_heads, check_frozen, check_goals, check_init
from kitnet.train.target import (
    CLASSES,
    INPUT,
    check_range,
    free_draws,
    is_bound,
    preparation_for,
    target_of,
)
from kitnet.train.whitening import whiten
from kitnet.zoo import MODELS, Card, find_recipe
from kitnet.zoo.recipe import FOR_INPUT


@dataclass
class Run:
    """What is trained, on what, and by what. `settings` are complete: written to args.toml they repeat it."""

    name: str  # of the network
    settings: Settings
    model: Model
    parts: Parts
    data: str  # the digest of all parts
    loader: Loader
    rule: Rule
    memory: dict[str, Weights]
    changes: Changes  # of settings, loader and rule, while it lasts
    ranks: Ranks | None = None  # the processes that train it together
    notes: list[str] = field(default_factory=list)  # what a person should know before it begins

    def __post_init__(self) -> None:
        self._begun = self.settings.decisive  # whatever is changed while it lasts

    @classmethod
    def of(cls, settings: Settings) -> Run:
        """The run that is told of. Raises KitnetError where the parts of it do not fit each other."""
        net, card, of_recipe = network(settings.model, settings.on_misfit, settings.input)
        file = file_to_begin_with(settings.model)
        if file is not None:
            settings = replace(settings, model=absolute(str(file)), weights=settings.weights or str(file))
        name = card.name if of_recipe is None else settings.model
        if card.name not in MODELS and target_of(net, settings.target) == INPUT:
            card = replace(card, recipe=FOR_INPUT)
        settings, recipe = usual(settings, card, of_recipe)
        settings = complete(settings, recipe)
        settings, chosen = in_precision(replace(settings, engine=pick_engine(settings.engine)))
        data = settings.data or USUAL_DATA
        parts = load(
            data,
            settings.data_dir,
            settings.split,
            bool(settings.strict),
            settings.validation,
            settings.megapixels,
        )
        if parts.validation is None and settings.validation is None:
            settings = replace(settings, validation=recipe.validation)
            parts = with_validation(parts, recipe.validation, usual=True)
        target, note = target_of(net, settings.target), ""
        if target == CLASSES:
            classes = len(parts.train.classes)
            replaces = card.name in MODELS or file is not None
            net, note = with_classes(net, classes, parts.train.name, replaces)
        model = Model(net, settings.loss, target=target)
        # what is no name of the zoo is a line with nothing left open, or a file whose graph has none
        is_named = card.name in MODELS or (file is not None and net.body is None)
        settings = replace(
            settings,
            model=settings.model if is_named else str(net),
            input=settings.input if is_named else None,
            data=data if data in NAMES else absolute(data),
            data_dir=None if settings.data_dir is None else absolute(settings.data_dir),
            weights=None if settings.weights is None else absolute(settings.weights),
            target=target,
            loss=write_losses(model.loss, model.auxiliary),
        )
        run = cls.on(name, settings, model, parts)
        run.notes += [text for text in (note, chosen) if text]
        if run.loader.batch > len(parts.train):
            run.notes.append(
                f"a batch of {run.loader.batch:,} is more than the {len(parts.train):,} images to train "
                "with: a step has all of them, and an epoch is one step"
            )
        return run

    @classmethod
    def on(cls, name: str, settings: Settings, model: Model, parts: Parts, resumed: bool = True) -> Run:
        """The run of a model on data that are there; `settings` are complete. What the model has not learned
        yet, its preparation, its classes and its weights, is made for these data. `resumed`: it may be, so
        that the digest of the data is needed. Raises KitnetError where the parts of it do not fit each
        other."""
        if parts.validation is None and settings.patience is not None:
            raise KitnetError(
                "--patience needs a validation part; leave it out, or hold one back with --validation 0.1"
            )
        train, net, gives_input = parts.train, model.net, model.target == INPUT
        classes = () if gives_input else train.classes
        check_goals(model, train)
        preparation = model.preparation if model.is_fitted else preparation_for(train, net, model.target)
        if gives_input:
            check_range(train, preparation, model.loss)
        augmentation = Augmentation.parse(settings.augment or "")
        batch, seed = settings.batch or 1, settings.seed
        changes = Changes(len(train), batch, settings.accumulate or 1)
        loader = Loader(train, preparation, batch, seed, augmentation=augmentation, workers=1)
        rule = rule_of(settings, updates(settings, loader))
        rule.members(net.graph.params())  # raises for a group of none
        if settings.views is not None:
            model.views = Views.parse(settings.views)
            model.views.check(net.input_shape)
            if gives_input and model.views:
                raise KitnetError(
                    "--views is for what is told apart, and this network gives its input; leave it out"
                )
        auxiliary = model.auxiliary or ({} if gives_input else auxiliary_heads(net, len(classes)))
        if not net.is_drawn:
            check_init(net, name, settings.init)
            net.initialise(seed, init=settings.init)
            if settings.whiten not in (None, "none"):
                whiten(net, settings.whiten, train, preparation)
        elif settings.init is not None:
            raise KitnetError(
                "the network has its weights already; leave init out, or draw them by "
                f"net.initialise(init={settings.init!r})"
            )
        check_frozen(net, settings.frozen, rule)
        model.classes, model.preparation, model.auxiliary = classes, preparation, auxiliary
        means = (ACCUMULATED,) if (settings.accumulate or 1) > 1 else ()
        memory = {each: net.weights.like() for each in (*rule.memory, *means)}
        data = _digest(parts) if resumed else ""
        run = cls(name, settings, model, parts, data, loader, rule, memory, changes)
        if len(classes) == 1:
            run.notes.append(
                f"{train.name}: one class only, {shorten(classes[0])}: there is nothing to tell apart; give "
                "pictures of two classes or more"
            )
        run.notes += free_draws(net.graph, auxiliary)[:1] if gives_input else []
        return run

    def begin(self) -> None:
        """Take over the weights that a new run is to begin with. Raises KitnetError."""
        if self.settings.weights is not None:
            self.notes.append(begin_from(self.model.net, self.settings.weights))

    def join(self, ranks: Ranks) -> None:
        """Train it together with others. Raises KitnetError where that cannot be."""
        if self.settings.engine != "compiled":
            raise KitnetError(
                "several ranks train by the compiled engine; leave out --engine, or use one process"
            )
        self.ranks = ranks
        if self.settings.sync == FAST:
            self.notes.append(
                f"--sync fast: the weights depend on the number of ranks, {ranks.ranks}, and norms have the "
                "statistics of a rank's own images"
            )

    def share_state(self) -> None:
        """Where ranks have statistics of their own images: each takes the mean of all."""
        if self.ranks is None or self.settings.sync != FAST:
            return
        for held in self.model.net.state.values():
            for array in held.values():
                mean = array.astype(np.float32).reshape(-1)
                self.ranks.add(mean)
                array[...] = (mean / self.ranks.ranks).reshape(array.shape)

    def ask(self, numbers: Mapping[str, Any]) -> None:
        """Let other numbers, by their names in the settings, hold from the next step on; any thread may ask.
        Raises KitnetError for what the rule has not, or not in this range."""
        rule = read_rule(self.settings.optimizer or "")[0]
        names = numbers_of(rule)
        for name, flag in FLAGS.items():
            if flag in numbers and name not in names:
                word = (self.settings.optimizer or "").split(maxsplit=1)[0]
                raise KitnetError(f"{word} has no {name}; it has {', '.join(names)}")
        rule_of(replace(self.settings, **numbers), self.updates)
        self.changes.ask(numbers)

    def follow(self, progress: Progress) -> None:
        """Take over the changed numbers that hold where the run is. Raises KitnetError."""
        changes, epoch = self.changes, progress.epoch
        numbers = changes.numbers(epoch, progress.step)
        self.settings = replace(self.settings, **numbers)
        if self.loader.batch != numbers["batch"]:
            self.loader = self.loader.with_batch(numbers["batch"])
        shift = epoch * self.updates - changes.updates_before(epoch)
        self.rule = rule_of(self.settings, self.updates, shift=shift)

    def steps_done(self, progress: Progress) -> int:
        """Since training began."""
        return self.changes.steps_before(progress.epoch) + progress.step

    @property
    def training(self) -> Training:
        """What its checkpoints are of."""
        steps = self.changes.most_steps
        return Training(self.model.net, self.rule, self.memory, steps, self.data, self._begun)

    @property
    def examples(self) -> Source:
        """The pictures that a saved model is verified with; none of the test part."""
        part = self.parts.validation or self.parts.train
        return part.subset(slice(GOLDEN))

    @property
    def form(self) -> str | None:
        """Of the targets: numbers, or as the loss usually takes them."""
        return "values" if self.loader.mixes or self.model.target == INPUT else None

    @property
    def epochs(self) -> int:
        return self.settings.epochs or 0

    @property
    def updates(self) -> int:
        """Updates an epoch; the last one may have fewer batches than the others."""
        return updates(self.settings, self.loader)

    def ended(self, progress: Progress) -> bool:
        """Whether all epochs are done, or as many as patience lasts were no better."""
        return progress.epoch >= self.epochs or self._is_out_of_patience(progress)

    def _is_out_of_patience(self, progress: Progress) -> bool:
        patience = self.settings.patience
        return patience is not None and since_best(progress.rows) >= patience

    def why_ended(self, progress: Progress) -> str:
        """Why no epoch follows, and what to do."""
        if progress.epoch < self.epochs:
            return (
                f"ended after epoch {progress.epoch}, since the last {self.settings.patience} were no "
                "better; train it anew with more --patience"
            )
        return f"all {progress.epoch} epochs are done; ask for more with --epochs"

    def _results(self, best: EpochEnded, test: Score | None) -> dict[str, float | None]:
        """The losses of the best epoch and of the test part, with the accuracies, or what each output loses
        and the evidence lower bound where they make one (Kingma & Welling 2014, equation 10)."""
        found = {name: value for name, value in best.numbers().items() if "_loss" in name or "_acc" in name}
        found |= {name: x for name, x in told("test", test).items() if self.model.classes or "_loss" in name}
        found |= told_parts("test", test)
        if is_bound(self.model.net.graph, self.model.loss, self.model.auxiliary):
            for part in ("train", "val", "test"):
                lost = [x for name, x in found.items() if name.startswith(f"{part}_loss.") and x is not None]
                found |= {f"{part}_elbo": -sum(lost)} if lost else {}
        return found

    def summary(self, progress: Progress, test: Score | None, engine: str) -> dict[str, Any]:
        """What is told of the run when it has ended: loss and accuracy are those of the best epoch."""
        from kitnet import __version__  # the package imports this module

        ago, settings = since_best(progress.rows), self.settings
        best = progress.rows[-1 - ago]
        given = (
            *("batch", "accumulate", "optimizer", "schedule", "lr", "momentum", "decay", "clip", "average"),
            *("weights", "freeze", "init", "groups", "whiten", "views"),
        )
        return {
            "model": settings.model,
            "network": str(self.model.net),
            "data": settings.data,
            "epochs": progress.epoch,
            "best_epoch": best.epoch,
            **{name: value for name in given if (value := getattr(settings, name)) is not None},
            **({"target": INPUT} if self.model.target == INPUT else {}),
            "loss": settings.loss,
            "seed": settings.seed,
            "parameters": self.model.net.ledger().totals["parameters"],
            **counts(self.parts),
            **self._results(best, test),
            "seconds": progress.seconds,
            "images_per_second": len(progress.rows) * len(self.parts.train) / progress.seconds,
            "engine": engine,
            **({"changes": len(self.changes.made)} if self.changes.made else {}),
            "kitnet": __version__,
        }


def counts(parts: Parts) -> dict[str, int]:
    """How many images each part has, as a summary tells it; 0 where there is no such part."""
    named = zip(("train", "val", "test"), parts, strict=True)
    return {f"{name}_images": 0 if part is None else len(part) for name, part in named}


def _digest(parts: Parts) -> str:
    """SHA-256 of pictures, labels and classes of all parts, wherever they lie."""
    digest = hashlib.sha256()
    for name, part in parts.named().items():
        digest.update(json.dumps([name, len(part), part.classes]).encode())
        digest.update(part.digest(np.arange(len(part))))
    return digest.hexdigest()


def updates(settings: Settings, loader: Loader) -> int:
    """Updates of an epoch."""
    return -(-loader.steps // (settings.accumulate or 1))


def network(
    model: str, on_misfit: str | None = None, input: str | None = None
) -> tuple[Net, Card, str | None]:
    """The name of a model or a recipe, a line, or a model file, perhaps with another input -> the network,
    without weights, a card, for a line or a file one with the usual numbers, and the data set of the
    recipe."""
    try:
        volume = None if input is None else read_volume(input)
    except ValueError:
        raise KitnetError(f"--input {shorten(input)} is no volume; write it like 32x32x3") from None
    if "->" in model or "→" in model:
        net = parse(model, input=volume, on_misfit=on_misfit)
        return net, Card("net", "", lambda: net), None
    file = file_to_begin_with(model)
    if file is not None:
        if on_misfit is not None:
            raise KitnetError(f"--on-misfit is for names and lines; {shorten(model)} is a saved model")
        saved = load_network(file)
        net = Net(saved.graph, saved.body) if volume is None else resizing(saved.graph, volume).net
        return net, Card("net", "", lambda: net), None
    card, data = find_recipe(model)
    net = card.build() if volume is None else parse(card.line, input=volume, on_misfit=on_misfit)
    return net, card, data


def own_rule_card(model: str) -> Card | None:
    """The card of a network that learns without gradients."""
    if "->" in model or "→" in model or file_to_begin_with(model) is not None:
        return None
    card = find_recipe(model)[0]
    return card if card.learn is not None else None
