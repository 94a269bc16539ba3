"""What a network is trained to give: the class of each sample, or the sample itself, as an autoencoder does.

Which of the two follows from the network, where nobody says it: one whose main output is a picture of the
size of its input gives that back. Then the loss of the main output is taken against the prepared input, from
0 to 1 where it is of pictures, and every further output is held near zeros by a loss of its own: of a
`gaussiandraw` the distribution that it draws from near the standard normal prior (Kingma & Welling,
"Auto-encoding variational Bayes", ICLR 2014).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from kitnet.base.error import DataError, KitnetError, nearest, shorten
from kitnet.base.shape import say
from kitnet.base.spec import Array
from kitnet.data import Source
from kitnet.data.arrays import Prepared, Standardisation, fitted
from kitnet.layers import (
    LAYERS,
    AbsoluteError,
    Context,
    GaussianDivergence,
    GaussianDraw,
    Huber,
    Loss,
    Quadratic,
    SigmoidCrossEntropy,
)
from kitnet.layers.words import USUAL_LOSSES
from kitnet.net import Graph, Net
from kitnet.net.objective import Losses, goals_of
from kitnet.net.weighted_losses import Others

CLASSES, INPUT = "classes", "input"
TARGETS = (CLASSES, INPUT)
FOR_INPUT = (SigmoidCrossEntropy, Quadratic, AbsoluteError, Huber)  # losses that are least there
ROUNDING = 1e-12  # of a gradient that is 0


def target_of(net: Net, given: str | None = None) -> str:
    """What is given, or what follows from the network. Raises KitnetError."""
    if given is None:
        (main, *_), shapes = net.outputs.values(), net.operands
        return INPUT if len(shapes) == 1 and len(main) > 1 and main == net.input_shape else CLASSES
    if given not in TARGETS:
        raise KitnetError(
            f"unknown target {shorten(given)}{nearest(given, TARGETS)}; known: {', '.join(TARGETS)}"
        )
    if given == INPUT and math.prod(net.output_shape) != math.prod(net.input_shape):
        raise KitnetError(
            f"the network ends in {say(net.output_shape)} but is to give its input, {say(net.input_shape)}; "
            f"end it with as many numbers, such as fc{math.prod(net.input_shape)}"
        )
    return given


def loss_for_input(graph: Graph) -> Loss:
    """The usual loss of a network that gives its input: sigmoid cross-entropy where it ends in scores or in a
    sigmoid, else the quadratic one."""
    last = graph.nodes[graph.main]
    assert last.layer is not None
    scores = last.word == "sigmoid" or bool(last.layer.params(*graph.shapes_into(last)))
    return SigmoidCrossEntropy() if scores else Quadratic()


def others_for_input(graph: Graph) -> dict[str, tuple[Loss, float]]:
    """The usual losses of the further outputs: the divergence where one is what `gaussiandraw` reads. Raises
    KitnetError for one that has no usual loss."""
    drawn = {node.inputs[0] for node in graph.nodes if isinstance(node.layer, GaussianDraw)}
    found: dict[str, tuple[Loss, float]] = {}
    for name, i in list(graph.outputs.items())[1:]:
        if i not in drawn:
            raise KitnetError(
                f"{name}: no loss is the usual one of this output of a network that gives its input; name "
                f"one that holds it near 0: --loss '{USUAL_LOSSES['sigmoid']}, {name}: absolute * 0.1'"
            )
        found[name] = GaussianDivergence(), 1.0
    return found


def check_loss(loss: Loss) -> None:
    """Raises KitnetError for a loss that is not least where the network gives its input."""
    t = np.linspace(0.1, 0.9, 5)[None]
    least = False
    if loss.absorbs in ("", "sigmoid") and loss.target_shape((5,)) == (5,):
        scores = np.log(t / (1 - t)) if loss.absorbs else t
        made = loss.forward({}, {}, Context(), scores, t)
        dx = loss.backward({}, loss.kept((scores, t), made), np.ones(1)).dx[0]
        least = dx is not None and bool((abs(dx) < ROUNDING).all())
    if not least:
        raise KitnetError(
            f"the loss {loss.word} is not least where the network gives its input; use "
            f"{', '.join(known.word for known in FOR_INPUT)}"
        )


def free_draws(graph: Graph, others: Others) -> list[str]:
    """What is said of each layer that draws from a distribution which no loss holds near the prior."""
    held = {graph.outputs[name] for name in others}
    return [
        f"{node.path}: no loss holds what it draws from near a prior, so that nothing new can be drawn; name "
        "what it reads as an output: '=> code'"
        for node in graph.nodes
        if isinstance(node.layer, GaussianDraw) and node.inputs[0] not in held
    ]


def is_bound(graph: Graph, loss: Loss, others: Others) -> bool:
    """Whether reconstruction and divergences make the evidence lower bound: the pixels' cross-entropy, and
    the divergence from the prior of every distribution that is drawn from, with nothing else."""
    divergences = all(isinstance(other, GaussianDivergence) for other, _ in others.values())
    return (
        isinstance(loss, SigmoidCrossEntropy)
        and bool(others)
        and divergences
        and not free_draws(graph, others)
    )


def preparation_for(source: Source, net: Net, target: str) -> Prepared:
    """The preparation that is learned of a training set. What is to be given back is not standardised:
    pictures are numbers from 0 to 1, others as they are."""
    found = fitted(source, net.input_shape)
    if target == CLASSES:
        return found
    channels = len(found.mean)
    return replace(found, mean=(0.0,) * channels, std=(1.0,) * channels)


def check_range(source: Source, preparation: Prepared, loss: Loss) -> None:
    """Raises DataError for numbers that are no probabilities where the loss takes them as such."""
    if loss.absorbs != "sigmoid" or not isinstance(preparation, Standardisation):
        return
    for values, _ in source.chunks():
        for value in (float(np.min(values)), float(np.max(values))):
            if not 0 <= value <= 1:
                raise DataError(
                    f"{source.name}: {loss.word} is for numbers from 0 to 1, and one is {value:.4g}; divide "
                    "by their largest, or take the loss quadratic"
                )


def input_targets(graph: Graph, losses: Losses, x: Array) -> Array | dict[str, Array]:
    """The targets of prepared samples (N, *input): themselves for the main output, zeros for the others."""
    main, *others = goals_of(graph, losses, "values")
    of = x.reshape(len(x), *main.loss.target_shape(main.scores))
    if not others:
        return of
    zeros = {
        goal.output: np.zeros((len(x), *goal.loss.target_shape(goal.scores)), x.dtype) for goal in others
    }
    return {main.output: of, **zeros}


def total(losses: Losses, each: Mapping[str, Array]) -> Array:
    """The weighted sum (N,) of what each output loses."""
    given = losses if isinstance(losses, Mapping) else {}
    weights = {name: entry[1] if isinstance(entry, tuple) else 1.0 for name, entry in given.items()}
    return np.sum([weights.get(name, 1.0) * lost for name, lost in each.items()], axis=0)


def values_of(loss: Loss, scores: Array) -> Array:
    """What scores say of the input: themselves, or what the activation that the loss contains makes of
    them."""
    if not loss.absorbs:
        return scores
    made: Array = LAYERS[loss.absorbs]().forward({}, {}, Context(), scores).y
    return made
