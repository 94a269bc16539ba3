"""What the layers of a plan take, forward and backward."""

import numpy as np
import pytest

import kitnet
from kitnet.engine import TrainingStep
from kitnet.kernels.clock import Clock
from kitnet.kernels.cpu import detect
from kitnet.net.times import BACKWARD, FORWARD, UPDATE
from kitnet.optim import Sgd
from kitnet.train.step import FormulaStep

LINE = "8x8x1 -> conv3-8 same -> relu -> maxpool2 -> fc10"
X = np.random.default_rng(0).standard_normal((24, 8, 8, 1), np.float32)


def stepped(step, times):
    for number in range(3):
        if times:
            step.time_next()
        step(X, np.arange(24) % 10, number)
    return step


@pytest.mark.parametrize("threads", [1, 2])
def test_a_timed_step_is_the_same_step(threads):
    """Bit by bit; its parts are those of the layers, and come to the whole."""
    nets = [kitnet.parse(LINE).initialise(0) for _ in range(2)]
    plain, timed = (
        stepped(TrainingStep(net, None, 24, Sgd(), threads=threads), times)
        for net, times in zip(nets, (False, True), strict=True)
    )
    assert (nets[0].weights.flat == nets[1].weights.flat).all()
    assert plain.times is None
    times = timed.times
    assert times.samples == 24 and set(times.ways) == {FORWARD, BACKWARD, UPDATE}
    assert all(took > 0 for took in times.ways.values()) and all(took >= 0 for took in times.layers.values())
    for way, took in times.ways.items():
        assert sum(one for (_, each), one in times.layers.items() if each == way) == pytest.approx(took)
    for path in ("conv1", "maxpool1", "fc1"):
        assert times.layers[path, FORWARD] > 0 and times.layers[path, BACKWARD] > 0
    assert not {path for path, _ in times.layers} - {"", *(node.path for node in timed.plan.graph.nodes)}


def test_only_the_next_step_is_timed():
    step = TrainingStep(kitnet.parse(LINE).initialise(0), None, 24, Sgd(), threads=1)
    step.time_next()
    step(X, np.arange(24) % 10, 0)
    first = step.times
    step(X, np.arange(24) % 10, 1)
    assert step.times is first is not None


def test_a_layer_that_takes_longer_has_the_longer_time():
    net = kitnet.parse("8x8x1 -> conv3-64 same -> relu -> conv3-64 same -> fc10").initialise(0)
    times = stepped(TrainingStep(net, None, 24, Sgd(), threads=1), True).times
    for way in (FORWARD, BACKWARD):  # 64 times as many products
        assert times.layers["conv2", way] > 3 * times.layers["conv1", way]


def test_formulas_are_timed_by_way():
    net = kitnet.parse(LINE).initialise(0)
    step = FormulaStep(net, None, Sgd(), {"velocity": net.weights.like()})
    assert step.times is None
    times = stepped(step, True).times
    assert times.samples == 24 and times.layers == {}
    assert all(took > 0 for took in times.ways.values()) and len(times.ways) == 3


def test_a_processor_without_a_clock_tells_no_times(monkeypatch):
    from dataclasses import replace

    from kitnet.kernels import clock

    assert "add i64 0, 0" in Clock(replace(detect(), architecture="riscv64")).text
    monkeypatch.setattr(clock, "load", lambda: Clock(replace(detect(), architecture="riscv64")))
    step = TrainingStep(kitnet.parse(LINE).initialise(0), None, 24, Sgd(), threads=1)
    assert stepped(step, True).times is None
