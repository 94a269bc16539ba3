"""One training step: forward, loss, backward and update, by the formulas here or compiled by the engine."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Protocol

import numpy as np

from kitnet.base.error import KitnetError, nearest, shorten
from kitnet.base.spec import Array
from kitnet.layers import Context
from kitnet.net import Tape, Weights, with_loss
from kitnet.net.objective import scores_of
from kitnet.optim import Sgd
from kitnet.train.model import Model

ENGINES = ("compiled", "formula")
Progress = Callable[[int, int], None]  # kernels ready, kernels in all


class Step(Protocol):
    """What the training loop calls: prepared images (N, *input), classes (N,) and the number of the step
    since training began, which keys the random bits of layers that draw some. Gives losses (N,) and scores
    (N, classes) from before the update of the weights, and leaves the mean gradient in `gradient`.
    """

    engine: str
    gradient: Weights

    def __call__(self, x: Array, labels: Array, step: int) -> tuple[Array, Array]: ...


class FormulaStep:
    """A step by the readable executor."""

    engine = "formula"

    def __init__(self, model: Model, rule: Sgd, memory: dict[str, Array], seed: int) -> None:
        self._net, self._rule, self._memory, self._seed = model.net, rule, memory, seed
        self._graph = with_loss(model.net.graph, model.loss)
        self._scores = scores_of(model.net.graph, model.loss)
        self._decayed = model.net.weights.decayed()
        self.gradient: Weights = model.net.weights.like()

    def __call__(self, x: Array, labels: Array, step: int) -> tuple[Array, Array]:
        net, shape = self._net, self._graph.nodes[self._scores].shape
        target = np.eye(int(np.prod(shape)), dtype=net.weights.dtype)[labels].reshape(len(x), *shape)
        ctx = Context(train=True, seed=self._seed, step=step)
        tape = Tape(self._graph, net.weights, net.state, ctx, {"input": x, "target": target})
        losses = tape.output
        found = tape.backward(np.full_like(losses, 1 / len(x)), operands=False)
        for path, view in self.gradient.items():
            view[...] = found[path]
        net.keep(tape.state)
        self._rule.update(net.weights.flat, self.gradient.flat, self._memory, self._decayed)
        return losses, tape.values[self._scores].reshape(len(x), -1)


def pick_engine(name: str | None) -> str:
    """The engine of this name, the compiled one unless llvmlite is missing. Raises KitnetError."""
    there = importlib.util.find_spec("llvmlite") is not None
    if name is None:
        return "compiled" if there else "formula"
    if name not in ENGINES:
        raise KitnetError(
            f"unknown engine {shorten(name)}{nearest(name, ENGINES)}; known: {', '.join(ENGINES)}"
        )
    if name == "compiled" and not there:
        raise KitnetError("the compiled engine needs llvmlite; install it, or use --engine formula")
    return name


def make_step(
    engine: str,
    model: Model,
    batch: int,
    rule: Sgd,
    memory: dict[str, Array],
    seed: int,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Step:
    """A training step for up to `batch` images; a compiled one also lets the model's scores be compiled."""
    if engine == "formula":
        return FormulaStep(model, rule, memory, seed)
    from kitnet.engine import TrainingStep

    model.compile(threads=threads, progress=progress)
    return TrainingStep(
        model.net, model.loss, batch, rule, memory, seed=seed, threads=threads, progress=progress
    )
