"""Whether a run learns at all: the loss has grown, the network still guesses, or it gives the same for
all."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from kitnet.base.error import cut
from kitnet.base.spec import USUAL, Array
from kitnet.layers import Context
from kitnet.net import Weights, goals_of
from kitnet.net.weighted_losses import write_losses
from kitnet.train.checkpoint import Progress
from kitnet.train.events import EpochEnded
from kitnet.train.run import Run
from kitnet.train.saves import since_best

LEAST_EPOCHS, LEAST_STEPS = 2, 100  # before which a slow start is no trouble
GROWN = 2.0  # times the loss of the first step: diverged
LEAST_GAIN, LEAST_FALL = 0.01, 0.005  # of the loss of the mean sample: below it, and in so many steps
SAMPLES, LEAST_SHARE = 1024, 1e-6  # that the mean is taken of, and that a pixel is 1 or 0 at least
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
    if row.train_accuracy is None:
        return _gives_the_mean(run, row, progress.rows[: len(progress.rows) - 1 - ago])
    share, validation = float(max(seen)) / max(1, sum(seen)), run.parts.validation
    judged = [(row.train_accuracy, len(run.parts.train))]
    if validation is not None and row.val_accuracy is not None:
        judged.append((row.val_accuracy, len(validation)))
    if any(found > share + SIGMAS * math.sqrt(share * (1 - share) / n) for found, n in judged):
        return ""
    still = f"in epoch {row.epoch} the network still guesses"
    return _silence(run, still) or (
        f"{still}: {row.train_accuracy:.2%} of the training images "
        f"right, and {share:.2%} are of the most frequent class; try a smaller --lr than {lr:g}, such as "
        f"{lr / 10:g}, --schedule 'constant warmup=1' or --optimizer adam"
    )


def _gives_the_mean(run: Run, row: EpochEnded, before: Sequence[EpochEnded]) -> str:
    """Of a network that gives its input: what is wrong where it does so no better than the mean sample,
    whatever it is given, so that nothing of the sample comes through. One that still gets nearer is left
    alone: a variational autoencoder learns the mean first, and rests there for some steps."""
    model = run.model
    found, constant = _main_loss(run, row), _loss_of_mean(run)
    if not found > (1 - LEAST_GAIN) * constant:
        return ""
    ago = max(1, -(-LEAST_STEPS // run.updates))  # epochs
    if len(before) < ago or _main_loss(run, before[-ago]) - found > LEAST_FALL * constant:
        return ""
    still = f"in epoch {row.epoch} the network gives the same for all images"
    remedies = f"try another --lr than {run.settings.lr or 0:g}"
    if model.auxiliary:
        name, (loss, weight) = next(iter(model.auxiliary.items()))
        lighter = write_losses(model.loss, {name: (loss, weight / 10)})
        remedies += f", or less weight of what holds {name}: --loss '{lighter}'"
    return _silence(run, still) or (
        f"{still}: a loss of {found:.4g} is no less than that of their mean, {constant:.4g}; {remedies}"
    )


def _main_loss(run: Run, row: EpochEnded) -> float:
    """Of the main output, in training."""
    return row.parts.get(f"train_loss.{next(iter(run.model.net.outputs))}", row.train_loss)


def _loss_of_mean(run: Run) -> float:
    """The mean loss of the main output if it were the mean of all samples, whatever it is given, on some of
    the training part."""
    train, model = run.parts.train, run.model
    x, _ = model.preparation.prepare_all(train.shard(0, max(1, len(train) // SAMPLES)))
    goal = goals_of(model.net.graph, model.loss, "values")[0]
    target = x.reshape(len(x), *goal.loss.target_shape(goal.scores)).astype(float)
    mean = np.broadcast_to(target.mean(0), target.shape)
    if model.loss.absorbs == "sigmoid":
        mean = np.clip(mean, LEAST_SHARE, 1 - LEAST_SHARE)
        mean = np.log(mean / (1 - mean))
    return float(model.loss.forward({}, {}, Context(), mean, target).y.mean())


def _silence(run: Run, still: str) -> str:
    """What to do where layers are silent; nothing where none is."""
    dead = silent(run.model.net.weights)
    if not dead:
        return ""
    return (
        f"{still}: the weights of {cut(', '.join(dead))} are all 0, so that no gradient comes through; let "
        f"them begin in another way, such as --init {USUAL}"
    )


def diverged(run: Run, progress: Progress) -> str:
    """The first epoch whose loss has grown so, if there is one, and what the best model is worth."""
    grown = (row for row in progress.rows if row.train_loss > GROWN * progress.first_loss > 0)
    first = next(grown, None)
    if first is None:
        return ""
    best = progress.rows[-1 - since_best(progress.rows)]
    when = "before that" if best.epoch < first.epoch else "no earlier one"
    worth = f", with {best.val_accuracy:.2%} of the validation images right" if best.val_accuracy else ""
    return (
        f"training diverged in epoch {first.epoch}, behind step {(first.epoch - 1) * run.loader.steps}: its "
        f"loss is {first.train_loss:.4g}, that of the first step {progress.first_loss:.4g}; the best model "
        f"is of epoch {best.epoch}, {when}{worth}"
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
