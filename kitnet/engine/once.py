"""A graph run on the compiled engine: values, gradients and state by their paths, for checks and pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.spec import Array
from kitnet.engine.bind import Machine, arrays_outside, code_of
from kitnet.engine.plan import Plan, make_plan
from kitnet.engine.request import Request
from kitnet.kernels.cpu import Cpu, detect
from kitnet.layers import Context
from kitnet.net.graph import Graph
from kitnet.net.reference import State
from kitnet.net.weights import Weights


@dataclass(frozen=True)
class Ran:
    """Values and gradients by the paths that were asked for, gradients of parameters, and the new state."""

    plan: Plan
    values: dict[str, Array]
    gradients: dict[str, Array]
    parameters: Weights
    state: State


class Readout:
    """A plan of a graph for `count` samples whose values and gradients are read out, run after run.

    `seeds` are values whose gradients each run is given; with `parameters` those of parameters are computed,
    too. Every run takes the weights as they are then. `how` are the options of `make_plan`.
    """

    def __init__(
        self,
        graph: Graph,
        weights: Weights,
        state: State,
        count: int,
        outputs: Sequence[str],
        seeds: Sequence[str] = (),
        gradients: Sequence[str] = (),
        *,
        train: bool = False,
        parameters: bool = True,
        cpu: Cpu | None = None,
        threads: int = 1,
        **how: Any,
    ) -> None:
        request = Request(
            outputs=tuple(outputs),
            train=train,
            seeds=tuple(seeds),
            gradients=tuple(gradients),
            weights=bool(seeds) and parameters,
        )
        self.plan = make_plan(graph, weights, count, cpu or detect(), request, threads=threads, **how)
        self._count, self._state = count, _copied(state)
        self._found, self._dw = arrays_outside(self.plan), weights.like()
        code = code_of(self.plan)
        self._machine = Machine(self.plan, code, weights, self._dw, self._state, self._found, threads)

    def __call__(
        self,
        state: State,
        ctx: Context,
        operands: Mapping[str, Array],
        seeds: Mapping[str, Array] | None = None,
    ) -> Ran:
        """One run; arrays are float32, (count, *shape). The state that is given stays as it was."""
        for path, held in state.items():
            for name, array in held.items():
                self._state[path][name][...] = array
        given = {f"@in {path}": array for path, array in operands.items()}
        given |= {f"@seed {path}": array for path, array in (seeds or {}).items()}
        moving = [np.ascontiguousarray(given[name], np.float32) for name in self._machine.moving]
        self._machine.prepare()
        self._machine.run(moving, self._count, ctx)
        request, dw = self.plan.request, self._dw
        if request.weights:  # else nothing writes into them
            dw = self._dw.like()
            dw.flat[...] = self._dw.flat
        return Ran(
            self.plan,
            {path: self._found[f"@out {path}"][: self._count].copy() for path in request.outputs},
            {path: self._found[f"@d {path}"][: self._count].copy() for path in request.gradients},
            dw,
            _copied(self._state),
        )


def run_once(
    graph: Graph,
    weights: Weights,
    state: State,
    ctx: Context,
    operands: Mapping[str, Array],
    outputs: Sequence[str],
    seeds: Mapping[str, Array] | None = None,
    gradients: Sequence[str] = (),
    **how: Any,
) -> Ran:
    """Run a graph forward, and back from `seeds`, the gradients of some values by their paths: one run of a
    `Readout`, whose options `how` are."""
    count = len(next(iter(operands.values())))
    readout = Readout(
        graph, weights, state, count, outputs, tuple(seeds or ()), gradients, train=ctx.train, **how
    )
    return readout(state, ctx, operands, seeds)


def _copied(state: State) -> State:
    return {path: {name: array.copy() for name, array in held.items()} for path, held in state.items()}
