"""What training makes small: losses of a network's outputs, as nodes behind its graph, and their targets."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet import layers
from kitnet.base.argument import array, real
from kitnet.base.error import KitnetError, ShapeError, nearest, shorten
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers import LAYERS, Loss
from kitnet.layers.words import LOSS_FILES, USUAL_LOSSES
from kitnet.net.graph import Graph
from kitnet.net.notation import read_layer

OWN = ("target", "loss", "scores")  # names of the values that training adds
FORMS = ("classes", "positions", "values")  # of targets

Losses = Loss | Mapping[str, Loss | tuple[Loss, float]]  # of the main output; or by output, with weights


@dataclass(frozen=True)
class Goal:
    """A loss of one output. `form` says what its target is given as:

    classes     the number of one class a sample, (N,); scores of several positions are read flat
    positions   the number of a class for each position, (N, *positions)
    values      numbers of the loss's target shape: a distribution over classes, or what is to be measured
    """

    output: str
    loss: Loss
    weight: float
    form: str
    before: int  # the value of the network's graph that is judged, of this shape
    shape: Shape
    suffix: str = ""  # of the paths of its values, where there are several goals

    @property
    def path(self) -> str:
        """Of the loss."""
        return f"loss{self.suffix}"

    @property
    def target(self) -> str:
        """The path of the target."""
        return f"target{self.suffix}"

    @property
    def scores(self) -> Shape:
        """The shape of the scores that the loss reads."""
        return (math.prod(self.shape),) if self.form == "classes" else self.shape

    def checked(self, given: Any, samples: int) -> Array:
        """The target as class numbers (int64) or values, after every check. Raises KitnetError."""
        target = array(self.target, given)
        if self.form == "classes" and len(self.shape) > 1 and target.shape == (samples, *self.shape[:-1]):
            raise ShapeError(
                f"{self.target}: expected one class a sample, but got one for each of {say(self.shape[:-1])} "
                "positions",
                "give target='positions' to net.compile, or form='positions' to net.tape",
            )
        if self.form != "values":
            return class_numbers(self.target, target, (samples, *self.scores[:-1]), self.scores[-1])
        shape = (samples, *self.loss.target_shape(self.scores))
        if target.shape != shape or target.dtype.kind not in "fiu":
            raise ShapeError(
                f"{self.target}: expected numbers of shape {shape}, but got {target.dtype} {target.shape}"
            )
        return target

    def spread(self, target: Array, dtype: Any) -> Array:
        """A checked target as the formula of the loss reads it: class numbers as 1 at the class, else 0."""
        return one_hot(target, self.scores[-1], dtype) if self.form != "values" else target.astype(dtype)


def class_numbers(what: str, given: Array, shape: Shape, classes: int) -> Array:
    """Class numbers of this shape, from 0 to classes - 1, as int64. Raises KitnetError for anything else."""
    if given.dtype.kind not in "iu" and given.size:
        raise KitnetError(
            f"{what}: expected class numbers, whole numbers from 0 to {classes - 1}, but got {given.dtype}; "
            "convert them, or give target='values' for a loss of real values"
        )
    if given.shape != shape:
        raise ShapeError(f"{what}: expected class numbers of shape {shape}, but got {given.shape}")
    wrong = (given < 0) | (given >= classes)
    if wrong.any():
        place = tuple(map(int, np.argwhere(wrong)[0]))
        raise KitnetError(
            f"{what}: class {given[place]} of sample {place[0]} is not one of 0 to {classes - 1}; "
            "classes count from 0"
        )
    return given.astype(np.int64)


def one_hot(numbers: Array, classes: int, dtype: Any) -> Array:
    """(...) -> (..., classes): 1 at the class, else 0."""
    return (numbers[..., None] == np.arange(classes)).astype(dtype)


def losses() -> dict[str, type[Loss]]:
    """Every registered loss by its word."""
    known = {word: LAYERS[word] for word in (*LOSS_FILES, *LAYERS.defined)}
    return {word: layer for word, layer in known.items() if issubclass(layer, Loss)}


def loss_by_name(text: str) -> Loss:
    """The loss of this word, with arguments behind it if it has some: `huber delta=0.5`. Raises KitnetError
    naming the nearest one."""
    known, word = losses(), "".join(text.split()[:1])
    if word not in known:
        raise KitnetError(f"unknown loss {shorten(word)}{nearest(word, known)}; known: {', '.join(known)}")
    loss = read_layer(text)
    assert isinstance(loss, Loss)
    return loss


def usual_loss(graph: Graph, output: int | None = None) -> Loss:
    """The loss made for the layer of an output, the main one unless given: softmax cross-entropy where none
    claims it."""
    word = graph.nodes[graph.main if output is None else output].word
    own = USUAL_LOSSES.get(word)
    given = [loss for loss in LAYERS.defined.values() if issubclass(loss, Loss) and word in loss.suits]
    usual = LAYERS[own] if own else given[0] if given else layers.SoftmaxCrossEntropy
    loss: Loss = usual()
    return loss


def scores_of(graph: Graph, loss: Loss, output: int | None = None) -> int:
    """The value that the loss reads: an output, the main one unless given, or what is before a last
    activation that the loss contains."""
    output = graph.main if output is None else output
    last = graph.nodes[output]
    return last.inputs[0] if last.layer is not None and last.layer.word == loss.absorbs else output


def goals_of(graph: Graph, loss: Losses | None = None, form: str | None = None) -> tuple[Goal, ...]:
    """A goal for the main output, or one for each output that `loss` names, by default all with their usual
    loss and weight 1. `form` is that of all targets, by default the usual one of each loss.

    Raises KitnetError for outputs, losses, weights and forms that are not possible.
    """
    outputs = graph.outputs
    if loss is None:
        loss = {name: usual_loss(graph, i) for name, i in outputs.items()}
    given = loss if isinstance(loss, Mapping) else {next(iter(outputs)): loss}
    if not given:
        raise KitnetError("training needs a loss; give one for an output")
    goals = []
    for name, entry in given.items():
        if name not in outputs:
            raise KitnetError(
                f"loss: the network has no output {name!r}{nearest(str(name), outputs)}; "
                f"its outputs: {', '.join(outputs)}"
            )
        one, weight = entry if isinstance(entry, tuple) else (entry, 1.0)
        if not isinstance(one, Loss):
            raise KitnetError(f"loss: expected a loss such as SoftmaxCrossEntropy(), but got {one!r}")
        weight = real("loss: a weight of", weight)
        if not 0 <= weight < math.inf:
            raise KitnetError(f"loss: a weight of {weight:g} is not possible; use 0 or more")
        before = scores_of(graph, one, outputs[name])
        suffix = f".{name}" if len(given) > 1 else ""
        shape = graph.nodes[before].shape
        goals.append(Goal(name, one, weight, _form(one, form), before, shape, suffix))
    return tuple(goals)


def _form(loss: Loss, form: str | None) -> str:
    form = loss.targets[0] if form is None else form
    if form not in FORMS:
        raise KitnetError(
            f"unknown form of targets {shorten(form)}{nearest(str(form), FORMS)}; known: {', '.join(FORMS)}"
        )
    if ("values" if form == "values" else "classes") not in loss.targets:
        raise KitnetError(f"the loss {loss.word} takes {' or '.join(loss.targets)} as target, not {form}")
    return form


def with_goals(graph: Graph, goals: Sequence[Goal], frozen: Collection[str] = ()) -> Graph:
    """The graph with the operand `target` and the output `loss`, one number a sample, of each goal; both end
    in the output's name where there are several. Other outputs are left out. Layers with the parameters of
    `frozen` nodes are as in evaluation.

    Raises ShapeError where the network uses one of these names itself.
    """
    whole = Graph()
    for node in graph.nodes:
        if node.path in OWN:
            raise ShapeError(
                f"{node.path}: training has a value of its own with this name", "give the layer another name"
            )
        if node.layer is None:
            whole.operand(node.path, node.shape)
        else:
            layer = node.layer.frozen() if node.owner in frozen else node.layer
            owner = None if node.owner == node.path else node.owner
            whole.add(node.path, layer, *node.inputs, owner=owner)
    for goal in goals:
        scores = goal.before
        if goal.scores != goal.shape:
            scores = whole.add(f"scores{goal.suffix}", layers.Flatten(), scores)
        target = whole.operand(goal.target, goal.loss.target_shape(goal.scores))
        whole.output(goal.path.replace(".", "-"), whole.add(goal.path, goal.loss, scores, target))
    return whole


def with_loss(graph: Graph, loss: Losses | None = None, form: str | None = None) -> Graph:
    """The graph that training runs: `with_goals` of `goals_of`."""
    return with_goals(graph, goals_of(graph, loss, form))


def checked_targets(goals: Sequence[Goal], given: Any, samples: int) -> dict[str, Array]:
    """The checked target of each goal, by the path of its operand: from one array for one goal, or a mapping
    by the names of outputs. Raises KitnetError."""
    if isinstance(given, Mapping):
        names = [goal.output for goal in goals]
        wrong = sorted(set(names) ^ set(given), key=str)
        if wrong:
            what = "is missing" if wrong[0] in names else "has no loss"
            raise KitnetError(f"target: {wrong[0]} {what}; give one for {' and '.join(names)}")
        return {goal.target: goal.checked(given[goal.output], samples) for goal in goals}
    if len(goals) > 1:
        known = " and ".join(goal.output for goal in goals)
        raise KitnetError(f"target: give a mapping with the targets of {known}")
    return {goals[0].target: goals[0].checked(given, samples)}


def least_batches(graph: Graph) -> dict[str, int]:
    """The fewest samples that each layer can be trained with, where it is more than one."""
    layers = {node.path: (node.layer, graph.shapes_into(node)) for node in graph.nodes if node.layer}
    least = {path: layer.least_batch(*shapes) for path, (layer, shapes) in layers.items()}
    return {path: fewest for path, fewest in least.items() if fewest > 1}


def check_batch(least: Mapping[str, int], samples: int) -> None:
    """Raises KitnetError for a batch that is too small for a layer, though not for an empty one."""
    for path, fewest in least.items():
        if 0 < samples < fewest:
            raise KitnetError(
                f"{path}: a batch of {samples} has no statistics to train with; give {fewest} samples or more"
            )
