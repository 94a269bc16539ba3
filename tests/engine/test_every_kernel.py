"""Layers that have kernels take no step in Python, in training and for scores, in either layout; and networks
of them train as by their formulas.
"""

from __future__ import annotations

import numpy as np
import pytest
from plans import assert_gradients_close, coarse, coarse_images, formula_gradient, planned, training

import kitnet
from kitnet.layers import SoftmaxCrossEntropy
from kitnet.net import usual_loss

POINTWISE = (
    "relu6", "leakyrelu", "prelu", "elu", "gelu", "gelu form=tanh", "silu", "hardtanh", "hardsigmoid",
    "hardswish",
    "softplus", "softsign", "gaussian", "abs", "square", "softplus -> sqrt", "scale factor=2 shift=1",
    "maxout2",
    "shuffle2", "dropout maps", "dropout drop=0.2 samples", "se2", "multiply[identity | conv1-4]",
    "multiply[identity | maxpool4 -> conv1-4]", "maximum[identity | conv1-4 | tanh]",
)  # fmt: skip


@pytest.mark.parametrize("words", POINTWISE)
def test_no_step_runs_a_formula(words: str) -> None:
    net = kitnet.parse(f"4x4x3 -> conv3-4 same -> {words} -> conv3-5 same -> fc3")
    for how in ({"layout": "images"}, {"layout": "channels"}):
        plan = planned(net, 4, **how)
        assert plan.formula_steps == 0
        lanes = {choice.one.lanes for choice in plan.choices}
        assert lanes == {how["layout"]}
    assert planned(net, 40, train=True, loss=usual_loss(net.graph)).formula_steps == 0


LINES = {
    "excitation": "6x6x2 -> conv3-8 same -> relu -> residual[conv3-8 same -> se4] -> conv3-4 -> relu -> fc10",
    "shuffles": "6x6x2 -> conv3-6 same -> prelu -> shuffle3 -> conv3-6 same groups=3 -> shuffle2 -> "
    "relu -> fc10",
    "maxouts": "6x6x2 -> conv3-9 same -> maxout3 -> maximum[conv3-4 same | conv1-4 -> tanh] -> fc20 -> "
    "maxout2",
    "drops": "6x6x2 -> conv3-4 same -> dropout drop=0.3 maps -> residual[conv3-4 same -> dropout samples] "
    "-> fc10",
    "products": "6x6x2 -> conv3-4 same -> multiply[identity | conv1-4 -> sigmoid | tanh] -> "
    "multiply[identity | maxpool6 -> fc4] -> fc10",
    "a value by itself": "6x6x2 -> conv3-4 same -> multiply[identity | identity] -> fc10",
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("batch", [20, pytest.param(130, marks=pytest.mark.slow)])
@pytest.mark.sample(5)
def test_gradients_are_those_of_the_formulas(name: str, batch: int) -> None:
    net, random = coarse(kitnet.parse(LINES[name]), 2), np.random.default_rng(batch)
    loss = SoftmaxCrossEntropy(0.1)
    x, labels = coarse_images(random, net, batch), random.integers(0, 10, batch)
    want_losses, want = formula_gradient(net, loss, x, labels)
    step = training(net, loss, batch)
    assert step.plan.formula_steps == 0
    losses, _ = step(x, labels, 0)
    np.testing.assert_allclose(losses, want_losses, rtol=1e-5, atol=1e-5)
    assert_gradients_close(step.gradient, want)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_no_bit(threads: int) -> None:
    net = kitnet.parse(LINES["excitation"].replace("relu -> fc10", "prelu -> fc10")).initialise(1)
    random = np.random.default_rng(0)
    x, labels = random.standard_normal((130, 6, 6, 2), np.float32), random.integers(0, 10, 130)
    found = []
    for n in (2, threads):
        step = net.compile(130, "gradient", threads=n)
        step(x, labels, 0)
        found.append(step.gradient.flat.tobytes())
    assert found[0] == found[1]
