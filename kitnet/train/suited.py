"""Whether a network suits what it is to learn, and settings suit the network."""

from __future__ import annotations

import math

from kitnet.base.error import KitnetError, shorten
from kitnet.base.shape import Shape, say
from kitnet.base.spec import USUAL
from kitnet.data import Source
from kitnet.layers import Loss
from kitnet.net import Net, usual_loss
from kitnet.net.objective import goals_of, with_goals
from kitnet.optim import Rule
from kitnet.train.model import Model
from kitnet.train.start import with_classes
from kitnet.train.target import INPUT, check_loss

AUXILIARY = 0.3  # the weight of auxiliary losses, as in Szegedy et al. 2014, section 5


def check_goals(model: Model, train: Source) -> None:
    """Raises KitnetError where the network ends in other classes than the data have, or a loss does not take
    the targets."""
    graph = model.net.graph
    if model.target == INPUT:
        goals = goals_of(graph, model.losses, "values")
        check_loss(model.loss)
    else:
        with_classes(model.net, len(train.classes), train.name, replaces=False)
        goals = goals_of(graph, model.losses, "classes")
        for goal in goals[1:]:
            _check_auxiliary(goal.output, goal.shape, len(train.classes))
    with_goals(graph, goals)  # raises for numbers that the loss does not take


def check_init(net: Net, name: str, init: str | None) -> None:
    """Raises KitnetError for an `init` that no layer takes."""
    if init is not None and all(param.init != USUAL for param in net.graph.params().values()):
        raise KitnetError(
            f"--init {init} changes nothing, since every layer of {name} says its own init; leave it out"
        )


def check_frozen(net: Net, frozen: tuple[str, ...], rule: Rule) -> None:
    """Raises KitnetError for a path where nothing lies, and where nothing is left to train."""
    still = net.weights.below(frozen)
    if frozen and still >= {path.rpartition(".")[0] for path in net.weights.params}:
        raise KitnetError(
            f"--freeze {shorten(','.join(frozen))}: nothing is left to train; leave out one of the layers"
        )
    moves = [one for one in rule.members(net.weights.params) if "rate" in one.rule.scalars(0)]
    if not any(path.rpartition(".")[0] not in still for one in moves for path in one.paths):
        raise KitnetError(
            "--groups: every parameter is held, so that nothing is left to train; leave one out"
        )


def _check_auxiliary(name: str, shape: Shape, classes: int) -> None:
    if math.prod(shape) != classes:
        raise KitnetError(
            f"{name}: an auxiliary output learns the same {classes} classes but ends in {say(shape)}; "
            f"end it with fc{classes}, or train from Python with losses of its own"
        )


def auxiliary_heads(net: Net, classes: int) -> dict[str, tuple[Loss, float]]:
    """Further outputs of a network are auxiliary heads: they learn the same labels, with the usual loss.
    Raises KitnetError for one that does not end in as many scores.
    """
    found = {}
    for name, shape in list(net.outputs.items())[1:]:
        _check_auxiliary(name, shape, classes)
        found[name] = usual_loss(net.graph, net.graph.outputs[name]), AUXILIARY
    return found
