"""The two layers of variational autoencoders: a draw with gradients, and the divergence of its distribution;
and an autoencoder without pools that learns digits."""

from __future__ import annotations

import math

import numpy as np
import pytest

import kitnet
from kitnet.base.error import ShapeError
from kitnet.data import load
from kitnet.layers import Context, GaussianDivergence, GaussianDraw, SigmoidCrossEntropy
from kitnet.optim import Adam

TRAINING = Context(train=True, seed=5)


def test_the_draws_have_the_mean_and_the_variance_that_are_given():
    mean, log_variance = np.array([-1.0, 0.0, 3.0]), np.log([0.25, 1.0, 4.0])
    x = np.tile(np.concatenate([mean, log_variance]), (20_000, 1))
    y = GaussianDraw().forward({}, {}, TRAINING, x).y
    np.testing.assert_allclose(y.mean(0), mean, atol=5 * 2 / math.sqrt(20_000))
    np.testing.assert_allclose(y.var(0), np.exp(log_variance), rtol=0.05)
    standard = (y - mean) / np.exp(log_variance / 2)
    within = [0.6827, 0.9545, 0.9973]  # of a normal distribution, by one, two and three deviations
    np.testing.assert_allclose([(abs(standard) < k).mean() for k in (1, 2, 3)], within, atol=0.008)
    assert abs(np.corrcoef(standard.T) - np.eye(3)).max() < 0.03


def test_evaluation_gives_the_mean_and_no_gradient_to_the_variance():
    x = np.arange(8.0).reshape(2, 4)
    layer = GaussianDraw()
    made = layer.forward({}, {}, Context(), x)
    np.testing.assert_array_equal(made.y, [[0, 1], [4, 5]])
    assert (made.extras["slope"] == 0).all()


def test_halves_are_read_from_an_even_depth():
    with pytest.raises(ShapeError) as caught:
        GaussianDraw().output_shape((4, 4, 3))
    assert caught.value.reason == "means and as many log variances are read from the depth, but 4x4x3 has 3"
    with pytest.raises(ShapeError):
        GaussianDivergence().target_shape((5,))


def test_the_divergence_is_the_integral():
    """Of p log(p / q) with p = N(0.5, 4) and q = N(-1, 0.25), by a fine sum."""
    z = np.linspace(-40, 40, 400_001)

    def density(mean, variance):
        return np.exp(-((z - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)

    def log_density(mean, variance):
        return -((z - mean) ** 2) / (2 * variance) - math.log(2 * math.pi * variance) / 2

    want = (density(0.5, 4) * (log_density(0.5, 4) - log_density(-1, 0.25))).sum() * (z[1] - z[0])
    scores, target = np.array([[0.5, math.log(4)]]), np.array([[-1.0, math.log(0.25)]])
    assert GaussianDivergence().forward({}, {}, Context(), scores, target).y == pytest.approx(want, rel=1e-9)
    assert GaussianDivergence().forward({}, {}, Context(), scores, scores).y == 0


LINE = (
    "8x8x1 -> conv4-32/2 pad=1 -> relu -> conv4-16 => code -> gaussiandraw -> transposed4-32 -> relu "
    "-> transposed4-32/2 pad=1 -> relu -> conv3-1 same => image"
)


@pytest.mark.slow
def test_an_autoencoder_learns_digits_in_a_loop_of_ones_own():
    """It tells an unseen digit better than the mean of all images does, and draws new ones."""
    pytest.importorskip("llvmlite")
    digits = load("digits")
    train, test = ((part.images / 255).astype(np.float32) for part in (digits.train, digits.test))
    net = kitnet.parse(LINE).initialise(0)
    losses = {"image": SigmoidCrossEntropy(), "code": GaussianDivergence()}
    step = net.compile(64, "train", loss=losses, rule=Adam(3e-3), target="values")
    random, prior = np.random.default_rng(0), np.zeros((64, 1, 1, 16), np.float32)
    for number in range(12 * 22):
        x = train[random.choice(len(train), 64, replace=False)]
        step(x, {"image": x, "code": prior}, number)
    found = net(test)
    cost = SigmoidCrossEntropy().forward({}, {}, Context(), found["image"], test).y.mean()
    mean = np.clip(train.mean(0), 1e-3, 1 - 1e-3)
    usual = -(test * np.log(mean) + (1 - test) * np.log(1 - mean)).sum((1, 2, 3)).mean()
    assert cost < usual - 3
    divergence = GaussianDivergence().forward({}, {}, Context(), found["code"], 0 * found["code"]).y.mean()
    assert 1 < divergence < 10
