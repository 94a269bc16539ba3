"""What a network that gives its input makes of samples, and what its decoder makes of codes that are
drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kitnet.base.argument import whole
from kitnet.base.error import KitnetError
from kitnet.base.random import stream
from kitnet.base.spec import Array
from kitnet.data.arrays import Standardisation
from kitnet.layers import Context, GaussianDraw
from kitnet.net import Graph, Tape
from kitnet.net.objective import checked_targets, goals_of, scores_of
from kitnet.train.given import batches_of
from kitnet.train.target import INPUT, input_targets, values_of

if TYPE_CHECKING:
    from kitnet.train.model import Model

CODE = "code"  # the operand of a decoder


def reconstructed(model: Model, x: Any) -> Array:
    """What the network makes of samples, as `Model.predict` takes them, in evaluation: (N, *input), unsigned
    bytes for pictures, else float32. Raises KitnetError."""
    _, batches = batches_of(x, model.preparation)
    model.refresh()
    return np.concatenate([given_back(model, model.scores(model.preparation.prepare(b))) for b in batches])


def drawn(model: Model, count: int, seed: int = 0) -> Array:
    """Samples (count, *input) of the decoder, for codes from the standard normal prior. Raises KitnetError
    where the network is no variational autoencoder."""
    whole("count", count, 1)
    _ = model.preparation  # raises before anything was learned
    graph = model.net.graph
    draws = [i for i, node in enumerate(graph.nodes) if isinstance(node.layer, GaussianDraw)]
    if model.target != INPUT or len(draws) != 1:
        raise KitnetError(
            "draw: samples come from a network that gives its input through one gaussiandraw, and this one "
            f"has {len(draws) if model.target == INPUT else 'classes'}; train one such as vae.digits"
        )
    decoder, end = behind(graph, draws[0]), graph.nodes[scores_of(graph, model.loss)].path
    codes = stream(seed, "codes").standard_normal((count, *graph.nodes[draws[0]].shape), np.float32)
    tape = Tape(decoder, model.net.weights, model.net.state, Context(), {CODE: codes})
    return given_back(model, tape[end].reshape(count, -1))


def judged_besides(model: Model) -> list[str]:
    """The paths of the values that are judged besides the main one."""
    if model.target != INPUT:
        return []
    graph = model.net.graph
    return [graph.nodes[goal.before].path for goal in goals_of(graph, model.losses, "values")[1:]]


def losses_of(model: Model, x: Array, first: int = 0) -> dict[str, Array]:
    """What each judged output loses, (N,), for prepared samples in evaluation, but with one draw from each
    distribution, as the evidence lower bound asks for. The draws are those of samples number `first` and on:
    the same at every call."""
    graph, context = model.net.graph, Context(first_sample=first, draws=True)
    goals = goals_of(graph, model.losses, "values")
    paths = [graph.nodes[goal.before].path for goal in goals]
    if model.compiled:
        scores = model.compiled(x, context)
        found = {**model.compiled.values, paths[0]: scores}
    else:
        net, operands = model.net, {next(iter(model.net.operands)): x}
        tape = Tape(graph, net.weights, net.state, context, operands, precision=model.precision)
        found = {path: tape[path] for path in paths}
    targets = checked_targets(goals, input_targets(graph, model.losses, x), len(x))
    losses = {}
    for goal, path in zip(goals, paths, strict=True):
        scores = found[path].reshape(len(x), *goal.scores)
        target = goal.spread(targets[goal.target], scores.dtype)
        losses[goal.output] = goal.loss.forward({}, {}, Context(), scores, target).y
    return losses


def behind(graph: Graph, value: int) -> Graph:
    """What follows one value on the way to the main output, as a graph whose operand `code` has its place.
    Raises KitnetError where that reads anything besides."""
    found, at = Graph(), {}
    at[value] = found.operand(CODE, graph.nodes[value].shape)
    for i in graph.leading_to(graph.main):
        node = graph.nodes[i]
        if i == value or not any(j in at for j in node.inputs):
            continue
        aside = [graph.nodes[j].path for j in node.inputs if j not in at]
        if aside or node.layer is None:
            raise KitnetError(
                f"{node.path}: it reads {aside[0]}, which does not come of the code, so that no decoder is "
                "there to draw from; leave that out of the network"
            )
        owner = None if node.owner == node.path else node.owner
        at[i] = found.add(node.path, node.layer, *(at[j] for j in node.inputs), owner=owner)
    found.output("output", at[graph.main])
    return found


def given_back(model: Model, scores: Array) -> Array:
    """Scores (N, numbers) as samples: what the loss takes them for, in the units of what was given."""
    preparation = model.preparation
    made = values_of(model.loss, scores).reshape(len(scores), *preparation.input)
    made = made * np.array(preparation.std) + np.array(preparation.mean)
    if isinstance(preparation, Standardisation):
        return made.astype(np.float32)
    return np.rint(255 * np.clip(made, 0, 1)).astype(np.uint8)
