"""The network that a command is asked about, and what its card says of training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from kitnet.base.error import KitnetError, ShapeError, cut, shorten
from kitnet.layers.value import DIGITS
from kitnet.net import Net, parse
from kitnet.net.language import read_volume
from kitnet.net.template import CLASSES, NotOpenError
from kitnet.surgery.sliding import resizing
from kitnet.train import Settings, load_network
from kitnet.train.recipe import complete
from kitnet.train.saved import saved_model
from kitnet.zoo import Card, Recipe, find_recipe


def usual_training(card: Card) -> dict[str, Any] | None:
    """What training does with the network where nothing else is said; None where it learns by a rule of its
    own."""
    if card.learn is not None:
        return None
    return _numbers(card.recipe)


def recipes(card: Card) -> dict[str, dict[str, Any]]:
    """The recipes of a card by their whole names, such as lenet5.mnist."""
    return {f"{card.name}.{data}": _numbers(recipe) for data, recipe in card.recipes.items()}


def _numbers(recipe: Recipe) -> dict[str, Any]:
    usual = complete(Settings(), recipe)
    found = {
        "optimizer": usual.optimizer,
        "schedule": usual.schedule,
        "augment": usual.augment,
        "learning_rate": usual.lr,
        "momentum": usual.momentum,
        "decay": usual.decay,
        "target": usual.target,
        "loss": usual.loss,
        "average": usual.average,
        "validation": recipe.validation,
        "batch": usual.batch,
        "epochs": usual.epochs,
    }
    return {name: value for name, value in found.items() if value is not None}


def read_network(
    model: str,
    input: str | None,
    optional: bool = True,
    on_misfit: str | None = None,
    given: Sequence[str] = (),
) -> tuple[Net, Card | None]:
    """The network of a name of the zoo, with its card, of a line or a saved model, perhaps with another input
    volume; `given` are texts such as N=2 for what a line leaves open.

    Raises KitnetError.
    """
    try:
        volume = None if input is None else read_volume(input)
    except ValueError:
        raise KitnetError(f"--input {shorten(input)} is no volume; write it like 32x32x3") from None
    file = saved_model(model)
    if file is not None:
        reason = f"is for names and lines; {shorten(model)} is a saved model"
        if given:
            raise NotOpenError(f"--set {reason}", list(_read_given(given)))
        if on_misfit is not None:
            raise KitnetError(f"--on-misfit {reason}")
        net = load_network(file)
        return (net if volume is None else Net(resizing(net.graph, volume).graph)), None
    card = None if "->" in model or "→" in model else find_recipe(model)[0]
    line = card.line if card else model
    try:
        net = parse(line, input=volume, optional=optional, on_misfit=on_misfit, **_read_given(given))
    except ShapeError as error:
        if card is None or error.elsewhere is None:
            raise
        reason, remedy = error.elsewhere  # the layers of a name cannot be written otherwise
        remedies = [remedy] if remedy else []
        with suppress(KitnetError):
            parse(line, input=volume, optional=optional, on_misfit="floor")
            remedies.append("use --on-misfit floor" if not remedy else "--on-misfit floor")
        told = ", or ".join(remedies) or f"use a larger --input than {input}"
        raise KitnetError(f"{reason}; {told}") from None
    return net, card


def _read_given(texts: Sequence[str]) -> dict[str, Any]:
    """('N=2', 'CONV=conv3-8 same') -> {'N': 2, 'CONV': 'conv3-8 same'}."""
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not (name == CLASSES or re.fullmatch(r"[A-Z]\w*", name)):
            raise KitnetError(
                f"--set {shorten(text)} sets nothing; write --set N=2, --set CONV='conv3-8 same' or --set "
                "classes=10"
            )
        if not value.strip():
            raise KitnetError(f"--set {cut(name)}= has no value; write one behind it, or leave it out")
        if name in found:
            raise KitnetError(f"--set gives {cut(name)} twice; leave one out")
        found[name] = int(value) if value.isdecimal() and len(value) <= DIGITS else value
    return found
