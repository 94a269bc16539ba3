"""Every rule against its published recurrence, written once more for one number in float64, and compiled."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kitnet import parse
from kitnet.base.error import KitnetError
from kitnet.kernels.cpu import detect
from kitnet.kernels.jit import build
from kitnet.kernels.update import LINE, follow, head
from kitnet.optim import RULES, Adagrad, Adam, AdamW, Nesterov, RmsProp, Rule, Sgd, rule_by_name
from kitnet.train.step import FormulaStep

GRADIENTS = [0.5, -1.25, 0.75, 2.0]
W, DECAY = 1.5, 0.125


def followed(rule: Rule) -> list[float]:
    w, ones = np.array([W]), np.ones(1)
    memory = {name: np.zeros(1) for name in rule.memory}
    seen = []
    for step, g in enumerate(GRADIENTS):
        rule.apply(w, np.array([g]), memory, ones, step)
        seen.append(w[0])
    return seen


def test_nesterov() -> None:
    """In the form with a look-ahead: the gradient is that of theta + momentum * v (Sutskever et al. 2013,
    equations 3 and 4), and w is the place of the look-ahead."""
    rate, momentum, theta, v, found = 0.1, 0.5, W, 0.0, []
    for g in GRADIENTS:
        ahead = theta + momentum * v  # where the gradient was taken: kitnet's w
        v = momentum * v - rate * (g + DECAY * ahead)
        theta = theta + v
        found.append(theta + momentum * v)
    np.testing.assert_allclose(followed(Nesterov(rate, momentum, DECAY)), found, rtol=1e-13)


def test_adagrad() -> None:
    w, past, found = W, [], []
    for g in GRADIENTS:
        past.append(g + DECAY * w)
        w -= 0.1 * past[-1] / (math.sqrt(sum(each**2 for each in past)) + 1e-3)
        found.append(w)
    np.testing.assert_allclose(followed(Adagrad(0.1, DECAY, 1e-3)), found, rtol=1e-13)


def test_rmsprop() -> None:
    w, past, found = W, [], []
    for t, g in enumerate(GRADIENTS, 1):
        past.append(g + DECAY * w)
        mean = sum(0.25 * 0.75 ** (t - 1 - i) * each**2 for i, each in enumerate(past))
        w -= 0.1 * past[-1] / (math.sqrt(mean) + 1e-3)
        found.append(w)
    np.testing.assert_allclose(followed(RmsProp(0.1, 0.75, DECAY, 1e-3)), found, rtol=1e-13)


@pytest.mark.parametrize("rule", [Adam, AdamW])
def test_adam(rule: type[Adam | AdamW]) -> None:
    """The corrected means are weighted means of all gradients so far, whose weights add up to 1."""

    def mean(past: list[float], beta: float) -> float:
        weights = [beta ** (len(past) - 1 - i) for i in range(len(past))]
        return sum(w * each for w, each in zip(weights, past, strict=True)) / sum(weights)

    w, past, found = W, [], []
    for g in GRADIENTS:
        past.append(g + DECAY * w if rule is Adam else g)
        direction = mean(past, 0.75) / (math.sqrt(mean([each**2 for each in past], 0.5)) + 1e-3)
        w -= 0.1 * (direction if rule is Adam else direction + DECAY * w)
        found.append(w)
    np.testing.assert_allclose(followed(rule(0.1, 0.75, 0.5, DECAY, 1e-3)), found, rtol=1e-13)


def test_the_first_step_of_adam_has_the_length_of_the_rate() -> None:
    w, memory = np.array([3.0, -2.0]), {"mean": np.zeros(2), "squares": np.zeros(2)}
    Adam(0.01).apply(w, np.array([1e-3, -7.0]), memory, np.ones(2), 0)
    np.testing.assert_allclose(w, [2.99, -1.99], rtol=1e-5)


@pytest.mark.parametrize("word", RULES)
def test_the_kernel_gives_the_bits_of_the_formula(word: str) -> None:
    rule, rng, size = RULES[word](), np.random.default_rng(3), 3 * LINE
    names, more = list(rule.scalars(0)), {}
    how = {"orthogonal": bool(rule.orthogonal_steps)}
    kernels = [follow("update", detect(), size, rule.memory, names, rule.update, **how)]
    if bool(rule.orthogonal_steps):
        kernels.append(head("heading", detect(), size, rule.memory, names, rule.heading))
        more["orthogonal"] = np.zeros(size, np.float32)
    code, *first = build(kernels)
    w = rng.standard_normal(size, np.float32)
    held = {f"memory_{name}": np.zeros(size, np.float32) for name in rule.memory}
    want, memory = w.copy(), {name: np.zeros(size, np.float32) for name in rule.memory}
    decays = np.array([1, 0, 1], np.float32)
    for step in range(3):
        dw = rng.standard_normal(size, np.float32)
        rates = np.array(list(rule.scalars(step).values()), np.float32)
        rule.apply(want, dw, memory, np.repeat(decays, LINE), step)
        for one in first:
            one(dw=dw, **held, rates=rates, y=more["orthogonal"])
        code(w=w, dw=dw, **held, decays=decays, rates=rates, trouble=np.zeros(1, np.float32), **more)
        np.testing.assert_array_equal(w, want)
        for name in rule.memory:
            np.testing.assert_array_equal(held[f"memory_{name}"], memory[name])


@pytest.mark.parametrize("word", RULES)
def test_compiled_training_follows_the_formulas(word: str) -> None:
    rng, losses = np.random.default_rng(4), []
    x, classes = rng.standard_normal((8, 6, 6, 1), np.float32), rng.integers(0, 3, 8)
    for compiled in (False, True):
        net, rule = parse("6x6x1 -> conv3-4 -> tanh -> fc3"), RULES[word](0.01)
        net.initialise(0)
        memory = {name: net.weights.like() for name in rule.memory}
        step = net.compile(8, "train", rule=rule) if compiled else FormulaStep(net, None, rule, memory)
        losses.append([float(step(x, classes, i)[0].mean()) for i in range(10)])
    assert losses[0][-1] < losses[0][0]
    np.testing.assert_allclose(*losses, rtol=1e-4)


def test_rules_of_one_form_share_a_kernel() -> None:
    assert Adam(0.1).form == Adam(0.2, 0.5).form
    assert len({RULES[word]().form for word in RULES}) == len(RULES)


@pytest.mark.parametrize(
    ("rule", "values", "text"),
    [
        (Adam, {"beta1": 1}, "a beta1 of 1 is not possible; use 0 or more, and less than 1"),
        (AdamW, {"beta2": -0.5}, "a beta2 of -0.5 is not possible; use 0 or more, and less than 1"),
        (Adagrad, {"eps": 0}, "an eps of 0 is not possible; use a number above 0"),
        (RmsProp, {"keep": float("nan")}, "a keep of nan is not possible; use 0 or more, and less than 1"),
        (Nesterov, {"rate": "x"}, "a learning rate of 'x' is no number; use one such as 0.1"),
    ],
)
def test_bad_values(rule: type[Rule], values: dict[str, object], text: str) -> None:
    with pytest.raises(KitnetError) as caught:
        rule(**values)
    assert str(caught.value) == text


def test_words() -> None:
    assert rule_by_name("adamw") is AdamW
    assert rule_by_name("sgd") is Sgd
    with pytest.raises(KitnetError) as caught:
        rule_by_name("adan")
    assert str(caught.value) == (
        "unknown optimizer 'adan' (did you mean 'adam'?); known: sgd, nesterov, adagrad, rmsprop, adam, "
        "adamw, muon"
    )
