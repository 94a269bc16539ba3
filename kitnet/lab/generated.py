"""The engine's implementations of a layer, each in a plan of that layer alone."""

from __future__ import annotations

from functools import partial

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.engine.bind import Machine, arrays_outside, code_of
from kitnet.engine.lower import Implementation, Wishes, implementations_of
from kitnet.engine.plan import Plan, make_plan
from kitnet.engine.request import Request
from kitnet.engine.step import KernelStep
from kitnet.kernels.cpu import detect
from kitnet.lab.algorithm import Algorithm, Ready
from kitnet.lab.problem import InapplicableError, Operation, Pass, Problem
from kitnet.layers import Context
from kitnet.net.graph import Graph
from kitnet.net.weights import Weights

REQUESTS: dict[Pass, Request] = {
    "forward": Request(outputs=("y",)),
    "data": Request(seeds=("y",), gradients=("x",)),
    "weights": Request(seeds=("y",), weights=True),
}
# What the implementations leave to others.
LEFT: dict[tuple[str, Pass], str] = {
    ("conv.fourier.images", "weights"): "its gradient of the weights is the direct sum",
    ("conv.winograd2.images", "weights"): "its gradient of the weights is that of F(4x4,3x3)",
}
MARKS = "winograd", "fourier", "depthwise"  # what the kernels of an algorithm other than the sum are called


def plan_of_pass(problem: Problem, which: Pass, threads: int, force: Implementation | None = None) -> Plan:
    """The plan of one pass, by this implementation where it can be, or by the one that the engine chooses."""
    graph = Graph()
    graph.add("y", problem.layer, graph.operand("x", problem.shape))
    return make_plan(
        graph,
        Weights(graph.params()),
        len(problem.x),
        detect(),
        REQUESTS[which],
        threads=threads,
        wishes=Wishes(forced=frozenset({force.id})) if force else Wishes(),
        layout=force.lanes if force else None,
    )


def generated(layer: Operation, threads: int) -> list[Algorithm]:
    """Every implementation of such a layer, the plainest first."""
    return [
        Algorithm(one.id, f"generated: {one.sentence}", partial(_prepare, one, threads))
        for one in reversed(implementations_of(layer))
    ]


def _prepare(one: Implementation, threads: int, problem: Problem, which: Pass) -> Ready:
    plan = planned(one, threads, problem, which)
    return _bound(plan, problem, which, threads)


def planned(one: Implementation, threads: int, problem: Problem, which: Pass) -> Plan:
    """The plan of a pass by this implementation. Raises InapplicableError where it would be another one."""
    if (one.id, which) in LEFT:
        raise InapplicableError(LEFT[one.id, which])
    try:
        plan = plan_of_pass(problem, which, threads, one)
    except KitnetError as error:
        raise InapplicableError(str(error)) from None
    (choice,) = [choice for choice in plan.choices if choice.path == "y"]
    if choice.one.id != one.id:
        (reason,) = [refusal.reason for refusal in choice.refusals if refusal.id == one.id]
        raise InapplicableError(reason)
    for mark in MARKS:
        if mark in one.id and not any(mark in kernel for kernel in kernels_of(plan)):
            raise InapplicableError("only for filters that fill the lanes; else it is the direct sum")
    return plan


def kernels_of(plan: Plan) -> tuple[str, ...]:
    """The names of the kernels in the order in which they first run."""
    return tuple(dict.fromkeys(step.kernel.name for step in plan.steps if isinstance(step, KernelStep)))


def _bound(plan: Plan, problem: Problem, which: Pass, threads: int) -> Ready:
    code = code_of(plan)
    weights = Weights(plan.graph.params())
    if problem.w is not None:
        weights["y.weight"][...] = problem.w
    gradient, found = weights.like(), arrays_outside(plan)
    machine = Machine(plan, code, weights, gradient, {}, found, threads)
    machine.prepare()
    given = {"@in x": problem.x, "@seed y": problem.dy}
    arrays, count = [given[name] for name in machine.moving], len(problem.x)
    results = {"forward": "@out y", "data": "@d x"}
    result: Array = gradient["y.weight"] if which == "weights" else found[results[which]][:count]

    def run() -> Array:
        machine.run(arrays, count, Context())
        return result

    # Values between the steps and filters made ready, and what each thread has to itself.
    workspace = plan.arena.size + threads * machine.scratch_bytes
    return Ready(run, workspace=workspace, kernels=kernels_of(plan))
