"""The third oracle: the compiled engine against the formulas, for every registered layer and case, losses and
joins included, in both layouts, in training and evaluation, forward, gradients and state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from testing.own import OWN, Inverse, register

import kitnet
from kitnet.base.shape import Shape
from kitnet.base.spec import Array, Param
from kitnet.engine.once import run_once
from kitnet.layers import LAYERS, Backward, Case, Context, Forward, Kept, Layer, Linear, Loss
from kitnet.net import Graph, Net, usual_loss
from kitnet.optim import Sgd
from kitnet.testing import check_executor, check_layer
from kitnet.testing.compiled import COMPILED, Compiled
from kitnet.train.step import FormulaStep

MANY_CASES = {"conv", "maxpool"}  # which take half a minute


@pytest.mark.parametrize("executor", COMPILED, ids=["images", "channels", "unfused"])
@pytest.mark.parametrize(
    "word", [pytest.param(w, marks=pytest.mark.slow if w in MANY_CASES else ()) for w in LAYERS]
)
@pytest.mark.sample(13)
def test_every_layer_and_case(word: str, executor: Compiled) -> None:
    for case in LAYERS[word].cases():
        check_executor(case, executor)


@pytest.mark.usefixtures("own_layers")
@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.__name__)
def test_layers_of_ones_own(kind: type[Layer]) -> None:
    register()
    check_layer(kind, executors=COMPILED)


def networks() -> Iterator[tuple[str, Net, Loss | None]]:
    """A small network around each layer of one's own."""
    for kind in OWN:
        if issubclass(kind, Loss):
            yield kind.word, kitnet.parse("6x6x2 -> conv3-4 same -> tanh -> fc2"), kind()
        elif kind.joins:
            yield kind.word, kitnet.parse(f"6x6x2 -> {kind.word}[conv3-4 | conv3-4 -> tanh] -> fc3"), None
        else:
            before = "sigmoid" if kind is Inverse else "tanh"  # which has no zero
            line = f"6x6x2 -> conv3-4 same -> {before} -> {kind.word} -> conv3-4 -> tanh -> fc3"
            yield kind.word, kitnet.parse(line), None


@pytest.mark.usefixtures("own_layers")
def test_networks_with_layers_of_ones_own_train_as_by_their_formulas() -> None:
    """Fifty steps end at the same losses."""
    register()
    for word, net, own in networks():
        loss, rule = own or usual_loss(net.graph), Sgd(0.0005 if own else 0.002)
        found = []
        for compiled in (True, False):
            net.initialise(3)
            if compiled:
                step = net.compile(20, "train", loss=loss, target="values" if own else None, rule=rule)
                assert step.plan.formula_steps >= 2
            else:
                memory = {"velocity": net.weights.like()}
                step = FormulaStep(net, loss, rule, memory, target="values" if own else None)
            random = np.random.default_rng(0)
            losses = []
            for i in range(50):
                x = random.standard_normal((20, 6, 6, 2), np.float32)
                if own:
                    shape = own.target_shape((2,))
                    target = random.standard_normal((20, *shape), np.float32)
                else:
                    target = random.integers(0, 3, 20)
                losses.append(step(x, target, i)[0].mean())
            found.append(losses)
        np.testing.assert_allclose(*found, rtol=1e-5, err_msg=word)


def test_a_run_leaves_the_state_that_it_is_given() -> None:
    net, x = kitnet.parse("4 -> batchnorm"), np.random.default_rng(0).standard_normal((20, 4), np.float32)
    ran = run_once(net.graph, net.weights, net.state, Context(train=True), {"input": x}, ["batchnorm1"])
    np.testing.assert_array_equal(net.state["batchnorm1"]["mean"], 0)
    assert ran.state["batchnorm1"]["mean"].all()


def test_a_formula_among_kernels_costs_the_others_nothing() -> None:
    """Groups still go one by one, in memory of each thread's own."""
    line = "8x8x2 -> conv3-8 same -> {} -> conv3-8 same -> relu -> fc3"
    plans = [
        kitnet.parse(line.format("tanh")).compile(200, forbid=forbidden, threads=2).plan
        for forbidden in ((), ("activation",))
    ]
    assert [plan.formula_steps for plan in plans] == [0, 2]
    assert plans[0].batch == plans[1].batch
    assert all(plan.own_arena.size and len(set(plan.stages[plan.preparations :])) == 1 for plan in plans)


@pytest.mark.usefixtures("own_layers")
def test_scores_by_a_formula_do_not_depend_on_how_many_images_there_are() -> None:
    """A product of one row is summed in another order than one of many."""

    @dataclass(frozen=True)
    class Dense(Layer):
        word = "dense"

        def output_shape(self, *x: Shape) -> Shape:
            return (10,)

        def params(self, *x: Shape) -> dict[str, Param]:
            return {"weight": Param((*x[0], 10), "he", fan_in=x[0][0])}

        def forward(self, w: Mapping[str, Array], state: Any, ctx: Any, *x: Array) -> Forward:
            return Forward(x[0] @ w["weight"])

        def backward(self, w: Mapping[str, Array], kept: Kept, dy: Array) -> Backward:
            return Backward((dy @ w["weight"].T,), {"weight": kept.x[0].T @ dy})

        @classmethod
        def cases(cls) -> Iterator[Case]:
            return iter(())

    net = kitnet.parse("1000 -> dense").initialise(1)
    fast, x = net.compile(40), np.random.default_rng(0).standard_normal((40, 1000), np.float32)
    assert fast.plan.formula_steps
    want = fast(x)
    for n in (1, 2, 3, 15, 16, 17, 33):
        np.testing.assert_array_equal(fast(x[:n]), want[:n])


@pytest.mark.usefixtures("own_layers")
def test_an_error_of_a_layer_reaches_the_caller_and_the_plan_goes_on() -> None:
    @dataclass(frozen=True)
    class Moody(Layer):
        word = "moody"

        def output_shape(self, *x: Shape) -> Shape:
            return x[0]

        def forward(self, w: Any, state: Any, ctx: Any, *x: Array) -> Forward:
            if (x[0] > 100).any():
                raise ValueError("too much")
            return Forward(x[0])

        def backward(self, w: Any, kept: Any, dy: Array) -> Backward:
            return Backward((dy,))

        @classmethod
        def cases(cls) -> Iterator[Case]:
            return iter(())

    graph = Graph()
    moody = graph.add("moody", Moody(), graph.operand("x", (4,)))
    graph.output("y", graph.add("fc1", Linear(2), moody))
    fast = Net(graph).compile(40, threads=3)
    good = np.ones((40, 4), np.float32)
    want = fast(good)
    with pytest.raises(ValueError, match="too much"):
        fast(good * 1000)
    np.testing.assert_array_equal(fast(good), want)
