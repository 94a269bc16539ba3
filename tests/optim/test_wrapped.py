"""Gradients clipped before a rule, and weights averaged after it."""

from __future__ import annotations

import numpy as np
import pytest

from kitnet import parse
from kitnet.base.error import KitnetError
from kitnet.optim import RULES, Adam, Averaged, Clipped, Cosine, RmsProp, Rule, Sgd
from kitnet.train.step import FormulaStep


def steps(rule: Rule, gradients: list[list[float]]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Weights that begin at 0, after each gradient, and the memory."""
    w, seen = np.zeros(len(gradients[0])), []
    memory = {name: np.zeros_like(w) for name in rule.memory}
    for step, dw in enumerate(gradients):
        rule.apply(w, np.array(dw), memory, np.ones_like(w), step)
        seen.append(w.copy())
    return np.array(seen), memory


def test_a_long_gradient_is_shortened_as_a_whole() -> None:
    found, _ = steps(Clipped(Sgd(1.0, 0), 2.0), [[3, 4], [0.3, 0.4], [0, 0]])
    np.testing.assert_allclose(found, [[-1.2, -1.6], [-1.5, -2], [-1.5, -2]], rtol=1e-14)


def test_the_average_is_the_mean_at_first_and_then_forgets() -> None:
    found, memory = steps(Averaged(Sgd(1.0, 0), 0.75), [[-1.0], [-2.0], [-3.0]])
    np.testing.assert_array_equal(found[:, 0], [1, 3, 6])
    assert memory["average"][0] == pytest.approx((1 + 3 + 6) / 3)
    found, memory = steps(Averaged(Sgd(1.0, 0), 0.5), [[-1.0], [-2.0], [-3.0], [-4.0]])
    assert memory["average"][0] == 0.5 * (0.5 * (0.5 * 1 + 0.5 * 3) + 0.5 * 6) + 0.5 * 10


def test_both_around_a_rule() -> None:
    rule = Averaged(Clipped(RmsProp(Cosine(0.1, 10)), 0.5), 0.9)
    assert rule.memory == ("squares", "average") and rule.reads_norm
    assert rule.form == Averaged(Clipped(RmsProp(0.3, keep=0.5), 2.0)).form
    assert rule.form != Averaged(Clipped(Adam())).form != Averaged(Adam()).form
    assert Clipped(rule.rule).rule == rule.rule
    assert rule.scalars(0)["keep"] == 0.9 and rule.scalars(0)["average_keep"] == 0


LINE = "6x6x1 -> conv3-4 -> tanh -> fc3"


Trained = tuple[np.ndarray, dict[str, np.ndarray], bool]  # weights, memory, whether the last step was finite


def trained(rule: Rule, compiled: bool, scale: float = 1, line: str = LINE) -> Trained:
    rng = np.random.default_rng(4)
    x, classes = rng.standard_normal((8, 6, 6, 1), np.float32) * np.float32(scale), rng.integers(0, 3, 8)
    net = parse(line).initialise(0)
    memory = {name: net.weights.like() for name in rule.memory}
    step = net.compile(8, "train", rule=rule) if compiled else FormulaStep(net, None, rule, memory)
    for number in range(4):
        step(x, classes, number)
    kept = step.memory if compiled else memory
    return net.weights.flat, {name: held.flat for name, held in kept.items()}, step.finite


@pytest.mark.parametrize("word", RULES)
@pytest.mark.sample(6)
def test_compiled_training_follows_the_formulas(word: str) -> None:
    """The clip is far below the length of the gradients, so that every step is of its length."""
    rule = Averaged(Clipped(RULES[word](0.01), 0.01), 0.5)
    (w, memory, _), (found, kept, _) = trained(rule, False), trained(rule, True)
    assert (w != trained(rule.rule.rule, False)[0]).any()
    np.testing.assert_allclose(found, w, rtol=1e-4, atol=1e-6)
    for name, array in memory.items():
        np.testing.assert_allclose(kept[name], array, rtol=1e-3, atol=1e-6, err_msg=name)


def test_threads_change_no_bit_of_a_clipped_step() -> None:
    found = []
    for threads in (1, 2, 4):
        net = parse("16x16x3 -> conv3-16 same -> relu -> fc10").initialise(0)
        step = net.compile(8, "train", rule=Clipped(Sgd(0.1), 0.1), threads=threads)
        rng = np.random.default_rng(1)
        step(rng.standard_normal((8, 16, 16, 3), np.float32), np.arange(8), 0)
        found.append(net.weights.flat.tobytes())
    assert len(set(found)) == 1


@pytest.mark.parametrize("compiled", [False, True])
def test_a_gradient_whose_squares_are_too_large_is_shortened(compiled: bool) -> None:
    """Its length is a number of float32, the sum of its squares is none. The step has the length 0.1."""
    line = "6x6x1 -> fc3 init=zeros"
    net = parse(line).initialise(0)
    rng = np.random.default_rng(4)
    x, classes = rng.standard_normal((8, 6, 6, 1), np.float32) * np.float32(1e30), rng.integers(0, 3, 8)
    rule = Clipped(Sgd(0.1, 0))
    step = (
        net.compile(8, "train", rule=rule)
        if compiled
        else FormulaStep(net, None, rule, {"velocity": net.weights.like()})
    )
    step(x, classes, 0)
    assert step.finite
    w, dw = (array.astype(np.float64) for array in (net.weights.flat, step.gradient.flat))
    assert np.sqrt((dw**2).sum()) > 1e28
    np.testing.assert_allclose(w, -0.1 * dw / np.sqrt((dw**2).sum()), rtol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_gradient_that_is_too_long_for_a_number_changes_nothing(compiled: bool) -> None:
    net = parse("32x32x1 -> fc3 init=zeros").initialise(0)
    x = np.full((1, 32, 32, 1), 3e38, np.float32)
    rule = Clipped(Sgd(0.1))
    memory = {"velocity": net.weights.like()}
    step = net.compile(1, "train", rule=rule) if compiled else FormulaStep(net, None, rule, memory)
    step(x, np.zeros(1, int), 0)
    assert np.isfinite(step.gradient.flat).all() and not step.finite
    assert not net.weights.flat.any()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Clipped(Sgd(), 0), "a clip of 0 is not possible; use a number above 0"),
        (
            lambda: Averaged(Sgd(), 1),
            "an average of 1 is not possible; use 0 or more, and less than 1",
        ),
        (lambda: Averaged(Averaged()), "weights are averaged once; leave one Averaged out"),
        (
            lambda: Clipped("adam"),
            "rule: expected an update rule such as Sgd(0.05), but got 'adam'",
        ),
    ],
)
def test_bad_values(make, text: str) -> None:
    with pytest.raises(KitnetError) as caught:
        make()
    assert str(caught.value) == text
