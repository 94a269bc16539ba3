"""The network that a command is asked about, and what its card says of training."""

from __future__ import annotations

from kitnet.base.error import KitnetError, shorten
from kitnet.net import Net, parse
from kitnet.net.language import read_volume
from kitnet.zoo import Card, find


def usual_training(card: Card) -> dict[str, float] | None:
    """What training does with the network where nothing else is said; None where it learns by a rule of its
    own."""
    if card.learn is not None:
        return None
    return {
        "learning_rate": card.rate,
        "momentum": card.momentum,
        "batch": card.batch,
        "epochs": card.epochs,
    }


def read_network(
    model: str, input: str | None, optional: bool = True, on_misfit: str | None = None
) -> tuple[Net, Card | None]:
    """The network of a name of the zoo, with its card, or of a line, perhaps with another input volume.

    Raises KitnetError.
    """
    try:
        volume = None if input is None else read_volume(input)
    except ValueError:
        raise KitnetError(f"--input {shorten(input)} is no volume; write it like 32x32x3") from None
    card = None if "->" in model or "→" in model else find(model)
    line = card.line if card else model
    return parse(line, input=volume, optional=optional, on_misfit=on_misfit), card
