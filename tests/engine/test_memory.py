"""How much memory a plan needs: large filters are made when they are read, sums are written over a term, what
a max pool read is not kept, nor are images in lanes.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from plans import EPS, assert_gradients_close, formula_gradient, planned, training

import kitnet
from kitnet.engine import Scores
from kitnet.engine.plan import Plan
from kitnet.engine.schedule import MANY
from kitnet.engine.step import LARGE, KernelStep
from kitnet.kernels.cpu import detect
from kitnet.layers import Add, Convolution, Sigmoid, Tanh
from kitnet.net import Graph, Net, usual_loss

WIDE = "8x8x128 -> conv3-256 same -> tanh -> conv3-256 same -> tanh -> meanpool8 -> fc3"
SUMS = "4x4x64 -> conv3-64 same -> residual[conv3-64 same -> maxpool3/1 same] -> relu -> fc3"


def plan_of(line: str, batch: int, train: bool) -> Plan:
    net = kitnet.parse(line)
    return planned(net, batch, loss=usual_loss(net.graph), train=train)


def made_of_weights(plan: Plan) -> dict[str, int]:
    """Steps between where a buffer is made of weights alone and where it is first read."""
    found = {}
    for i, step in enumerate(plan.steps):
        inputs = {ref.buffer for ref in step.reads.values()}
        if isinstance(step, KernelStep) and all(name.startswith("@weight ") for name in inputs):
            for ref in step.writes.values():
                readers = (j for j, other in enumerate(plan.steps) if ref in other.reads.values() and j > i)
                found[ref.buffer] = next(readers) - i
    return found


def assert_step_right(line: str, batch: int) -> None:
    net, random = kitnet.parse(line).initialise(0), np.random.default_rng(0)
    loss = usual_loss(net.graph)
    x = random.standard_normal((batch, *net.input_shape), np.float32)
    labels = random.integers(0, 3, batch)
    want_losses, want = formula_gradient(net, loss, x, labels)
    step = training(net, loss, batch)
    losses, _ = step(x, labels, 0)
    np.testing.assert_allclose(losses, want_losses, 0, 300 * EPS * want_losses.max())
    assert_gradients_close(step.gradient, want)


def test_large_filters_are_made_just_before_they_are_read() -> None:
    away = made_of_weights(plan_of(WIDE, 2 * detect().lanes, train=True))
    assert set(away) >= {"conv1.mapped filters", "conv2.mapped filters", "conv2.turned filters"}
    assert set(away.values()) == {1}


def test_small_ones_are_made_before_the_first_stage() -> None:
    plan = plan_of("8x8x3 -> conv3-64 same -> relu -> conv3-64 same -> relu -> fc3", 20, train=True)
    away = made_of_weights(plan)
    assert away
    first = min(i for i, step in enumerate(plan.steps) if "@in input" in str(step.reads))
    assert len(away) == first
    assert LARGE > 4 * 36 * 64 * 64


@pytest.mark.parametrize("batch", [20, 70, 130])
@pytest.mark.sample(5)
def test_the_step_is_right_nevertheless(batch: int) -> None:
    assert_step_right(WIDE, batch)


def made(plan: Plan) -> tuple[set[str], set[str]]:
    """What is made of weights and state once, and what is made in every run."""
    known, both = set(), (set(), set())
    for i, step in enumerate(plan.steps):
        inputs = {ref.buffer for ref in step.reads.values()}
        if all(name.startswith(("@weight ", "@state ")) or name in known for name in inputs):
            names = {ref.buffer for ref in step.writes.values()}
            known |= names
            both[i >= plan.preparations].update(names)
    return both


LARGE_AND_SMALL = (
    "8x8x3 -> conv3-128 same bias=no -> batchnorm -> relu -> conv3-192 same -> tanh -> fc32 -> batchnorm "
    "-> tanh -> fc3"
)
LARGE_ONES = {"conv2.mapped filters", "fc1.folded filters"}


@pytest.mark.parametrize(
    ("batch", "kept"),
    [
        (1, True),
        (MANY - 1, True),
        (MANY, False),
        (2 * detect().lanes, False),
        (8 * detect().lanes, True),  # groups that go through the whole network one by one
    ],
)
def test_scores_of_many_images_make_large_things_in_every_run(batch: int, kept: bool) -> None:
    plan = plan_of(LARGE_AND_SMALL, batch, train=False)
    once, again = made(plan)
    assert max(Counter(step.label for step in plan.steps).values()) == 1
    assert again == (set() if kept else LARGE_ONES)
    assert once >= {"batchnorm1.factor", "batchnorm2.factor", "conv1.folded bias", "fc1.folded bias"}
    assert (once >= LARGE_ONES) == kept
    for i, step in enumerate(plan.steps):
        for name in again & {ref.buffer for ref in step.writes.values()}:
            assert name in {ref.buffer for ref in plan.steps[i + 1].reads.values()}


def test_one_image_keeps_no_copies_that_are_quickly_made_beside_few_weights() -> None:
    used_often = "conv3-128 same -> relu -> conv3-128 same -> relu -> maxpool2 -> conv3-128 same -> relu"
    twice = {"conv1.mapped filters", "conv2.mapped filters"}
    once, again = made(plan_of(f"28x28x128 -> {used_often} -> meanpool14 -> fc10", 1, train=False))
    assert again == twice and "conv3.mapped filters" in once
    once, again = made(plan_of(f"28x28x128 -> {used_often} -> fc300", 1, train=False))
    assert not again and twice < once  # a little memory beside that of the weights


def test_one_image_makes_middling_ones_when_they_are_read() -> None:
    """Its stages hold single steps anyway; groups of images keep such filters from run to run."""
    line = "56x56x64 -> [conv3-64 same -> relu]*2 -> meanpool56 -> fc10"
    twice = {"conv1.mapped filters", "conv2.mapped filters"}
    once, again = made(plan_of(line, 1, train=False))
    assert again == twice
    assert not twice & once


@pytest.mark.parametrize("batch", [MANY - 1, MANY, 20, 130])
@pytest.mark.sample(3)
def test_scores_follow_new_weights(batch: int) -> None:
    net, random = kitnet.parse(LARGE_AND_SMALL).initialise(0), np.random.default_rng(0)
    x = random.standard_normal((batch, *net.input_shape), np.float32)
    scores = Scores(net, usual_loss(net.graph), batch)
    for _ in range(3):
        got, want = scores(x), net(x)
        np.testing.assert_allclose(got, want, rtol=0, atol=100 * EPS * np.abs(want).max())
        np.testing.assert_array_equal(scores(x), got)
        net.weights.flat[...] *= 1.25
        for array in (array for arrays in net.state.values() for array in arrays.values()):
            array[...] = random.uniform(0.5, 1.5, array.shape)
        scores.refresh()


def test_a_sum_is_written_over_a_term_that_nobody_else_reads() -> None:
    """By a step of its own. `test_sums_over_terms.py` has those that other steps do in passing."""
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


def test_nor_over_one_that_a_later_layer_reads() -> None:
    graph = Graph()
    x = graph.add("conv", Convolution(3, 8, pad="same"), graph.operand("x", (4, 4, 8)))
    total = graph.add("sum", Add(), x, graph.add("tanh", Tanh(), x))
    graph.output("y", graph.add("all", Add(), total, graph.add("sigmoid", Sigmoid(), x)))
    net = Net(graph).initialise(0)
    images = np.random.default_rng(0).standard_normal((20, 4, 4, 8), np.float32)
    np.testing.assert_allclose(net.compile(20)(images), net(images), rtol=0, atol=1e-5)


def read_last(plan: Plan, value: str) -> str:
    """The last step that reads what lies in the value's own memory."""
    return [step.label for step in plan.steps if any(r.buffer == value for r in step.reads.values())][-1]


POOLED = "12x12x4 -> conv3-8 same -> {} -> maxpool{} -> conv3-8 same -> relu -> fc3"


@pytest.mark.parametrize("pool", ["2", "3/2 pad=1 on_misfit=floor"])
@pytest.mark.parametrize("batch", [20, 70])
def test_what_a_max_pool_reads_behind_a_relu_is_not_kept(pool: str, batch: int) -> None:
    line = POOLED.format("relu", pool)
    assert read_last(plan_of(line, batch, train=True), "relu1") == "maxpool1 forward"
    assert read_last(plan_of(line, batch, train=True), "relu2") == "relu2 backward"
    assert_step_right(line, batch)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (POOLED.format("tanh", "2"), "tanh1"),  # whose slope is not zero or one
        ("8x8x4 -> conv3-8 same -> relu -> residual[maxpool3/1 same] -> fc3", "relu1"),  # has two readers
    ],
)
def test_else_it_is(line: str, value: str) -> None:
    assert read_last(plan_of(line, 20, train=True), value) == f"{value} backward"
    assert_step_right(line, 20)


def test_a_norm_leaves_its_relu_to_the_max_pool() -> None:
    line = "8x8x4 -> conv3-8 same bias=no -> batchnorm -> relu -> maxpool2 -> fc3"
    plan = plan_of(line, 20, train=True)
    assert read_last(plan, "relu1") == "maxpool1 forward"
    assert_step_right(line, 20)


def test_large_images_are_put_into_lanes_again() -> None:
    """For images of one megabyte and more; smaller ones are kept."""
    line = "{0}x{0}x32 -> concat[conv3-4 same -> relu | conv1-4] -> meanpool{0} -> fc3"
    batch = 3 * detect().lanes
    for side, times in (8, 1), (32, 2):
        plan = plan_of(line.format(side), batch, train=True)
        labels = [step.label for step in plan.steps]
        assert labels.count("input in images") == times
        assert_step_right(line.format(side), batch)
    last = max(i for i, label in enumerate(labels) if label == "input in images")
    assert sum(label.endswith(" filter gradient") for label in labels[last:]) == 2
    assert read_last(plan, "input in images").endswith(" forward")
