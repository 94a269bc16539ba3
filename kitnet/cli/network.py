"""The network that a command is asked about, and what its card says of training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kitnet.base.error import KitnetError, cut, shorten
from kitnet.layers.value import DIGITS
from kitnet.net import Net, parse
from kitnet.net.language import read_volume
from kitnet.net.template import CLASSES
from kitnet.zoo import Card, find


def usual_training(card: Card) -> dict[str, float]:
    """What training does with the network where nothing else is said."""
    return {
        "learning_rate": card.rate,
        "momentum": card.momentum,
        "batch": card.batch,
        "epochs": card.epochs,
    }


def read_network(
    model: str,
    input: str | None,
    optional: bool = True,
    on_misfit: str | None = None,
    given: Sequence[str] = (),
) -> tuple[Net, Card | None]:
    """The network of a name of the zoo, with its card, or of a line, perhaps with another input volume;
    `given` are texts such as N=2 for what the line leaves open.

    Raises KitnetError.
    """
    try:
        volume = None if input is None else read_volume(input)
    except ValueError:
        raise KitnetError(f"--input {shorten(input)} is no volume; write it like 32x32x3") from None
    card = None if "->" in model or "→" in model else find(model)
    line = card.line if card else model
    return parse(line, input=volume, optional=optional, on_misfit=on_misfit, **_read_given(given)), card


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
        if name in found:
            raise KitnetError(f"--set gives {cut(name)} twice; leave one out")
        found[name] = int(value) if value.isdecimal() and len(value) <= DIGITS else value
    return found
