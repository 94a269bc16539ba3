"""A run before its first step: network, data and update rule, checked against each other."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from kitnet.base.error import KitnetError
from kitnet.base.shape import say
from kitnet.base.spec import USUAL
from kitnet.data import NAMES, Augmentation, Loader, Preparation, Source, load
from kitnet.layers import Loss
from kitnet.net import Net, Weights, parse, usual_loss
from kitnet.net.notation import write_layer
from kitnet.net.objective import goals_of, loss_by_name
from kitnet.optim import Rule
from kitnet.optim.rule import ACCUMULATED
from kitnet.train.checkpoint import Progress
from kitnet.train.digest import digest_of
from kitnet.train.folder import absolute
from kitnet.train.model import Model
from kitnet.train.recipe import complete, rule_of
from kitnet.train.saves import since_best
from kitnet.train.settings import Settings
from kitnet.train.step import pick_engine
from kitnet.zoo import MODELS, Card, find

AUXILIARY = 0.3  # the weight of auxiliary losses, as in Szegedy et al. 2014, section 5


@dataclass
class Run:
    """What is trained, on what, and by what. `settings` are complete: written to args.toml they repeat it."""

    name: str  # of the network
    settings: Settings
    model: Model
    train: Source
    test: Source
    data: str  # the digest of both
    loader: Loader
    rule: Rule
    memory: dict[str, Weights]

    @classmethod
    def of(cls, settings: Settings) -> Run:
        """The run that is told of. Raises KitnetError where the parts of it do not fit each other."""
        net, card = network(settings.model, settings.on_misfit)
        settings = complete(settings, card)
        loss = usual_loss(net.graph) if settings.loss is None else loss_by_name(settings.loss)
        goals_of(net.graph, loss, "classes")  # raises where the loss has other targets than data sets have
        train, test = load(settings.data, settings.data_dir, settings.split, bool(settings.strict))
        classes = train.classes
        if math.prod(net.output_shape) != len(classes):
            raise KitnetError(
                f"the network ends in {say(net.output_shape)} but {train.name} has {len(classes)} classes; "
                f"end it with fc{len(classes)}"
            )
        preparation = Preparation.fitted(train, net.input_shape)
        augmentation = Augmentation.parse(settings.augment or "")
        batch, seed = settings.batch or 1, settings.seed
        loader = Loader(train, preparation, batch, seed, augmentation=augmentation, workers=1)
        rule = rule_of(settings, updates(settings, loader))
        settings = replace(
            settings,
            model=settings.model if card.name in MODELS else str(net),  # a line with nothing left open
            data=settings.data if settings.data in NAMES else absolute(settings.data),
            data_dir=None if settings.data_dir is None else absolute(settings.data_dir),
            loss=write_layer(loss),
            engine=pick_engine(settings.engine),
        )
        net.weights.below(settings.frozen)  # raises where nothing lies there
        _check_init(net, card.name, settings.init)
        net.initialise(settings.seed, init=settings.init)
        model = Model(net, loss, classes, preparation, _auxiliary(net, len(classes)))
        means = (ACCUMULATED,) if (settings.accumulate or 1) > 1 else ()
        memory = {name: net.weights.like() for name in (*rule.memory, *means)}
        return cls(card.name, settings, model, train, test, digest_of(train, test), loader, rule, memory)

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

    def summary(self, progress: Progress, engine: str) -> dict[str, Any]:
        """What is told of the run when it has ended."""
        from kitnet import __version__  # the package imports this module

        last, settings = progress.rows[-1], self.settings
        told = (
            *(
                "batch",
                "accumulate",
                "optimizer",
                "schedule",
                "lr",
                "momentum",
                "decay",
                "clip",
                "average",
                "freeze",
            ),
            "init",
        )
        return {
            "model": settings.model,
            "network": str(self.model.net),
            "data": settings.data,
            "epochs": progress.epoch,
            "best_epoch": progress.epoch - since_best(progress.rows),
            **{name: value for name in told if (value := getattr(settings, name)) is not None},
            "loss": settings.loss,
            "seed": settings.seed,
            "parameters": self.model.net.ledger().totals["parameters"],
            "train_loss": last.train_loss,
            "train_accuracy": last.train_accuracy,
            "test_loss": last.test_loss,
            "test_accuracy": last.test_accuracy,
            "seconds": progress.seconds,
            "images_per_second": progress.epoch * len(self.train) / progress.seconds,
            "engine": engine,
            "kitnet": __version__,
        }


def updates(settings: Settings, loader: Loader) -> int:
    return -(-loader.steps // (settings.accumulate or 1))


def network(model: str, on_misfit: str | None = None) -> tuple[Net, Card]:
    """A zoo name or a line -> the network and a card, for a line one with the usual numbers."""
    if "->" in model or "→" in model:
        net = parse(model, on_misfit=on_misfit)
        return net, Card("net", "", lambda: net)
    card = find(model)
    return card.build(), card


def own_rule_card(model: str) -> Card | None:
    """The card of a network that learns without gradients."""
    card = None if "->" in model or "→" in model else find(model)
    return card if card is not None and card.learn is not None else None


def _check_init(net: Net, name: str, init: str | None) -> None:
    """Raises KitnetError for an `init` that no layer takes."""
    if init is not None and all(param.init != USUAL for param in net.graph.params().values()):
        raise KitnetError(
            f"--init {init} changes nothing, since every layer of {name} says its own init; leave it out"
        )


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
