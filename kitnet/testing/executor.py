"""Oracle 3: executors of graphs against the formulas, on a graph of one layer.

An `Executor` is a function; `reference` is the readable one. A compiled plan is checked by handing in a
function that builds and runs it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.precision import Precision
from kitnet.base.spec import Array
from kitnet.layers import Case, Context, Forward
from kitnet.net import Graph, Tape, Weights
from kitnet.net.reference import State
from kitnet.testing.closeness import assert_rounding
from kitnet.testing.definition import backward_scale, forward_scale, gradients
from kitnet.testing.trial import PATH, Trial, frozen, require, trials


@dataclass(frozen=True)
class Run:
    """What an executor gives back: the output, the gradients by path (of operands `x0`, `x1`, ... and of
    weights) and the new state."""

    y: Array
    gradient: Mapping[str, Array]
    state: State


# Given a graph, weights, state, context, operands by path, and dy; without a dy it runs forward alone.
Executor = Callable[[Graph, Weights, State, Context, Mapping[str, Array], Array | None], Run]


def reference(
    graph: Graph,
    weights: Weights,
    state: State,
    ctx: Context,
    operands: Mapping[str, Array],
    dy: Array | None,
) -> Run:
    """The readable executor, `kitnet.net.Tape`."""
    tape = Tape(graph, weights, state, ctx, operands)
    return Run(tape.output, {} if dy is None else tape.backward(dy), tape.state)


@dataclass(frozen=True)
class InPrecision:
    """The readable executor in a precision; `eps` is that of the numbers that its products are made of."""

    precision: Precision

    dtype = np.float32

    @property
    def eps(self) -> float:
        return max(2.0 ** (1 - 8 * self.precision.parts), float(np.finfo(np.float32).eps))

    def __call__(
        self,
        graph: Graph,
        weights: Weights,
        state: State,
        ctx: Context,
        operands: Mapping[str, Array],
        dy: Array | None,
    ) -> Run:
        tape = Tape(graph, weights, state, ctx, operands, precision=self.precision)
        return Run(tape.output, {} if dy is None else tape.backward(dy), tape.state)


def check_executor(case: Case, executor: Executor = reference, *, dtype: Any = None, seed: int = 0) -> None:
    """Values, gradients and state equal the formulas in float64 up to rounding, for the whole batch and, in
    evaluation, forward alone as well, for the batch and for its samples one by one. `dtype` is the
    executor's, or float64, unless given; rounding is that of the executor's `eps`, or of this type."""
    dtype = dtype or getattr(executor, "dtype", np.float64)
    eps = getattr(executor, "eps", None)
    for trial in trials(case, seed):
        rounded = trial.astype(dtype)
        exact = rounded.astype(np.float64)
        made = exact.forward()
        dy = frozen(exact.dy(made).astype(dtype))
        dy64 = frozen(dy.astype(np.float64))
        run = _run(executor, rounded, dy)
        scale = forward_scale(exact)
        assert_rounding(run.y, made.y, scale, f"{trial}: the executor's y", eps)
        _check_gradients(trial, run, exact, made, dy64, eps)
        for name, old in exact.state.items():
            new = made.state.get(name, old)
            what = f"{trial}: the executor's state {name}"
            assert_rounding(run.state[PATH][name], new, np.abs(old), what, eps)
        if not trial.ctx.train:
            scores = _run(executor, rounded, None).y
            assert_rounding(scores, made.y, scale, f"{trial}: the executor's y without a way back", eps)
        if not trial.layer.mixes_samples(trial.ctx.train):
            for i in range(trial.samples):
                own_dy = dy[i : i + 1] if trial.ctx.train else None
                alone = _run(executor, rounded.shard(i, i + 1), own_dy)
                what = f"{trial}: the executor's y of sample {i} alone"
                assert_rounding(alone.y, made.y[i : i + 1], scale[i : i + 1], what, eps)


def _check_gradients(
    trial: Trial, run: Run, exact: Trial, made: Forward, dy: Array, eps: float | None
) -> None:
    """The gradients equal those of backward, and an operand without a gradient has none, or 0."""
    expected, scales = gradients(exact, exact.kept(made), dy), backward_scale(exact, made, dy)
    paths = {where: f"{PATH}.{where}" if isinstance(where, str) else f"x{where}" for where in expected}
    missing = {path for path in paths.values() if path not in run.gradient}
    require(not missing, f"{trial}: the executor gives no gradient of {', '.join(sorted(missing))}")
    for where, path in paths.items():
        what = f"{trial}: the executor's gradient of {path}"
        assert_rounding(run.gradient[path], expected[where], scales[where], what, eps)
    for i in range(len(trial.x)):
        if i not in expected:
            given = run.gradient.get(f"x{i}")
            require(
                given is None or not given.any(),
                f"{trial}: the executor gives a gradient of x{i}, of which backward gives none",
            )


def _run(executor: Executor, trial: Trial, dy: Array | None) -> Run:
    graph = Graph()
    inputs = [graph.operand(f"x{i}", shape) for i, shape in enumerate(trial.shapes)]
    graph.add(PATH, trial.layer, *inputs)
    weights = Weights(graph.params(), trial.x[0].dtype)
    for name, array in trial.w.items():
        weights[f"{PATH}.{name}"][...] = array
    state = {PATH: trial.state} if trial.state else {}
    return executor(graph, weights, state, trial.ctx, {f"x{i}": x for i, x in enumerate(trial.x)}, dy)
