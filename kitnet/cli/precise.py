"""What `--precision` means for a command; what auto has chosen is told."""

from __future__ import annotations

from kitnet.base.precision import Precision
from kitnet.cli.screen import remark
from kitnet.net import Net
from kitnet.train import Model, pick_precision


def load_in(run: str, memory: int | None, precision: str | None, engine: str) -> Model:
    """The model, whose scores this engine shall compute in this precision. Raises KitnetError."""
    model = Model.load(run, memory)
    model.precision = precision_for(model.net, precision, engine)
    return model


def precision_for(net: Net, precision: str | None, engine: str, training: bool = False) -> Precision:
    """The precision of this name for a network. Raises KitnetError where the engine cannot have it."""
    found, chosen = pick_precision(precision, engine, net, training)
    if chosen:
        remark(chosen)
    return found
