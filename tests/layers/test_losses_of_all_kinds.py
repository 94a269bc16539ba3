"""Smoothed labels, hinges and distances by hand-made numbers; what the material says of losses and of the way
back through fully connected layers.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from catalogue import row

import kitnet
from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.spec import Array
from kitnet.layers import (
    LAYERS,
    AbsoluteError,
    Context,
    Convolution,
    Hinge,
    Huber,
    Kept,
    Layer,
    Linear,
    Loss,
    MulticlassHinge,
    Quadratic,
    Sigmoid,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from kitnet.net import Tape, with_loss
from kitnet.net.objective import loss_by_name


def run(loss: Layer, *x: Array) -> list[float]:
    return loss.forward({}, {}, Context(), *x).y.tolist()


def gradient(loss: Layer, *x: Array) -> Array:
    """Of the scores."""
    y = loss.forward({}, {}, Context(), *x).y
    dx = loss.backward({}, Kept(tuple(one.shape for one in x), x, y), np.ones_like(y)).dx[0]
    assert dx is not None
    return dx


SCORES, CLASS = np.array([[3.0, 1, -0.5, 2.5]]), np.array([[1.0, 0, 0, 0]])


def test_the_worst_rival_counts_in_the_multiclass_hinge() -> None:
    """max(0, 1 + 2.5 - 3) = 0.5; with all rivals it is the only one within the margin."""
    assert run(MulticlassHinge(), SCORES, CLASS) == [0.5]
    assert gradient(MulticlassHinge(), SCORES, CLASS).tolist() == [[-1, 0, 0, 1]]
    assert run(MulticlassHinge(against="all"), SCORES, CLASS) == [0.5]
    assert run(MulticlassHinge(3.0, "all"), SCORES, CLASS) == [1.0 + 2.5]
    assert gradient(MulticlassHinge(3.0, "all"), SCORES, CLASS).tolist() == [[-2, 1, 0, 1]]
    assert run(MulticlassHinge(3.0), SCORES, CLASS) == [2.5]


@row(72)
def test_the_svm_loss_of_the_material() -> None:
    """CS231n's example: scores 13, -7, 11 of which the first is right, margin 10: max(0, -10) + max(0, 8) =
    8."""
    scores, target = np.array([[13.0, -7, 11]]), np.array([[1.0, 0, 0]])
    assert run(MulticlassHinge(10.0, "all"), scores, target) == [8]
    assert run(Hinge(), scores, target) == [0 + 0 + 12]


def test_each_class_against_all_others() -> None:
    """1 - 3 < 0 for the class; 1 + s for the others: 2, 0.5, 3.5."""
    assert run(Hinge(), SCORES, CLASS) == [6]
    assert gradient(Hinge(), SCORES, CLASS).tolist() == [[0, 1, 1, 1]]
    assert gradient(Hinge(), -SCORES, CLASS).tolist() == [[-1, 0, 1, 0]]


def test_beyond_the_margin_a_hinge_is_silent() -> None:
    for loss in (Hinge(), MulticlassHinge(), MulticlassHinge(against="all")):
        scores = np.array([[9.0, -9, -9, -9]])
        assert run(loss, scores, CLASS) == [0]
        assert not gradient(loss, scores, CLASS).any()
        assert loss.probabilities(SCORES).argmax() == SCORES.argmax()


def test_distances_by_hand() -> None:
    y, t = np.array([[1.0, -2, 0.5]]), np.array([[0.0, 0, 0.25]])
    assert run(AbsoluteError(), y, t) == [3.25]
    assert gradient(AbsoluteError(), y, t).tolist() == [[1, -1, 1]]
    assert run(Huber(), y, t) == [0.5 + 1.5 + 0.03125]
    assert gradient(Huber(), y, t).tolist() == [[1, -1, 0.25]]
    assert run(Huber(4.0), y, t) == run(Quadratic(), y, t)


@row(70)
def test_smoothed_labels_give_every_class_a_share() -> None:
    """0.1 of the label is dealt out to four classes: the cross-entropy with 0.925, 0.025, 0.025, 0.025."""
    loss, smoothed = SoftmaxCrossEntropy(0.1), np.array([[0.925, 0.025, 0.025, 0.025]])
    assert run(loss, SCORES, CLASS) == pytest.approx(run(SoftmaxCrossEntropy(), SCORES, smoothed), rel=1e-14)
    p = np.exp(SCORES) / np.exp(SCORES).sum()
    assert gradient(loss, SCORES, CLASS) == pytest.approx(p - smoothed, rel=1e-13)


@row(70)
def test_smoothed_labels_are_met_by_finite_scores() -> None:
    """Where p is the smoothed target the gradient is 0; without smoothing it never is."""
    scores = np.log([[0.925, 0.025, 0.025, 0.025]])
    assert abs(gradient(SoftmaxCrossEntropy(0.1), scores, CLASS)).max() < 1e-15
    assert abs(gradient(SoftmaxCrossEntropy(), scores, CLASS)).max() > 0.07


@row(72)
def test_the_mean_of_the_quadratic_loss_is_the_euclidean_one() -> None:
    """C = 1/2n sum ||y - a||^2 over n samples."""
    random = np.random.default_rng(0)
    a, y = random.standard_normal((2, 6, 4))
    want = (np.linalg.norm(y - a, axis=1) ** 2).sum() / (2 * 6)
    assert np.mean(run(Quadratic(), a, y)) == pytest.approx(want, rel=1e-14)


@row(72)
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_quadratic_loss_saturates_and_cross_entropy_does_not(sign: int) -> None:
    """delta = dC/dz of a unit that is ever more surely wrong: (a - y) a (1 - a) falls to 0, a - y to -1 or
    1."""
    quadratic, cross = [], []
    for size in (2, 5, 10, 20, 40):
        z, target = np.array([[sign * float(size)]]), np.array([[float(sign < 0)]])
        a = Sigmoid().forward({}, {}, Context(), z).y
        (through,) = Sigmoid().backward({}, Kept((z.shape,), y=a), gradient(Quadratic(), a, target)).dx
        assert through is not None
        quadratic.append(abs(through.item()))
        cross.append(abs(gradient(SigmoidCrossEntropy(), z, target).item()))
    assert quadratic == sorted(quadratic, reverse=True) and quadratic[-1] < 1e-16
    assert cross == sorted(cross) and cross[-1] == pytest.approx(1, abs=1e-15)


def weights(graph: kitnet.Graph, seed: int = 0) -> kitnet.net.Weights:
    return kitnet.net.Weights(graph.params(), np.float64).draw(seed)


@row(46)
@pytest.mark.parametrize("loss", [Quadratic(), SigmoidCrossEntropy()])
def test_the_residuals_of_fully_connected_layers(loss: Loss) -> None:
    """delta^L = (a - y) f'(z) or, with cross-entropy, a - y; delta^l = (delta^(l+1) W^T) f'(z)."""
    net = kitnet.parse("4 -> fc3 -> sigmoid -> fc5 -> sigmoid -> fc2 -> sigmoid")
    random = np.random.default_rng(1)
    x, y = random.standard_normal((6, 4)), random.integers(0, 2, (6, 2)).astype(float)
    graph = with_loss(net.graph, loss, "values")
    w = weights(graph)
    tape = Tape(graph, w, {}, Context(), {"input": x, "target": y})
    found = tape.backward(np.ones(6))

    def slope(a: Array) -> Array:
        return a * (1 - a)

    a = 1 / (1 + np.exp(-tape["fc3"]))
    delta = (a - y) * (slope(a) if loss == Quadratic() else 1)
    for above, here, below in (("fc3", "sigmoid2", "fc2"), ("fc2", "sigmoid1", "fc1")):
        np.testing.assert_allclose(found[above], delta, rtol=1e-12)
        np.testing.assert_allclose(found[f"{above}.weight"], tape[here].T @ delta, rtol=1e-12)
        delta = (delta @ w[f"{above}.weight"].T) * slope(tape[here])
        np.testing.assert_allclose(found[below], delta, rtol=1e-12)


@row(48)
def test_a_hidden_layer_of_three_and_an_output_of_two_by_hand() -> None:
    """Every gradient of 3 hidden and 2 output units with sigmoids, written out unit by unit."""
    net = kitnet.parse("2 -> fc3 -> sigmoid -> fc2 -> sigmoid")
    graph = with_loss(net.graph, Quadratic(), "values")
    w = weights(graph)
    x, y = np.array([[0.5, -1.5]]), np.array([[1.0, 0.0]])
    tape = Tape(graph, w, {}, Context(), {"input": x, "target": y})
    found = tape.backward(np.ones(1))
    v, u = w["fc1.weight"], w["fc2.weight"]

    def f(z: float) -> float:
        return 1 / (1 + math.exp(-z))

    h = [f(x[0, 0] * v[0, j] + x[0, 1] * v[1, j]) for j in range(3)]
    o = [f(h[0] * u[0, k] + h[1] * u[1, k] + h[2] * u[2, k]) for k in range(2)]
    out = [(o[k] - y[0, k]) * o[k] * (1 - o[k]) for k in range(2)]
    hidden = [(out[0] * u[j, 0] + out[1] * u[j, 1]) * h[j] * (1 - h[j]) for j in range(3)]
    assert tape.output.item() == pytest.approx(((o[0] - 1) ** 2 + o[1] ** 2) / 2, rel=1e-13)
    for j, k in np.ndindex(3, 2):
        assert found["fc2.weight"][j, k] == pytest.approx(h[j] * out[k], rel=1e-12)
    for i, j in np.ndindex(2, 3):
        assert found["fc1.weight"][i, j] == pytest.approx(x[0, i] * hidden[j], rel=1e-12)
    assert found["fc2.bias"] == pytest.approx(np.array(out), rel=1e-12)
    assert found["fc1.bias"] == pytest.approx(np.array(hidden), rel=1e-12)


@row(131)
def test_the_gradient_of_a_bias_is_delta_or_its_sum_over_positions() -> None:
    random = np.random.default_rng(2)
    x, delta = random.standard_normal((1, 5, 4, 2)), random.standard_normal((1, 3, 2, 6))
    conv, shape = Convolution(3, 6), (5, 4, 2)
    w = {name: random.standard_normal(p.shape) for name, p in conv.params(shape).items()}
    db = conv.backward(w, Kept((x.shape,), (x,), wants=(True,)), delta).dw["bias"]
    assert db == pytest.approx(delta[0].sum((0, 1)), rel=1e-13)
    dense, d = Linear(6), random.standard_normal((1, 6))
    w = {name: random.standard_normal(p.shape) for name, p in dense.params(shape).items()}
    assert (dense.backward(w, Kept((x.shape,), (x,), wants=(True,)), d).dw["bias"] == d[0]).all()
    step = 1e-6  # and by differences: C = sum of delta y
    moved = conv.forward({**conv_weights(conv, shape), "bias": np.full(6, step)}, {}, Context(), x).y
    still = conv.forward({**conv_weights(conv, shape), "bias": np.zeros(6)}, {}, Context(), x).y
    assert ((moved - still) * delta).sum() / step == pytest.approx(db.sum(), rel=1e-6)


def conv_weights(layer: Convolution, shape: tuple[int, ...]) -> dict[str, Array]:
    random = np.random.default_rng(3)
    return {name: random.standard_normal(p.shape) for name, p in layer.params(shape).items()}


@row(138)
def test_which_kinds_of_layers_have_parameters_and_which_hyperparameters() -> None:
    """CONV and FC have both; POOL has hyperparameters alone; RELU needs neither, but may have a cap."""
    numbers = {word: LAYERS[word].numbers for word in ("conv", "fc", "maxpool", "meanpool", "relu")}
    assert numbers == {
        "conv": ("window", "filters"),
        "fc": ("units",),
        "maxpool": ("window",),
        "meanpool": ("window",),
        "relu": ("cap",),
    }
    net = kitnet.parse("8x8x3 -> conv3-4 -> relu -> maxpool2 -> meanpool3 -> fc5")
    counts = {one.kind: one.parameters for one in net.ledger().rows}
    assert counts == {"conv": 112, "relu": 0, "maxpool": 0, "meanpool": 0, "fc": 25}


def test_a_loss_is_named_with_its_arguments() -> None:
    assert loss_by_name("huber") == Huber()
    assert loss_by_name("huber delta=0.5") == Huber(0.5)
    assert loss_by_name("softmax_cross_entropy smooth=0.1") == SoftmaxCrossEntropy(0.1)
    assert loss_by_name("multiclass_hinge against=all") == MulticlassHinge(against="all")
    with pytest.raises(KitnetError) as caught:
        loss_by_name("huber delt=1")
    assert str(caught.value) == "huber has no 'delt' (did you mean 'delta'?)\n  huber delt=1\n        ^"


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (Huber(0.0), "a delta of 0 is not possible; use a number above 0, such as 1"),
        (SoftmaxCrossEntropy(1.0), "a smooth of 1 is no share below 1; use 0 to 0.9, such as 0.1"),
    ],
)
def test_what_cannot_be(loss: Loss, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        loss.output_shape((4,), (4,))
    assert str(caught.value) == message


@pytest.mark.parametrize("loss", [AbsoluteError(), Huber()])
def test_distances_are_not_of_classes(loss: Loss) -> None:
    with pytest.raises(KitnetError) as caught:
        with_loss(kitnet.parse("4 -> fc3").graph, loss, "classes")
    assert str(caught.value) == f"the loss {loss.word} takes values as target, not classes"
