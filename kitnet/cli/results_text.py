"""The results of a training in words: the share of images that is right, or of a network that gives its input
the losses, and the evidence lower bound where they make it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kitnet.train import Model
from kitnet.train.target import INPUT, is_bound

IMAGES = {"train": "training images", "val": "validation images", "test": "test images"}


def result_text(summary: Mapping[str, Any]) -> str:
    """The result of a run, on the part that it is judged by."""
    gives_input = summary.get("target") == INPUT
    what = "loss" if gives_input else "accuracy"
    part = next(name for name in ("test", "val", "train") if summary[f"{name}_{what}"] is not None)
    if not gives_input:
        return f"{summary[f'{part}_accuracy']:.2%} of the {IMAGES[part]} right"
    of = f"{part}_loss."
    parts = {name.removeprefix(of): value for name, value in summary.items() if name.startswith(of)}
    return f"{IMAGES[part]}: {losses_text(summary[f'{part}_loss'], parts, summary.get(f'{part}_elbo'))}"


def best_epoch_text(summary: Mapping[str, Any]) -> str:
    """Which epoch the model is of, and why; nothing where no validation part has chosen it."""
    if summary["val_loss"] is None or "best_epoch" not in summary:
        return ""
    why = (
        f"a loss of {summary['val_loss']:.4f} on the validation images"
        if summary.get("target") == INPUT
        else f"{summary['val_accuracy']:.2%} of the validation images right"
    )
    return f"the best epoch is {summary['best_epoch']}, with {why}"


def losses_text(loss: float, parts: Mapping[str, float], elbo: float | None) -> str:
    """`loss 24.0123 (image 20.9, code 3.1), evidence lower bound -24.01 nats an image`."""
    each = ", ".join(f"{name} {value:.4g}" for name, value in parts.items())
    text = f"loss {loss:.4f}" + (f" ({each})" if each else "")
    return text if elbo is None else f"{text}, evidence lower bound {elbo:.2f} nats an image"


def elbo_of(model: Model, parts: Mapping[str, float]) -> float | None:
    """The evidence lower bound, where what the outputs lose makes it."""
    return -sum(parts.values()) if is_bound(model.net.graph, model.loss, model.auxiliary) else None
