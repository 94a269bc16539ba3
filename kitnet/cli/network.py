"""The network that a command is asked about, and what its card says of training."""

from __future__ import annotations

from pathlib import Path

from kitnet.base.error import KitnetError, shorten
from kitnet.net import Net, parse
from kitnet.net.language import read_volume
from kitnet.surgery.sliding import resizing
from kitnet.train import load_network
from kitnet.train.model import model_file
from kitnet.zoo import ALIASES, MODELS, Card, find


def usual_training(card: Card) -> dict[str, float]:
    """What training does with the network where nothing else is said."""
    return {
        "learning_rate": card.rate,
        "momentum": card.momentum,
        "batch": card.batch,
        "epochs": card.epochs,
    }


def saved_model(model: str) -> Path | None:
    """The model file that is meant, where it is no line and no name of the zoo. Raises KitnetError."""
    if "->" in model or "→" in model or model in MODELS or model in ALIASES:
        return None
    try:
        there = Path(model).exists()
    except (OSError, ValueError):  # a name that no file can have
        return None
    return model_file(model) if there or model.endswith(".safetensors") else None


def read_network(
    model: str, input: str | None, optional: bool = True, on_misfit: str | None = None
) -> tuple[Net, Card | None]:
    """The network of a name of the zoo, with its card, of a line or a saved model, perhaps with another input
    volume.

    Raises KitnetError.
    """
    try:
        volume = None if input is None else read_volume(input)
    except ValueError:
        raise KitnetError(f"--input {shorten(input)} is no volume; write it like 32x32x3") from None
    file = saved_model(model)
    if file is not None:
        if on_misfit is not None:
            raise KitnetError(f"--on-misfit is for names and lines; the layers of {shorten(model)} say it")
        net = load_network(file)
        return (net if volume is None else Net(resizing(net.graph, volume).graph)), None
    card = None if "->" in model or "→" in model else find(model)
    line = card.line if card else model
    return parse(line, input=volume, optional=optional, on_misfit=on_misfit), card
