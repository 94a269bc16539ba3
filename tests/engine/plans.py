"""A plan beside the formulas, for tests: the same network, the same steps, and how far apart they end."""

from __future__ import annotations

from typing import Any

import numpy as np

from kitnet.base.spec import Array
from kitnet.engine import Plan, TrainingStep, plan_of, wishes_of
from kitnet.layers import Context, L2Pool, Layer, Loss
from kitnet.net import Net, Tape, Weights, usual_loss, with_loss
from kitnet.optim import Sgd

EPS = float(np.finfo(np.float32).eps)
FORMULAS = (
    *("constant", "expand", "gather", "permute", "reduce", "reshape", "slice"),
    *("depthtospace", "spacetodepth", "erf", "logsoftmax"),
    *("celu", "exp", "log", "mish", "power", "reciprocal", "selu"),
    "stochasticpool",
    "scell",
    "cosine",
    "patch",
    "inhibit",
    "step",
    "gaussiandraw",
)  # which no kernel computes


def by_formula(layer: Layer) -> bool:
    """Whether no kernel computes it."""
    return layer.word in FORMULAS or (isinstance(layer, L2Pool) and layer.p != 2)


def formula_gradient(net: Net, loss: Loss, x: Array, labels: Array) -> tuple[Array, Weights]:
    """Losses and the gradient of their mean by the formulas in float64."""
    weights = net.weights.astype(np.float64)
    graph = with_loss(net.graph, loss)
    target_shape = graph.nodes[graph.find("target")].shape
    classes = int(np.prod(target_shape))
    target = np.eye(classes)[labels].reshape(len(x), *target_shape)
    tape = Tape(graph, weights, net.state, Context(train=True), {"input": x, "target": target})
    found = tape.backward(np.full(len(x), 1 / len(x)), operands=False)
    gradient = weights.like()
    for path, view in gradient.items():
        view[...] = found[path]
    return tape.output, gradient


def coarse(net: Net, seed: int) -> Net:
    """Weights in eighths. With images in quarters, sums are exact in float32, so that no ReLU and no maximum
    decides otherwise than in float64.
    """
    return coarsen(net.initialise(seed))


def coarsen(net: Net) -> Net:
    net.weights.flat[...] = np.round(net.weights.flat * 8) / 8
    return net


def coarse_images(random: np.random.Generator, net: Net, count: int) -> Array:
    return np.round(random.standard_normal((count, *net.input_shape), np.float32) * 4) / 4


def training(net: Net, loss: Loss, batch: int, **how: object) -> TrainingStep:
    return TrainingStep(net, loss, batch, Sgd(0.01, 0.9), **how)  # type: ignore[arg-type]


def planned(net: Net, samples: int, *, train: bool = False, **how: Any) -> Plan:
    """The plan of a training step on a loss, or of the scores that it reads, without machine code."""
    return plan_of(net, samples, "train" if train else "infer", **how)


def ids(plan: Plan, kind: str = "conv") -> list[str]:
    """The implementations of all layers of a kind."""
    return [choice.one.id for choice in plan.choices if choice.kind == kind]


def assert_right_with_and_without(word: str, net: Net, batch: int, roundings: int) -> list[list[str]]:
    """A training step, and one without the implementations of this name: each within so many roundings of
    the formulas, and not in the same bits. Gives the implementations of the convolutions in both.
    """
    random, loss = np.random.default_rng(batch), usual_loss(net.graph)
    x, labels = random.standard_normal((batch, *net.input_shape), np.float32), random.integers(0, 5, batch)
    want_losses, want = formula_gradient(net, loss, x, labels)
    start, names, gradients = net.weights.flat.copy(), [], []
    for forbid in (), (word,):
        step = training(net, loss, batch, wishes=wishes_of(forbid=forbid))
        names.append(ids(step.plan))
        losses, _ = step(x, labels, 0)
        net.weights.flat[...] = start
        np.testing.assert_allclose(losses, want_losses, rtol=0, atol=400 * EPS * want_losses.max())
        for path in want:
            scale = float(np.abs(want[path]).max())
            np.testing.assert_allclose(step.gradient[path], want[path], rtol=0, atol=roundings * EPS * scale)
        gradients.append(step.gradient.flat.tobytes())
    assert gradients[0] != gradients[1]
    return names


def assert_gradients_close(got: Weights, want: Weights, near: Weights | None = None) -> None:
    """Every array within some hundred roundings of its largest value, which a wrong formula misses by far.

    `near` is the gradient where every weight and every number of the images is a rounding away: some hundred
    times what it differs by is allowed, too. That is more where the parts of a gradient cancel.
    """
    for path in want:
        scale = float(np.abs(want[path]).max()) + 1e-30
        worst = float(np.abs(got[path] - want[path]).max())
        least = 0.0 if near is None else float(np.abs(near[path] - want[path]).max())
        assert worst <= 400 * EPS * scale + 100 * least, f"{path}: differs by {worst:.3g} of {scale:.3g}"
