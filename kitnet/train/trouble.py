"""Whether a run learns at all: the loss has grown, or the network still guesses."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kitnet.base.error import cut
from kitnet.base.spec import USUAL, Array
from kitnet.net import Weights
from kitnet.train.checkpoint import Progress
from kitnet.train.run import Run
from kitnet.train.saves import since_best

LEAST_EPOCHS, LEAST_STEPS = 2, 100  # before which a slow start is no trouble
GROWN = 2.0  # times the loss of the first step: diverged
SIGMAS = 3.0  # above the share of the most frequent class: no guess any more


def trouble(run: Run, progress: Progress, seen: Sequence[int] | Array, ago: int = 0) -> str:
    """What is wrong with the epoch so many before the last one, and what to try; nothing where it learns.
    `seen` says how many images of each class there were."""
    row, lr = progress.rows[-1 - ago], run.settings.lr or 0
    if row.train_loss > GROWN * progress.first_loss > 0:
        return (
            f"the loss has grown from {progress.first_loss:.4g} at the first step to {row.train_loss:.4g} "
            f"in epoch {row.epoch}: training diverges; try a smaller --lr than {lr:g}, such as {lr / 10:g}, "
            "or --clip 1"
        )
    if progress.epoch < LEAST_EPOCHS or progress.epoch * run.updates < LEAST_STEPS:
        return ""
    if _is_rising(run, progress.epoch * run.updates):
        return ""
    share, validation = float(max(seen)) / max(1, sum(seen)), run.parts.validation
    judged = [(row.train_accuracy, len(run.parts.train))]
    if validation is not None and row.val_accuracy is not None:
        judged.append((row.val_accuracy, len(validation)))
    if any(found > share + SIGMAS * math.sqrt(share * (1 - share) / n) for found, n in judged):
        return ""
    dead = silent(run.model.net.weights)
    if dead:
        return (
            f"in epoch {row.epoch} the network still guesses: the weights of {cut(', '.join(dead))} are all "
            "0, so that no gradient comes through; let them begin in another way, such as --init "
            f"{USUAL}"
        )
    return (
        f"in epoch {row.epoch} the network still guesses: {row.train_accuracy:.2%} of the training images "
        f"right, and {share:.2%} are of the most frequent class; try a smaller --lr than {lr:g}, such as "
        f"{lr / 10:g}, --schedule 'constant warmup=1' or --optimizer adam"
    )


def diverged(run: Run, progress: Progress) -> str:
    """The first epoch whose loss has grown so, if there is one, and what the best model is worth."""
    grown = (row for row in progress.rows if row.train_loss > GROWN * progress.first_loss > 0)
    first = next(grown, None)
    if first is None:
        return ""
    best = progress.rows[-1 - since_best(progress.rows)]
    when = "from before it" if best.epoch < first.epoch else "behind it"
    worth = f", has {best.val_accuracy:.2%} of the validation images right" if best.val_accuracy else ""
    return (
        f"training diverged in epoch {first.epoch}, behind step {(first.epoch - 1) * run.loader.steps}: its "
        f"loss is {first.train_loss:.4g}, that of the first step {progress.first_loss:.4g}; the best model, "
        f"that of epoch {best.epoch} {when}{worth}"
    )


def _is_rising(run: Run, update: int) -> bool:
    """Whether the schedule of the learning rate still rises at this update, as in a warm-up."""
    before, now = (run.rule.scalars(number).get("rate", 0.0) for number in (update - 1, update))
    return now > before


def silent(weights: Weights) -> list[str]:
    """The layers whose weights are all 0."""
    return [
        path.removesuffix(".weight")
        for path, view in weights.items()
        if path.endswith(".weight") and not view.any()
    ]
