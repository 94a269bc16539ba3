"""A graph run once on the compiled engine: values, gradients and state, for checks and pictures."""

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


def run_once(
    graph: Graph,
    weights: Weights,
    state: State,
    ctx: Context,
    operands: Mapping[str, Array],
    outputs: Sequence[str],
    seeds: Mapping[str, Array] | None = None,
    gradients: Sequence[str] = (),
    *,
    cpu: Cpu | None = None,
    threads: int = 1,
    **how: Any,
) -> Ran:
    """Run a graph forward, and back from `seeds`, the gradients of some values by their paths.

    Arrays are float32, (N, *shape). The state that is given stays as it was. `how` are the options of
    `make_plan`.
    """
    seeds = seeds or {}
    count = len(next(iter(operands.values())))
    request = Request(
        outputs=tuple(outputs),
        train=ctx.train,
        seeds=tuple(seeds),
        gradients=tuple(gradients),
        weights=bool(seeds),
    )
    plan = make_plan(graph, weights, count, cpu or detect(), request, threads=threads, **how)
    found, dw = arrays_outside(plan), weights.like()
    new = {path: {name: array.copy() for name, array in held.items()} for path, held in state.items()}
    machine = Machine(plan, code_of(plan), weights, dw, new, found, threads)
    given = {f"@in {path}": array for path, array in operands.items()}
    given |= {f"@seed {path}": array for path, array in seeds.items()}
    machine.prepare()
    machine.run([np.ascontiguousarray(given[name], np.float32) for name in machine.moving], count, ctx)
    values = {path: found[f"@out {path}"][:count] for path in outputs}
    return Ran(plan, values, {path: found[f"@d {path}"][:count] for path in gradients}, dw, new)
