"""Learning rates by step, against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kitnet import parse
from kitnet.base.error import KitnetError
from kitnet.optim import Cosine, Drops, Linear, OneCycle, Schedule, Sgd


def rates(schedule: Schedule, count: int) -> list[float]:
    return [schedule.at(step) for step in range(count)]


def test_linear() -> None:
    assert rates(Linear(1.0, steps=5, final=0.2), 7) == pytest.approx([1, 0.8, 0.6, 0.4, 0.2, 0.2, 0.2])


def test_cosine() -> None:
    r = math.sqrt(0.5)
    found = rates(Cosine(2.0, steps=5), 6)
    assert found == pytest.approx([2, 1 + r, 1, 1 - r, 0, 0], abs=1e-15)


def test_warmup_ends_at_the_rate() -> None:
    assert rates(Linear(1.0, steps=7, warmup=4), 7) == pytest.approx([0.25, 0.5, 0.75, 1, 1, 0.5, 0])


def test_one_cycle_rises_and_falls() -> None:
    found = rates(OneCycle(1.0, steps=9, rise=0.5, first=0.2, final=0.1), 9)
    assert found[:5] == pytest.approx([0.2, 0.6 - 0.4 * math.sqrt(0.5), 0.6, 0.6 + 0.4 * math.sqrt(0.5), 1])
    assert found[6] == pytest.approx(0.55)
    assert found[8] == pytest.approx(0.1)


def test_drops() -> None:
    found = rates(Drops(0.5, (2, 4), factor=0.1, warmup=1), 6)
    assert found == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.005, 0.005])


def test_a_rule_takes_a_schedule_for_its_rate_compiled_or_not() -> None:
    x, classes = np.random.default_rng(0).standard_normal((4, 5, 5, 1), np.float32), np.arange(4) % 3
    net = parse("5x5x1 -> fc3")
    net.initialise(0)
    step = net.compile(4, "train", rule=Sgd(Drops(0.5, (1,), factor=0.25), momentum=0))
    for number, rate in enumerate((0.5, 0.125)):
        before = net.weights.flat.copy()
        step(x, classes, number)
        np.testing.assert_allclose(before - net.weights.flat, rate * step.gradient.flat, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Cosine(0.0), "a learning rate of 0 is not possible; use a number above 0"),
        (lambda: Cosine(0.1, 0), "steps 0 is not possible; use 1 or more"),
        (lambda: Linear(0.1, 10, warmup=10), "a warmup of 10 of 10 steps leaves none; use fewer"),
        (lambda: Linear(0.1, 10, final=-1), "a final learning rate of -1 is not possible; use 0 or more"),
        (lambda: OneCycle(rise=1), "a rise of 1 is not possible; use a number above 0, and less than 1"),
        (
            lambda: Drops(0.1, (4, 2)),
            "the steps of drops are rising whole numbers such as (300, 400), not (4, 2)",
        ),
        (lambda: Drops(0.1, (0,)), "the step of a drop 0 is not possible; use 1 or more"),
        (
            lambda: Sgd(momentum=Cosine()),
            "a momentum of Cosine(rate=0.05, steps=1000, final=0.0, warmup=0) is no number; "
            "use one such as 0.1",
        ),
    ],
)
def test_bad_values(make, text: str) -> None:
    with pytest.raises(KitnetError) as caught:
        make()
    assert str(caught.value) == text
