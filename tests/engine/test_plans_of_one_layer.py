"""Plans of one layer: no step that nothing needs, no copy of what can lie where the caller has it."""

from __future__ import annotations

from typing import Any

import pytest

from kitnet.engine.plan import Plan, make_plan
from kitnet.engine.request import Request
from kitnet.kernels.cpu import detect
from kitnet.layers import Convolution, Layer, MaxPool
from kitnet.net.graph import Graph
from kitnet.net.weights import Weights

LANES = detect().lanes
CONV = Convolution(3, 2 * LANES)


def plan_of(layer: Layer, request: Request, channels: int = 3, samples: int = 2, **how: Any) -> Plan:
    graph = Graph()
    graph.add("y", layer, graph.operand("x", (6, 6, channels)))
    return make_plan(graph, Weights(graph.params()), samples, detect(), request, **how)


def kernels(plan: Plan) -> list[str]:
    return [step.kernel.name for step in plan.steps]  # type: ignore[union-attr]  # no host steps here


BACK = "into_lanes"
GRADIENTS = {
    "of x": (CONV, {"gradients": ("x",)}, [BACK, "input_gradient", "out_of_lanes"]),
    "of the weights": (CONV, {"weights": True}, [BACK, BACK, "filter_gradient", "reduce", "reduce"]),
    "of the largest": (
        MaxPool(2),
        {"gradients": ("x",)},
        [BACK, "max_pool", BACK, "max_pool_gradient", "out_of_lanes"],
    ),
}


@pytest.mark.parametrize("what", GRADIENTS)
def test_only_what_is_asked_for_is_computed(what: str) -> None:
    """The output of a convolution is not; a pool's indices of the largest values are."""
    layer, asked, wanted = GRADIENTS[what]
    plan = plan_of(layer, Request(seeds=("y",), **asked), layout="images")  # type: ignore[arg-type]
    assert kernels(plan) == wanted
    if "gradients" in asked:
        assert plan.steps[-1].writes["y"].buffer == "@d x"


def test_a_product_of_few_images_writes_its_output_where_the_caller_reads_it() -> None:
    for filters in (5, 2 * LANES):
        plan = plan_of(Convolution(3, filters), Request(outputs=("y",)), layout="channels")
        assert kernels(plan) == ["pack", "convolution"]
        assert plan.steps[-1].writes["y"].buffer == "@out y"


def test_channels_that_fill_whole_vectors_need_no_copies() -> None:
    asked = Request(outputs=("y",))
    assert kernels(plan_of(MaxPool(2), asked, 2 * LANES, layout="channels")) == ["max_pool"]
    assert kernels(plan_of(MaxPool(2), asked, 3, layout="channels")) == ["copy", "max_pool", "copy"]
    asked = Request(seeds=("y",), gradients=("x",))
    assert kernels(plan_of(MaxPool(2), asked, LANES, layout="channels")) == [
        "max_pool",
        "copy",
        "max_pool_gradient",
    ]


def test_small_work_is_for_one_thread() -> None:
    """Of one layer on all samples; tasks are tiles then, not shares of a layer."""
    few, many = (plan_of(CONV, Request(outputs=("y",)), 16, n, layout="channels") for n in (1, 200))
    assert few.steps[-1].tasks == 1 and many.steps[-1].tasks >= 8


def test_large_groups_do_not_lie_in_memory_of_the_threads_own() -> None:
    asked = Request(outputs=("y",))
    sizes = [
        plan_of(CONV, asked, 3, 200, layout="images", most_own=most).own_arena.size for most in (1e9, 1e3)
    ]
    assert sizes[0] > 0 == sizes[1]
