"""Plans with their machine code, which a network keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.engine.bind import Progress, code_of
from kitnet.engine.plan import Plan, make_plan
from kitnet.engine.request import Request
from kitnet.kernels.cpu import Cpu, detect
from kitnet.kernels.jit import Compiled
from kitnet.net.graph import Graph
from kitnet.net.network import Net

Allow = Callable[[Plan], None]
PLANS = 8  # that a network keeps
FEWEST_THREADS = 2  # that work is cut up for, so that the same plan serves one and two


def planned(
    net: Net, graph: Graph, batch: int, request: Request, threads: int, cpu: Cpu | None,
    progress: Progress | None, allow: Allow | None, **how: Any,
) -> tuple[Plan, list[Compiled]]:  # fmt: skip
    """A plan and its machine code, made when a network is first compiled so; nothing in them changes. What
    `allow` raises for the plan ends it before there is code."""
    if net.weights.dtype != np.float32:
        raise KitnetError(
            f"the compiled engine computes in float32, but the weights are {net.weights.dtype}; "
            "use the formulas, or initialise(dtype=np.float32)"
        )
    cpu, threads = cpu or detect(), max(threads, FEWEST_THREADS)
    form = request.rule and request.rule.form
    kind = (batch, cpu, replace(request, rule=None), form, threads, *sorted(how.items()))
    with net.planning:
        if kind not in net.plans:
            plan = make_plan(graph, net.weights, batch, cpu, request, threads=threads, **how)
            if allow:
                allow(plan)
            net.plans[kind] = plan, code_of(plan, progress)
            while len(net.plans) > PLANS:
                del net.plans[next(iter(net.plans))]
        net.plans[kind] = net.plans.pop(kind)  # the last one used stands last
        return net.plans[kind]
