"""One training step by the formulas: forward, loss, backward, and the gradient in one flat buffer."""

from __future__ import annotations

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers import Context
from kitnet.net import Net, Tape, Weights, with_loss
from kitnet.net.objective import scores_of
from kitnet.train.model import Model


class FormulaStep:
    """Runs a network with its loss by the readable executor. `gradient` holds the mean over the batch of the
    last call."""

    engine = "formula"

    def __init__(self, model: Model, seed: int) -> None:
        self._model, self._seed = model, seed
        self._net: Net = model.net
        self._graph = with_loss(self._net.graph, model.loss)
        self._scores = scores_of(self._net.graph, model.loss)
        self.gradient: Weights = self._net.weights.like()

    def __call__(self, x: Array, labels: Array, step: int) -> tuple[Array, Array]:
        """Prepared images (N, *input) and classes (N,) -> losses (N,) and scores (N, classes); fills
        `gradient`.

        `step` counts from the beginning of training: it keys the random bits of layers that draw some.
        """
        net, shape = self._net, self._graph.nodes[self._scores].shape
        target = np.eye(int(np.prod(shape)), dtype=net.weights.dtype)[labels].reshape(len(x), *shape)
        ctx = Context(train=True, seed=self._seed, step=step)
        tape = Tape(self._graph, net.weights, net.state, ctx, {"input": x, "target": target})
        losses = tape.output
        found = tape.backward(np.full_like(losses, 1 / len(x)), operands=False)
        for path, view in self.gradient.items():
            view[...] = found[path]
        net.state = tape.state
        return losses, tape.values[self._scores].reshape(len(x), -1)
