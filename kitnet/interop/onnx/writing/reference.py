"""What kitnet's formulas give for some samples, in float64, so that the numbers do not depend on the order in
which a machine adds them up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers import Context
from kitnet.net import Net, Tape
from kitnet.net.objective import scores_of
from kitnet.train import Model


def exact_outputs(net: Net, given: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs by name, for operands (N, *shape)."""
    outputs = net.graph.outputs
    return dict(zip(outputs, _values(net, given, *outputs.values()), strict=True))


def exact_scores(model: Model, samples: Array, raw: bool) -> Array:
    """The scores (N, numbers) of samples as they are before preparation, of several views their mean unless
    `raw`."""
    net, x = model.net, model.preparation.prepare(samples)
    (operand,), value = net.operands, scores_of(net.graph, model.loss)
    views = model.views.of(x) if model.views and not raw else [(1.0, x)]
    total = sum(share * _values(net, {operand: view}, value)[0] for share, view in views)
    return np.reshape(total, (len(x), -1))


def _values(net: Net, given: Mapping[str, Array], *values: int) -> list[Array]:
    """These values of the graph, of one sample after the other, so that they need little memory."""
    weights = net.weights.astype(np.float64)
    state = {
        path: {name: array.astype(np.float64) for name, array in held.items()}
        for path, held in net.state.items()
    }
    found: list[list[Array]] = [[] for _ in values]
    for i in range(len(next(iter(given.values())))):
        operands = {path: array[i : i + 1].astype(np.float64) for path, array in given.items()}
        tape = Tape(net.graph, weights, state, Context(), operands)
        for each, value in zip(found, values, strict=True):
            each.append(tape.values[value])
    return [np.concatenate(each) for each in found]
