"""Activations and losses: their formulas' known values, their limits, and which of them saturate."""

from __future__ import annotations

import math

import numpy as np
import pytest
from catalogue import row

from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.spec import Array
from kitnet.layers import (
    Context,
    Kept,
    Layer,
    LeakyRelu,
    LecunTanh,
    Loss,
    Quadratic,
    RadialBasis,
    RadialBasisPenalty,
    Relu,
    Sigmoid,
    SigmoidCrossEntropy,
    Silu,
    Softmax,
    SoftmaxCrossEntropy,
    Tanh,
)
from kitnet.layers.radial_basis import digit_bitmaps
from kitnet.layers.softmax import log_sum_exp


def run(layer: Layer, *x: Array) -> Array:
    return layer.forward({}, {}, Context(), *x).y


def gradients(layer: Layer, *x: Array, dy: Array | None = None) -> tuple[Array, ...]:
    y = run(layer, *x)
    kept = Kept(tuple(one.shape for one in x), x, y)
    back = layer.backward({}, kept, np.ones_like(y) if dy is None else dy)
    assert all(dx is not None for dx in back.dx)
    return tuple(dx for dx in back.dx if dx is not None)


def test_relu_and_its_gradient_at_zero() -> None:
    x = np.array([[-2.0, 0, 3]])
    assert run(Relu(), x).tolist() == [[0, 0, 3]]
    assert gradients(Relu(), x)[0].tolist() == [[0, 0, 1]]


def test_leaky_relu_and_its_gradient_at_zero() -> None:
    x = np.array([[-2.0, 0, 3]])
    assert run(LeakyRelu(0.25), x).tolist() == [[-0.5, 0, 3]]
    assert gradients(LeakyRelu(0.25), x)[0].tolist() == [[0.25, 0.25, 1]]


def test_a_slope_must_be_finite() -> None:
    with pytest.raises(KitnetError) as caught:
        LeakyRelu(math.inf)
    assert str(caught.value) == "LeakyRelu: slope is a number, not inf"


def test_silu_at_its_ends_and_its_slope_at_zero() -> None:
    assert run(Silu(), np.array([[-1000.0, 0, 1000]])).tolist() == [[0, 0, 1000]]
    assert gradients(Silu(), np.array([[-1000.0, 0, 1000]]))[0].tolist() == [[0, 0.5, 1]]


def test_sigmoid_does_not_overflow() -> None:
    y = run(Sigmoid(), np.array([[-1000.0, -1, 0, 1, 1000]]))
    assert y[0, 0] == 0
    assert y[0, 2] == 0.5
    assert y[0, 4] == 1
    assert y[0, 1] + y[0, 3] == pytest.approx(1, rel=1e-15)


def test_sigmoid_keeps_its_small_values() -> None:
    (y,) = run(Sigmoid(), np.array([[-100.0]]))
    assert y[0] == pytest.approx(math.exp(-100), rel=1e-15)


def test_slopes_at_zero() -> None:
    zero = np.zeros((1, 1))
    assert gradients(Sigmoid(), zero)[0].item() == 0.25
    assert gradients(Tanh(), zero)[0].item() == 1
    assert gradients(LecunTanh(), zero)[0].item() == pytest.approx(1.7159 * 2 / 3, rel=1e-15)


def test_lecuns_tanh_passes_through_one() -> None:
    y = run(LecunTanh(), np.array([[-1.0, 1.0]]))
    assert y == pytest.approx(np.array([[-1, 1]]), abs=2e-5)  # LeCun 1998 gives f(1) = 1 to these digits


def test_softmax_sums_to_one_and_does_not_overflow() -> None:
    y = run(Softmax(), np.array([[1000.0, 1000, -1000], [0, 0, 0]]))
    assert y.tolist() == [[0.5, 0.5, 0], [1 / 3, 1 / 3, 1 / 3]]


def test_softmax_is_blind_to_a_common_shift() -> None:
    x = np.array([[1.0, 2, 4]])
    assert np.array_equal(run(Softmax(), x), run(Softmax(), x + 64))


def test_log_sum_exp_of_large_and_small() -> None:
    assert log_sum_exp(np.array([1000.0, 1000])).item() == pytest.approx(1000 + math.log(2), rel=1e-15)
    assert log_sum_exp(np.array([-1000.0, -1000])).item() == pytest.approx(math.log(2) - 1000, rel=1e-15)
    below = -np.inf
    infinite = np.array([[below, below], [np.inf, 0.0], [np.inf, 1e4], [np.inf, below], [1.0, below]])
    assert log_sum_exp(infinite).ravel().tolist() == [below, np.inf, np.inf, np.inf, 1]


def test_softmax_of_an_infinite_maximum_is_no_number() -> None:
    y = run(Softmax(), np.array([[np.inf, 0.0], [-np.inf, -np.inf], [0.0, -np.inf]]))
    assert np.isnan(y[:2]).all()
    assert y[2].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("loss", "z", "t", "want"),
    [
        (SoftmaxCrossEntropy(), (40, -np.inf), (1, 0), 0),
        (SoftmaxCrossEntropy(), (40, -np.inf), (0, 1), np.inf),
        (SoftmaxCrossEntropy(), (40, np.inf), (1, 0), np.inf),
        (SoftmaxCrossEntropy(), (40, np.inf), (0, 1), np.nan),
        (SoftmaxCrossEntropy(), (-np.inf, -np.inf), (0, 1), np.nan),
        (SigmoidCrossEntropy(), (40, -np.inf), (1, 0), math.log1p(math.exp(-40))),
        (SigmoidCrossEntropy(), (np.inf, -40), (1, 0), math.log1p(math.exp(-40))),
        (SigmoidCrossEntropy(), (40, -np.inf), (1, 1), np.inf),
        (SigmoidCrossEntropy(), (np.inf, -40), (0, 0), np.inf),
        (SigmoidCrossEntropy(), (np.inf, -40), (0.5, 0), np.inf),
        (RadialBasisPenalty(), (0, np.inf), (1, 0), math.log1p(math.exp(-1))),
        (RadialBasisPenalty(), (0, np.inf), (0, 1), np.inf),
    ],
)
def test_losses_of_infinite_scores(
    loss: Loss, z: tuple[float, ...], t: tuple[float, ...], want: float
) -> None:
    scores, target = np.array([z], float), np.array([t], float)
    assert run(loss, scores, target).item() == pytest.approx(want, rel=1e-15, nan_ok=True)
    dz, _ = gradients(loss, scores, target)
    assert np.isfinite(dz).all() == bool(np.isfinite(loss.probabilities(scores)).all())


Z, CLASS = np.array([[0.5, -1.0, 2.0]]), np.array([[0.0, 0.0, 1.0]])


@row(46)
def test_46_quadratic() -> None:
    assert run(Quadratic(), Z, CLASS).tolist() == [(0.25 + 1 + 1) / 2]
    dz, dt = gradients(Quadratic(), Z, CLASS)
    assert dz.tolist() == [[0.5, -1, 1]]
    assert dt.tolist() == [[-0.5, 1, -1]]


@row(46)
def test_46_cross_entropy_with_sigmoid_has_the_plain_difference_as_gradient() -> None:
    a = run(Sigmoid(), Z)
    dz, _ = gradients(SigmoidCrossEntropy(), Z, CLASS)
    assert dz == pytest.approx(a - CLASS, rel=1e-15)
    C = -(CLASS * np.log(a) + (1 - CLASS) * np.log(1 - a)).sum()
    assert run(SigmoidCrossEntropy(), Z, CLASS).item() == pytest.approx(C, rel=1e-14)


def test_softmax_cross_entropy_is_minus_log_of_the_probability() -> None:
    p = run(Softmax(), Z)
    assert run(SoftmaxCrossEntropy(), Z, CLASS).item() == pytest.approx(-math.log(p[0, 2]), rel=1e-14)
    dz, dt = gradients(SoftmaxCrossEntropy(), Z, CLASS)
    assert dz == pytest.approx(p - CLASS, rel=1e-14)
    assert dt == pytest.approx(-np.log(p), rel=1e-14)


@pytest.mark.parametrize(
    ("activation", "loss"), [(Softmax(), SoftmaxCrossEntropy()), (Sigmoid(), SigmoidCrossEntropy())]
)
def test_a_loss_contains_the_activation_that_it_absorbs(activation: Layer, loss: Loss) -> None:
    assert loss.absorbs == activation.word
    assert loss.suits == {activation.word}
    assert np.array_equal(loss.probabilities(Z), run(activation, Z))


@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(), SigmoidCrossEntropy()])
def test_losses_of_huge_scores_are_finite(loss: Loss) -> None:
    z, t = np.array([[1e4, -1e4, 0]]), np.array([[0.0, 1, 0]])
    assert run(loss, z, t).item() == pytest.approx(2e4 if loss.absorbs == "softmax" else 2e4 + math.log(2))
    assert all(np.isfinite(g).all() for g in gradients(loss, z, t))


@pytest.mark.parametrize(
    "loss", [Quadratic(), SoftmaxCrossEntropy(), SigmoidCrossEntropy(), RadialBasisPenalty()]
)
def test_each_sample_has_its_own_loss(loss: Loss) -> None:
    z, t = np.random.default_rng(0).standard_normal((3, 4)), np.eye(4)[[0, 3, 1]]
    each = [run(loss, z[i : i + 1], t[i : i + 1]).item() for i in range(3)]
    assert run(loss, z, t) == pytest.approx(np.array(each), rel=1e-14)
    dy = np.array([0.0, 1, 0])
    dz, _ = gradients(loss, z, t, dy=dy)
    assert not dz[[0, 2]].any()
    assert dz[1].any()


@pytest.mark.parametrize(
    ("shapes", "text"),
    [
        (((10,),), "quadratic reads two operands, scores and a target, but got 1"),
        (((10,),) * 3, "quadratic reads two operands, scores and a target, but got 3"),
        (((2, 10), (2, 9)), "quadratic on scores of 2x10 needs a target of 2x10, but got 2x9"),
    ],
)
def test_a_loss_wants_scores_and_a_target_that_fits(shapes: tuple[tuple[int, ...], ...], text: str) -> None:
    with pytest.raises(ShapeError) as caught:
        Quadratic().output_shape(*shapes)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    "loss", [Quadratic(), SoftmaxCrossEntropy(), SigmoidCrossEntropy(), RadialBasisPenalty()]
)
def test_probabilities_lie_between_0_and_1(loss: Loss) -> None:
    p = loss.probabilities(np.random.default_rng(0).standard_normal((20, 5)) * 3)
    assert (p >= 0).all()
    assert (p <= 1).all()


def test_a_loss_is_one_number_a_sample() -> None:
    assert Quadratic().output_shape((2, 3), (2, 3)) == ()


def test_digit_bitmaps_are_ink_and_paper() -> None:
    bitmaps = digit_bitmaps()
    assert bitmaps.shape == (10, 84)
    assert set(bitmaps.flat) == {-1.0, 1.0}
    assert len({tuple(row) for row in bitmaps}) == 10
    one = bitmaps[1].reshape(12, 7)
    assert (one[:11, 3] == 1).all()  # the stem of the 1
    assert (one[11] == [-1, 1, 1, 1, 1, 1, -1]).all()


def test_102_the_nearest_bitmap_has_distance_0() -> None:
    y = run(RadialBasis(), digit_bitmaps())
    assert (np.diag(y) == 0).all()
    assert (y.argmin(1) == range(10)).all()
    different = (digit_bitmaps()[3] != digit_bitmaps()[8]).sum()
    assert y[3, 8] == 4 * different
    assert RadialBasis().connections((84,)) == 840


def test_radial_basis_wants_84_values() -> None:
    with pytest.raises(ShapeError) as caught:
        RadialBasis().output_shape((5, 5, 3))
    assert str(caught.value) == (
        "the digits' bitmaps have 7x12 = 84 places, but the input is 5x5x3; put fc84 before it"
    )


def test_radial_basis_penalty_is_equation_9() -> None:
    y, t = np.array([[1.0, 3, 0.5]]), np.array([[0.0, 1, 0]])
    expected = 3 + math.log(math.exp(-2) + math.exp(-1) + math.exp(-3) + math.exp(-0.5))
    assert run(RadialBasisPenalty(2.0), y, t).item() == pytest.approx(expected, rel=1e-14)
    p = RadialBasisPenalty(2.0).probabilities(y)
    assert 1 - p.sum() == pytest.approx(math.exp(-2) / math.exp(expected - 3), rel=1e-14)
    assert p.argmax() == 2
