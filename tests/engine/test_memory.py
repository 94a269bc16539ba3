"""How much memory a plan needs: large filters are made when they are read, sums are written over a term."""

from __future__ import annotations

import numpy as np
import pytest
from plans import EPS, assert_gradients_close, formula_gradient, training

import kitnet
from kitnet.engine.plan import LARGE, Plan, make_plan
from kitnet.engine.step import KernelStep
from kitnet.kernels.cpu import detect
from kitnet.net import usual_loss

WIDE = "8x8x128 -> conv3-256 same -> tanh -> conv3-256 same -> tanh -> meanpool8 -> fc3"
SUMS = "4x4x64 -> conv3-64 same -> residual[conv3-64 same -> relu -> conv3-64 same] -> relu -> fc3"


def plan_of(line: str, batch: int, train: bool) -> Plan:
    net = kitnet.parse(line)
    return make_plan(net, batch, detect(), loss=usual_loss(net.graph), train=train)


def made_of_weights(plan: Plan) -> dict[str, int]:
    """Steps between where a buffer is made of weights alone and where it is first read."""
    found = {}
    for i, step in enumerate(plan.steps):
        inputs = {ref.buffer for ref in step.reads.values()}
        if isinstance(step, KernelStep) and inputs <= {"@weights"}:
            for ref in step.writes.values():
                readers = (j for j, other in enumerate(plan.steps) if ref in other.reads.values() and j > i)
                found[ref.buffer] = next(readers) - i
    return found


def test_large_filters_are_made_just_before_they_are_read() -> None:
    away = made_of_weights(plan_of(WIDE, 20, train=True))
    assert set(away) >= {"conv1.mapped filters", "conv2.mapped filters", "conv2.turned filters"}
    assert set(away.values()) == {1}


def test_small_ones_are_made_before_the_first_stage() -> None:
    plan = plan_of("8x8x3 -> conv3-64 same -> relu -> conv3-64 same -> relu -> fc3", 20, train=True)
    away = made_of_weights(plan)
    assert away
    first = min(i for i, step in enumerate(plan.steps) if "@images" in str(step.reads))
    assert len(away) == first
    assert LARGE > 4 * 36 * 64 * 64


@pytest.mark.parametrize("batch", [20, 70, 130])
def test_the_step_is_right_nevertheless(batch: int) -> None:
    net = kitnet.parse(WIDE).initialise(0)
    loss, random = usual_loss(net.graph), np.random.default_rng(0)
    x = random.standard_normal((batch, *net.input_shape), np.float32)
    labels = random.integers(0, 3, batch)
    want_losses, want = formula_gradient(net, loss, x, labels)
    step = training(net, loss, batch)
    losses, _ = step(x, labels, 0)
    np.testing.assert_allclose(losses, want_losses, 0, 300 * EPS * want_losses.max())
    assert_gradients_close(step.gradient, want)


def test_a_sum_is_written_over_a_term_that_nobody_else_reads() -> None:
    plan = plan_of(SUMS, 20, train=False)
    (step,) = (step for step in plan.steps if step.label == "residual1 forward")
    terms, total = set(step.reads.values()), step.writes["y"]
    assert total in terms
    shared = {ref for other in plan.steps for ref in other.reads.values() if other is not step}
    assert (terms - {total}) <= shared


@pytest.mark.parametrize(
    "body", ["residual[add[identity | tanh]]", "add[add[identity | sigmoid] | identity]"]
)
def test_not_over_one_that_is_read_again(body: str) -> None:
    net = kitnet.parse(f"4x4x8 -> conv3-8 same -> {body} -> fc3").initialise(0)
    x = np.random.default_rng(0).standard_normal((20, 4, 4, 8), np.float32)
    np.testing.assert_allclose(net.compile(20)(x), net(x), rtol=0, atol=1e-5)
