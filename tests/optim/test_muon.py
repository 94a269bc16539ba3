"""Muon: directions of filters that are made orthogonal, by the formula and compiled."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from kitnet import parse
from kitnet.base.error import KitnetError
from kitnet.base.spec import Matrix
from kitnet.optim import Averaged, Clipped, Muon, Nesterov
from kitnet.optim.muon import CUBIC, LINEAR, QUINTIC, orthogonal, stretch
from kitnet.train.step import FormulaStep

WIDE = "9x9x3 -> conv3-40 -> relu -> conv5-6 -> tanh -> fc3"  # more filters than inputs, and fewer
GROUPS = "9x9x6 -> conv3-16 table=lenet5 -> relu -> conv3-8 groups=2 -> relu -> fc3"


@pytest.mark.parametrize("shape", [(75, 16), (16, 75), (9, 9), (1, 5)])
def test_singular_vectors_stay_and_values_follow_the_polynomial(shape: tuple[int, int]) -> None:
    """Independently by the singular value decomposition: each value s goes through the scalar polynomial."""
    u = np.random.default_rng(1).standard_normal(shape)
    left, s, right = np.linalg.svd(u, full_matrices=False)
    s = s / np.sqrt((s**2).sum())
    for _ in range(5):
        s = LINEAR * s + CUBIC * s**3 + QUINTIC * s**5
    np.testing.assert_allclose(orthogonal(u), left * s @ right, atol=1e-6)
    assert s.max() < 1.3 and s.min() > 0.3


def test_no_gradient_gives_no_direction() -> None:
    assert not orthogonal(np.zeros((4, 3))).any()


def test_one_step_by_hand() -> None:
    """Filters go along the orthogonal direction, all else along Nesterov's; decay is apart from both."""
    filters = Matrix(4, 2, 3)
    rng = np.random.default_rng(2)
    w, dw, v = rng.standard_normal((3, 12))
    begin, memory = w.copy(), {"velocity": v.copy()}
    Muon(0.1, 0.5, 0.25).apply(w, dw, memory, np.ones(12), 0, [filters])
    velocity = 0.5 * v + dw
    np.testing.assert_allclose(memory["velocity"], velocity)
    u = dw + 0.5 * velocity
    u[4:10] = np.sqrt(3 / 2) * orthogonal(u[4:10].reshape(2, 3)).ravel()
    np.testing.assert_allclose(w, begin - 0.1 * (u + 0.25 * begin))


def test_filters_get_their_length_before_the_step() -> None:
    """As Jordan's code: w becomes sqrt(K) w / |w|, then goes along the orthogonal direction."""
    filters = Matrix(4, 3, 2)
    w, dw = np.random.default_rng(5).standard_normal((2, 12))
    begin = w.copy()
    Muon(0.1, 0.0, steps=3, renorm=1).apply(w, dw, {"velocity": np.zeros(12)}, np.ones(12), 0, [filters])
    inside = begin[4:10] * np.sqrt(2) / np.linalg.norm(begin[4:10])
    np.testing.assert_allclose(w[4:10], inside - 0.1 * orthogonal(dw[4:10].reshape(3, 2), 3).ravel())
    np.testing.assert_allclose(w[:4], begin[:4] - 0.1 * dw[:4])
    filters_of_zeros = np.zeros(12)
    Muon(0.1, renorm=1).apply(
        filters_of_zeros, np.zeros(12), {"velocity": np.zeros(12)}, np.ones(12), 0, [filters]
    )
    assert not filters_of_zeros.any()


@pytest.mark.parametrize(("name", "value"), [("steps", 0), ("steps", 2.5), ("renorm", 2)])
def test_whole_numbers_of_the_rule(name: str, value: float) -> None:
    least, most = {"steps": (1, 20), "renorm": (0, 1)}[name]
    with pytest.raises(KitnetError) as caught:
        Muon(**{name: value})
    assert str(caught.value).startswith(f"{name} {value} is ") and f"{least}" in str(caught.value)
    assert Muon(steps=3.0).steps == 3 and Muon(steps=3).form != Muon().form and str(most)


@pytest.mark.parametrize("around", [lambda rule: rule, lambda rule: Clipped(rule, 1.0)])
def test_without_filters_it_is_nesterovs_rule(around) -> None:
    rng = np.random.default_rng(3)
    ours, theirs = np.ones((2, 8))
    one, two = {"velocity": np.zeros(8)}, {"velocity": np.zeros(8)}
    for step in range(4):
        dw = rng.standard_normal(8) * 10**step
        around(Muon(0.1, 0.5)).apply(ours, dw, one, np.ones(8), step)
        around(Nesterov(0.1, 0.5)).apply(theirs, dw, two, np.ones(8), step)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_filters_of_many_outputs_are_stretched() -> None:
    assert stretch(Matrix(0, 27, 108)) == 2 and stretch(Matrix(0, 108, 27)) == 1


@pytest.mark.parametrize("line", [WIDE, GROUPS])
@pytest.mark.sample(2)
def test_compiled_muon_follows_its_formula_and_threads_change_no_bit(line: str) -> None:
    rng = np.random.default_rng(4)
    net = parse(line)
    x, classes = rng.standard_normal((8, *net.input_shape), np.float32), rng.integers(0, 3, 8)
    found = []
    for threads in (None, 1, 2, 4):
        net = parse(line).initialise(0)
        rule = Averaged(Clipped(Muon(0.02, decay=0.1), 0.5), 0.9)
        memory = {name: net.weights.like() for name in rule.memory}
        step = (
            FormulaStep(net, None, rule, memory)
            if threads is None
            else net.compile(8, "train", rule=rule, threads=threads)
        )
        for number in range(4):
            step(x, classes, number)
        found.append(net.weights.flat.copy())
    np.testing.assert_allclose(found[1], found[0], atol=1e-5)
    assert found[1].tobytes() == found[2].tobytes() == found[3].tobytes()


def test_frozen_filters_stay() -> None:
    net = parse(WIDE).initialise(0)
    before = net.weights["conv1.weight"].copy()
    step = net.compile(4, "train", rule=Muon(0.1, decay=0.5), frozen="conv1")
    step(np.ones((4, 9, 9, 3), np.float32), np.arange(4) % 3, 0)
    np.testing.assert_array_equal(net.weights["conv1.weight"], before)
    assert not any(one.label.startswith("conv1.weight of length") for one in step.plan.steps)


@pytest.mark.parametrize("rule", [Muon(), Muon(renorm=1)])
def test_a_step_that_is_not_finite_changes_nothing(rule: Muon) -> None:
    net = parse(WIDE).initialise(0)
    step, before = net.compile(4, "train", rule=rule), net.weights.flat.copy()
    x = np.full((4, 9, 9, 3), np.inf, np.float32)
    step(x, np.zeros(4, int), 0)
    assert not step.finite
    np.testing.assert_array_equal(net.weights.flat, before)
    assert not step.memory["velocity"].flat.any()


@pytest.mark.parametrize("engine", ["formula", pytest.param("compiled", marks=pytest.mark.slow)])
def test_a_run_goes_on_to_the_same_bits(easy: str, tmp_path, engine: str) -> None:
    from safetensors.numpy import load_file

    from kitnet.train import Settings, Stepped, resume, train

    line = "8x8x1 -> conv3-4 -> relu -> conv3-12 -> relu -> maxpool2 -> fc10"
    told = Settings(line, easy, epochs=2, batch=16, optimizer="muon", runs=str(tmp_path), engine=engine)
    whole, stop = list(train(told))[-1], threading.Event()
    for event in train(told, stop):
        if isinstance(event, Stepped) and (event.epoch, event.step) == (2, 3):
            stop.set()
    last = list(resume(event.folder))[-1]
    one, two = (load_file(max(run.folder.glob("checkpoint-*"))) for run in (whole, last))
    assert one.keys() == two.keys() and all(one[name].tobytes() == two[name].tobytes() for name in one)
    assert whole.summary["optimizer"] == "muon" and whole.summary["lr"] == 0.02
