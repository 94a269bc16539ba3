"""Activations by their known values, limits and slopes, maxout, and which rows of the material they show."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from catalogue import row

import kitnet
from kitnet.base.error import KitnetError, LanguageError, ShapeError
from kitnet.layers import (
    AbsoluteValue,
    Context,
    Elu,
    Gaussian,
    Gelu,
    HardSigmoid,
    HardSwish,
    HardTanh,
    Kept,
    Layer,
    LeakyRelu,
    Maxout,
    ParametricRelu,
    Relu,
    Scale,
    Sigmoid,
    Softplus,
    Softsign,
    Square,
    SquareRoot,
    Tanh,
)
from kitnet.layers.gelu import below


def run(layer: Layer, *x: float) -> list[float]:
    return layer.forward({}, {}, Context(), np.array([x], float)).y[0].tolist()


def slopes(layer: Layer, *x: float) -> list[float]:
    """f' at each x."""
    values = np.array([x], float)
    y = layer.forward({}, {}, Context(), values).y
    (dx,) = layer.backward({}, Kept((values.shape,), (values,), y), np.ones_like(y)).dx
    assert dx is not None
    return dx[0].tolist()


@row(71)
def test_the_activations_of_the_material() -> None:
    """Sigmoid, tanh, ReLU, leaky ReLU and maxout in the language, at numbers that one can check by hand."""
    x = np.array([[[-2.0, 1.0], [0.0, 3.0]]])
    want = {
        "sigmoid": 1 / (1 + np.exp(-x)),
        "tanh": (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)),
        "relu": [[[0, 1], [0, 3]]],
        "leakyrelu slope=0.1": [[[-0.2, 1], [0, 3]]],
        "maxout2": [[[1], [3]]],
    }
    for word, y in want.items():
        net = kitnet.parse(f"2x2 -> {word}").initialise(0)
        np.testing.assert_allclose(net(x), y, rtol=1e-6)


@row(71)
def test_two_lines_and_maxout_are_an_absolute_value() -> None:
    """Maxout makes any convex function of one number out of lines: here max(x, -x)."""
    net = kitnet.parse("1 -> fc2 bias=no -> maxout2").initialise(0)
    net.weights["fc1.weight"][...] = [[1, -1]]
    x = np.linspace(-2, 2, 9, dtype=np.float32).reshape(9, 1)
    np.testing.assert_array_equal(net(x), abs(x))


def test_maxout_takes_the_first_of_equal_numbers() -> None:
    x = np.array([[1.0, 1, 0, 2, 2, 2]])
    made = Maxout(3).forward({}, {}, Context(), x)
    assert made.y.tolist() == [[1, 2]]
    assert made.extras["indices"].tolist() == [[0, 0]]
    (dx,) = Maxout(3).backward({}, Kept((x.shape,), extras=made.extras), np.array([[5.0, 7]])).dx
    assert dx is not None and dx.tolist() == [[5, 0, 0, 7, 0, 0]]


def test_a_parametric_relu_learns_its_slopes() -> None:
    net = kitnet.parse("2x3 -> prelu").initialise(0)
    param = net.graph.params()["prelu1.slope"]
    assert (param.shape, param.decay) == ((3,), False)
    assert net.weights["prelu1.slope"].tolist() == [0.25] * 3
    x = np.array([[[-1.0, 2, -3], [4, -5, 6]]])
    w = {"slope": np.array([0.5, 1, 2])}
    back = ParametricRelu().backward(w, Kept((x.shape,), (x,)), np.full(x.shape, 10.0))
    assert ParametricRelu().forward(w, {}, Context(), x).y.tolist() == [[[-0.5, 2, -6], [4, -5, 6]]]
    assert back.dx[0] is not None and back.dx[0].tolist() == [[[5, 10, 20], [10, 10, 10]]]
    assert back.dw["slope"].tolist() == [-10, -50, -30]


def test_relu6_stops_at_6() -> None:
    assert run(Relu(6.0), -1, 2, 6, 7) == [0, 2, 6, 6]
    assert slopes(Relu(6.0), -1, 0, 2, 6, 7) == [0, 0, 1, 0, 0]
    net = kitnet.parse("4 -> relu6")
    assert net.graph.nodes[1].layer == Relu(6.0)
    assert str(net) == "4 -> relu6"


def test_elu_falls_to_minus_alpha_and_keeps_its_digits_near_zero() -> None:
    assert run(Elu(2.0), -1000, -1e-12, 0, 3) == [-2, pytest.approx(-2e-12, rel=1e-11, abs=0), 0, 3]
    assert slopes(Elu(2.0), -1000, 0, 3) == [0, 2, 1]


@pytest.mark.parametrize("x", [-8.0, -3.0, -0.5, 0.0, 1.0, 5.0])
def test_gelu_is_x_times_the_normal_distribution(x: float) -> None:
    from scipy.special import ndtr

    assert below(np.array([x])).item() == pytest.approx(ndtr(x), rel=1e-14, abs=0)
    assert run(Gelu(), x) == [pytest.approx(x * ndtr(x), rel=1e-14, abs=0)]
    assert run(Gelu("tanh"), x) == [pytest.approx(x * ndtr(x), abs=5e-4)]
    u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    assert run(Gelu("tanh"), x) == [pytest.approx(x * (1 + math.tanh(u)) / 2, abs=1e-15)]


def test_gelu_at_its_ends() -> None:
    for form in ("erf", "tanh"):
        layer: Any = Gelu(form)  # type: ignore[arg-type]  # one of the two
        assert run(layer, -50, 0, 50) == [0, 0, 50]
        assert slopes(layer, -50, 0, 50) == [0, 0.5, 1]


def test_hard_activations_at_their_bounds() -> None:
    assert run(HardTanh(), -2, -1, 0.5, 1, 2) == [-1, -1, 0.5, 1, 1]
    assert slopes(HardTanh(), -2, -1, 0.5, 1, 2) == [0, 0, 1, 0, 0]
    assert run(HardTanh(0.0, 6.0), -1, 3, 9) == run(Relu(6.0), -1, 3, 9) == [0, 3, 6]
    assert run(HardSigmoid(), -3, 0, 1.5, 3, 9) == [0, 0.5, 0.75, 1, 1]
    assert slopes(HardSigmoid(0.5), -1, 0, 1) == [0, 0.5, 0]
    assert run(HardSwish(), -4, -3, -1.5, 0, 3, 4) == [0, 0, -0.375, 0, 3, 4]
    assert slopes(HardSwish(), -4, -3, 0, 1.5, 3, 4) == [0, 0, 0.5, 1, 1, 1]


def test_softplus_is_a_smooth_relu_whose_slope_is_the_sigmoid() -> None:
    y = run(Softplus(), -1000, -100, 0, 1000)
    assert y == [0, pytest.approx(math.exp(-100), rel=1e-14, abs=0), math.log(2), 1000]
    x = (-30.0, -1.0, 0.0, 2.0, 40.0)
    assert slopes(Softplus(), *x) == pytest.approx(run(Sigmoid(), *x), rel=1e-14, abs=0)


def test_softsign_approaches_its_ends_slower_than_tanh() -> None:
    assert run(Softsign(), -1, 0, 3) == [-0.5, 0, 0.75]
    assert slopes(Softsign(), -1, 0, 3) == [0.25, 1, 0.0625]
    assert run(Softsign(), 9) < run(Tanh(), 9)


def test_the_gaussian_is_1_at_0_and_falls_on_both_sides() -> None:
    assert run(Gaussian(), -1, 0, 1, 100) == [math.exp(-1), 1, math.exp(-1), 0]
    assert slopes(Gaussian(), -1, 0, 1) == [2 * math.exp(-1), 0, -2 * math.exp(-1)]


@row(67)
def test_the_neurons_of_cuda_convnet() -> None:
    assert run(AbsoluteValue(), -2, 0, 3) == [2, 0, 3]
    assert slopes(AbsoluteValue(), -2, 0, 3) == [-1, 0, 1]
    assert run(Square(), -2, 3) == [4, 9]
    assert slopes(Square(), -2, 3) == [-4, 6]
    assert run(SquareRoot(), 0, 4) == [0, 2]
    assert slopes(SquareRoot(), 0, 4) == [0, 0.25]
    assert np.isnan(run(SquareRoot(), -1)).all()
    assert run(Scale(2.0, 1.0), 3) == [7]
    line = "3 -> scale factor=0.5 -> tanh -> scale factor=3"  # tanh[3,0.5]
    assert kitnet.parse(line)(np.array([[1.0, 2, 3]])).tolist() == [
        pytest.approx([3 * math.tanh(x / 2) for x in (1, 2, 3)], rel=1e-6)
    ]


@row(71)
def test_a_leaky_relu_is_a_parametric_one_of_fixed_slope() -> None:
    x = np.random.default_rng(0).standard_normal((4, 5))
    fixed = LeakyRelu(0.25).forward({}, {}, Context(), x).y
    assert (ParametricRelu().forward({"slope": np.full(5, 0.25)}, {}, Context(), x).y == fixed).all()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("4 -> elu alpha=-1", "elu1: an alpha of -1 is not possible; use 0 or more, such as 1"),
        ("4 -> relu0", "relu1: a cap of 0 leaves nothing; use a number above 0, such as relu6"),
        (
            "4 -> hardtanh low=2",
            "hardtanh1: a low of 2 is not below a high of 1; use low=-1 high=1, or others",
        ),
        (
            "4 -> hardsigmoid slope=0",
            "hardsigmoid1: a slope of 0 is not possible; use a number above 0, such as 0.2",
        ),
        (
            "3x3x4 -> maxout3",
            "maxout1: the 4 channels of 3x3x4 are no whole number of runs of 3; use a divisor, or other "
            "filters before it",
        ),
    ],
)
def test_what_cannot_be(line: str, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        kitnet.parse(line)
    assert str(caught.value) == message


def test_a_scale_is_finite() -> None:
    with pytest.raises(KitnetError) as caught:
        Scale(math.inf)
    assert str(caught.value) == "Scale: factor is a number, not inf"


def test_maxout_needs_its_number() -> None:
    with pytest.raises(LanguageError) as caught:
        kitnet.parse("4 -> maxout")
    assert caught.value.reason == "maxout needs pieces, such as maxout2"


def test_numbers_are_written_as_short_as_they_are_read() -> None:
    for line in (
        "4 -> elu alpha=2",
        "4 -> hardtanh low=0 high=6",
        "4 -> leakyrelu slope=1e-05",
        "4 -> relu0.5",
    ):
        assert str(kitnet.parse(line)) == line
