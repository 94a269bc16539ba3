"""Where a plan takes Fourier transforms, that it agrees with the formulas, and why it does not take them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from plans import EPS, assert_right_with_and_without, formula_gradient, ids, planned, training

import kitnet
from kitnet.engine import Scores, wishes_of
from kitnet.kernels.cpu import detect
from kitnet.net import usual_loss

# tanh and not relu: a rounding that turns a zero's sign would change the gradient by more than a rounding
LARGE = (
    "19x17x3 -> conv5-32 -> tanh -> residual[conv7-16 same -> tanh -> conv5x3-32 same] -> conv7-33 pad=3 "
    "-> meanpool3 floor -> fc5"
)


@pytest.mark.parametrize("batch", [2, pytest.param(70, marks=pytest.mark.slow)])
def test_large_windows_take_it_and_agree_with_the_formulas(batch: int) -> None:
    net = kitnet.parse(LARGE).initialise(1)
    with_it, without = assert_right_with_and_without("fourier", net, batch, 400)
    assert "conv.fourier.images" in with_it[1:2] and "conv.fourier.images" in with_it[3:]
    assert "conv.fourier.images" not in without


def test_threads_change_no_bit() -> None:
    net = kitnet.parse(LARGE).initialise(2)
    x = np.random.default_rng(0).standard_normal((33, *net.input_shape), np.float32)
    loss = usual_loss(net.graph)
    one, two = (Scores(net, loss, 33, threads=threads)(x) for threads in (1, 3))
    np.testing.assert_array_equal(one, two)


REFUSED = {
    "16x16x32 -> conv7-32/2 same": "only for stride 1 and dilation 1",
    "16x16x32 -> conv7-32 same groups=2": "only without groups; the layer has 2",
    "8x16x16x8 -> conv5-8 same": "only for planes",
    "90x90x1 -> conv70-1": "only for windows below 64x64",
    "28x28x1 -> conv5-6": "an estimated 0.57 times as fast as the direct sum; taken from 1.5 on",
    "9x9x400 -> conv7-800 same": "the filters' spectra would take 87 MB",
    "16x16x32 -> conv7-32 same": None,
}


@pytest.mark.parametrize("line", REFUSED)
def test_why_it_is_not_taken(line: str) -> None:
    net = kitnet.parse(f"{line} -> fc3")
    cpu = replace(detect(), lanes=16, registers=32)  # the estimates are for these
    plan = planned(net, 16, cpu=cpu, loss=usual_loss(net.graph), train=False)
    reasons = {r.id: r.reason for r in plan.choices[0].refusals}
    assert reasons.get("conv.fourier.images") == REFUSED[line]


def test_an_option_forces_what_would_be_slower() -> None:
    net = kitnet.parse("16x16x8 -> conv3-6 same -> conv4-4/2").initialise(1)
    forced = planned(net, 16, loss=None, train=False, wishes=wishes_of(force=["fourier"]))
    assert ids(forced) == ["conv.fourier.images", "conv.direct.images"]
    x = np.random.default_rng(0).standard_normal((20, 16, 16, 8), np.float32)
    want = net(x)
    got = net.compile(16, force=["fourier"])(x)
    np.testing.assert_allclose(got, want, rtol=0, atol=400 * EPS * np.abs(want).max())


def test_packed_filters_and_long_linear_layers_agree_with_the_formulas() -> None:
    random = np.random.default_rng(0)
    net = kitnet.parse("9x8x32 -> conv3-64/2 same -> tanh -> fc220 -> tanh -> fc5").initialise(1)
    loss = usual_loss(net.graph)
    x, labels = random.standard_normal((21, *net.input_shape), np.float32), random.integers(0, 5, 21)
    want_losses, want = formula_gradient(net, loss, x, labels)
    step = training(net, loss, 21)
    labels_of = [each.label for each in step.plan.steps]
    assert "conv1 packed" in labels_of
    losses, _ = step(x, labels, 0)
    np.testing.assert_allclose(losses, want_losses, rtol=0, atol=400 * EPS * want_losses.max())
    for path in want:
        scale = float(np.abs(want[path]).max())
        np.testing.assert_allclose(step.gradient[path], want[path], rtol=0, atol=400 * EPS * scale)
