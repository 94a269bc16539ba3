"""The update rule against steps computed by hand."""

import numpy as np
import pytest

from kitnet.base.error import KitnetError
from kitnet.optim import Sgd


def steps(rule, w, gradients, decayed=None):
    """The weights after each gradient, from a velocity of 0."""
    w = np.array(w, np.float64)
    decayed = np.ones_like(w) if decayed is None else np.array(decayed, np.float64)
    memory = {name: np.zeros_like(w) for name in rule.memory}
    seen = []
    for dw in gradients:
        rule.apply(w, np.array(dw, np.float64), memory, decayed, len(seen))
        seen.append(w.copy())
    return np.array(seen)


def test_two_steps_with_momentum():
    # v = 0.5, w = 1 - 0.05; v = 0.45 + 0.25, w = 0.95 - 0.07
    np.testing.assert_allclose(steps(Sgd(0.1, 0.9), [1], [[0.5], [0.25]]), [[0.95], [0.88]], rtol=1e-14)


def test_the_rate_scales_the_velocity_as_a_whole():
    """After a change of rate the whole velocity is scaled anew, not only what is added to it."""
    w, memory, ones = np.zeros(1), {"velocity": np.zeros(1)}, np.ones(1)
    Sgd(1, 0.5).apply(w, np.ones(1), memory, ones, 0)
    assert w[0] == -1
    Sgd(0.125, 0.5).apply(w, np.zeros(1), memory, ones, 1)
    assert w[0] == -1 - 0.125 * 0.5


def test_momentum_0_forgets_the_velocity():
    w, memory = np.array([1.0, 2.0]), {"velocity": np.array([1e30, -1e30])}
    Sgd(0.25, 0).apply(w, np.array([2.0, 4.0]), memory, np.ones(2), 0)
    np.testing.assert_array_equal(w, [0.5, 1.0])


def test_plain_descent_of_a_bowl_shrinks_geometrically():
    """w^2/2 has the gradient w, so each step multiplies w by 1 - rate."""
    w, memory = np.array([3.0]), {"velocity": np.zeros(1)}
    for _ in range(20):
        Sgd(0.1, 0).apply(w, w.copy(), memory, np.ones(1), 0)
    np.testing.assert_allclose(w, 3 * 0.9**20, rtol=1e-13)


def test_decay_pulls_only_where_the_mask_is_1():
    found = steps(Sgd(0.5, 0.5, 0.1), [2, 2], [[0, 0], [0, 0]], decayed=[1, 0])
    # v = 0.2, w = 1.9; v = 0.1 + 0.19, w = 1.9 - 0.145
    np.testing.assert_allclose(found, [[1.9, 2], [1.755, 2]], rtol=1e-14)


def test_it_works_in_place_and_keeps_the_type():
    w, memory = np.ones(4, np.float32), {"velocity": np.zeros(4, np.float32)}
    whole, velocity, dw, mask = w, memory["velocity"], np.ones(4, np.float32), np.ones(4, np.float32)
    Sgd(0.5, 0.9, 0.25).apply(w, dw, memory, mask, 0)
    assert whole is w and memory["velocity"] is velocity
    assert w.dtype == velocity.dtype == np.float32
    np.testing.assert_array_equal(w, np.full(4, 1 - 0.5 * 1.25, np.float32))
    np.testing.assert_array_equal(dw, 1)
    np.testing.assert_array_equal(mask, 1)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"rate": 0}, "a learning rate of 0 is not possible; use a number above 0"),
        ({"rate": -0.5}, "a learning rate of -0.5 is not possible; use a number above 0"),
        ({"rate": float("nan")}, "a learning rate of nan is not possible; use a number above 0"),
        ({"rate": float("inf")}, "a learning rate of inf is not possible; use a number above 0"),
        ({"rate": "a"}, "a learning rate of 'a' is no number; use one such as 0.1"),
        ({"rate": True}, "a learning rate of True is no number; use one such as 0.1"),
        ({"rate": 1e39}, "a learning rate of 1e+39 is too large for float32; use a smaller one"),
        ({"decay": 10**40}, f"a weight decay of {10**40} is too large for float32; use a smaller one"),
        ({"momentum": None}, "a momentum of None is no number; use one such as 0.1"),
        ({"momentum": 1}, "a momentum of 1 is not possible; use 0 or more, and less than 1"),
        ({"momentum": -0.1}, "a momentum of -0.1 is not possible; use 0 or more, and less than 1"),
        ({"momentum": float("nan")}, "a momentum of nan is not possible; use 0 or more, and less than 1"),
        ({"decay": -1}, "a weight decay of -1 is not possible; use 0 or more"),
        ({"decay": float("nan")}, "a weight decay of nan is not possible; use 0 or more"),
    ],
)
def test_bad_values(values, text):
    with pytest.raises(KitnetError) as caught:
        Sgd(**values)
    assert str(caught.value) == text
