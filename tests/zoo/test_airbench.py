"""The network that learns CIFAR-10 in 200 steps, and its recipe beside the author's numbers."""

from __future__ import annotations

import numpy as np

from kitnet.optim import Nesterov
from kitnet.train import Settings
from kitnet.train.recipe import complete, rule_of, usual
from kitnet.zoo import find, find_recipe

BATCH, STEPS_AN_EPOCH, EPOCHS = 2000, 25, 8
BIAS, HEAD, DECAY, MOMENTUM = 0.053, 0.67, 2e-6 * BATCH, 0.85  # of the author's code


def rule():
    settings, recipe = usual(Settings(model="airbench.cifar10"), *find_recipe("airbench.cifar10"))
    return rule_of(complete(settings, recipe), STEPS_AN_EPOCH)


def theirs(w, gradient, rate, steps, last):
    """PyTorch's SGD with Nesterov's momentum on the sum over a batch, its rate falling until step `last`."""
    v = np.zeros_like(w)
    for step in range(steps):
        g = BATCH * gradient(w) + DECAY / rate * w
        v = MOMENTUM * v + g
        w = w - rate * (1 - step / last) * (g + MOMENTUM * v)
    return w


def ours(rule, w, gradient, steps):
    memory = {"velocity": np.zeros_like(w)}
    for step in range(steps):
        rule.apply(w, gradient(w), memory, np.ones_like(w), step)
    return w


def test_the_last_layer_learns_as_the_authors() -> None:
    """His weights are 16 times these, and his scores those over 256: both give the same scores, step by
    step."""
    net, rng = find("airbench").build(), np.random.default_rng(3)
    (member,) = [one for one in rule().members(net.weights.params) if one.paths == ("fc1.weight",)]
    x, target = rng.standard_normal((8, 16)), rng.standard_normal(8) / 1e4
    w = rng.standard_normal(16)
    slope = 1e-3  # of a loss that is a square, so that the gradient depends on the weights
    want = theirs(w, lambda w: slope * x.T @ (x @ w / 256 - target) / 256, HEAD, 12, STEPS_AN_EPOCH * EPOCHS)
    found = ours(member.rule, w / 16, lambda w: slope * x.T @ (x @ w / 16 - target) / 16, 12)
    np.testing.assert_allclose(x @ found / 16, x @ want / 256, rtol=2e-3)
    assert np.abs(found * 16 - w).max() > 0.01


def test_biases_learn_as_the_authors_and_the_first_only_three_epochs() -> None:
    net, rng = find("airbench").build(), np.random.default_rng(4)
    members = rule().members(net.weights.params)
    w, slopes = rng.standard_normal(16), rng.uniform(1e-6, 1e-5, 16)
    for path, epochs in (("conv1.bias", 3), ("block2.batchnorm1.shift", 8)):
        (member,) = [one for one in members if path in one.paths]
        assert isinstance(member.rule, Nesterov)
        want = theirs(w, lambda w: slopes * w, BIAS, 20, epochs * STEPS_AN_EPOCH)
        np.testing.assert_allclose(ours(member.rule, w.copy(), lambda w: slopes * w, 20), want, rtol=0.02)
        rates = [member.rule.scalars(step)["rate"] for step in range(200)]
        assert [step for step, rate in enumerate(rates) if rate][-1] == epochs * STEPS_AN_EPOCH - 2


def test_filters_follow_muon_and_the_whitening_filters_and_scales_stay() -> None:
    net = find("airbench").build()
    rest, *others = rule().members(net.weights.params)
    assert rest.paths == tuple(f"block{i}.conv{j}.weight" for i in (1, 2, 3) for j in (1, 2))
    assert (rest.rule.steps, rest.rule.renorms, rest.rule.momentum) == (3, True, 0.6)
    assert rest.rule.scalars(0)["rate"] == 0.24 and not rest.rule.scalars(0)["decay"]
    held = [path for one in others if not one.rule.memory for path in one.paths]
    assert held == ["conv1.weight", *(p for p in net.weights.params if p.endswith(".scale"))]


def test_the_network_begins_with_filters_that_hand_on_channels() -> None:
    net = find("airbench").build().initialise(0)
    first = net.weights["block1.conv1.weight"]
    want = np.zeros((3, 3, 24, 24))
    want[1, 1] = np.eye(24)
    np.testing.assert_array_equal(first[..., :24], want)
    assert np.abs(first[..., 24:]).max() <= (9 * 24) ** -0.5 and first[..., 24:].std() > 0.035
