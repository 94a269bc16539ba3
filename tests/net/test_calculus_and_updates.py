"""Rows of the catalogue on matrix calculus, the four problems of LeNet-5's way back, updates, and what they
cost."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue import row
from scipy import signal

import kitnet
from kitnet.base.spec import Array
from kitnet.layers import Context, Convolution, Kept, Layer, Linear, Quadratic
from kitnet.net import Ledger, Net, Tape
from kitnet.optim import Sgd

STEP = 1e-6


def numbers(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


@row(54)
def test_the_differential_is_the_trace_of_the_gradient_and_the_step() -> None:
    """df = tr((df/dX^T) dX), where df/dX has the layout of X: f is a loss of a linear layer of weights X."""
    x, target, dx = numbers(0, 2, 4), numbers(1, 2, 3), numbers(2, 4, 3)
    layer, loss = Linear(3, bias=False), Quadratic()

    def f(weight: Array) -> float:
        y = layer.forward({"weight": weight}, {}, Context(), x).y
        return loss.forward({}, {}, Context(), y, target).y.sum()

    weight = numbers(3, 4, 3)
    y = layer.forward({"weight": weight}, {}, Context(), x).y
    dy = loss.backward({}, Kept((y.shape, target.shape), (y, target)), np.ones(2)).dx[0]
    gradient = layer.backward({"weight": weight}, Kept((x.shape,), (x,)), dy).dw["weight"]
    assert gradient.shape == weight.shape
    df = (f(weight + STEP * dx) - f(weight - STEP * dx)) / (2 * STEP)
    assert np.trace(gradient.T @ dx) == pytest.approx(df, rel=1e-7)


@row(54)
def test_the_layout_of_a_jacobian() -> None:
    """J[j, i] = dy_j / dx_i. Backward gives dy^T J: of y = x W with rows x, J is W^T; of a convolution, the
    matrix whose rows are the windows' weights."""
    weight = numbers(0, 4, 3)
    x = numbers(1, 1, 4)
    assert np.array_equal(jacobian(Linear(3, bias=False), weight, x, np.eye(3)[:, None]), weight.T)
    taps = np.array([1.0, 2, 3])
    layer, units = Convolution(3, 1, bias=False), np.eye(3)[:, None, :, None]
    assert jacobian(layer, taps[:, None, None], numbers(2, 1, 5, 1), units)[..., 0].tolist() == [
        [1, 2, 3, 0, 0],
        [0, 1, 2, 3, 0],
        [0, 0, 1, 2, 3],
    ]


def jacobian(layer: Layer, weight: Array, x: Array, units: Array) -> Array:
    """A row for each unit vector dy."""
    found = [layer.backward({"weight": weight}, Kept((x.shape,), (x,)), dy) for dy in units]
    return np.concatenate([each.dx[0] for each in found])


@row(74)
def test_a_fully_connected_layer_is_a_product_of_matrices() -> None:
    """Y = X W + B, dX = dY W^T, dW = X^T dY: samples are rows, and a volume is a row of its numbers."""
    net = kitnet.parse("2x3x4 -> fc5")
    x, dy = numbers(0, 3, 2, 3, 4).astype(np.float32), numbers(1, 3, 5).astype(np.float32)
    w, b = net.weights["fc1.weight"], net.weights["fc1.bias"]
    b[...] = [1, 2, 3, 4, 5]
    rows = x.reshape(3, 24)
    y = np.einsum("ni,ik->nk", rows, w) + b
    tape = net.tape(x)
    np.testing.assert_allclose(tape["fc1"], y, atol=1e-5)
    np.testing.assert_allclose(net.compile(3)(x), y, atol=1e-5)
    found = tape.backward(dy)
    np.testing.assert_allclose(found["input"].reshape(3, 24), np.einsum("nk,ik->ni", dy, w), atol=1e-5)
    np.testing.assert_allclose(found["fc1.weight"], np.einsum("ni,nk->ik", rows, dy), atol=1e-5)
    np.testing.assert_allclose(found["fc1.bias"], dy.sum(0), atol=1e-5)


# The four problems of LeNet-5


@pytest.fixture(scope="module")
def lenet() -> tuple[Net, Tape, dict[str, Array]]:
    """LeNet-5 in float64, after a pass forward and back."""
    net = kitnet.parse(
        "32x32x1 -> C1:conv5-6 -> tanh -> S2:subsample2 -> tanh -> C3:conv5-16 table=lenet5 -> tanh "
        "-> S4:subsample2 -> tanh -> C5:conv5-120 -> tanh -> F6:fc84 -> tanh -> output:fc10"
    ).initialise(1, np.float64)
    tape = net.tape(numbers(0, 2, 32, 32, 1))
    return net, tape, dict(tape.backward(numbers(1, 2, 10)))


def slope(tanh: Array) -> Array:
    return 1 - tanh**2


@row(55)
def test_from_c5_to_s4_as_a_fully_connected_layer(lenet: tuple[Net, Tape, dict[str, Array]]) -> None:
    """delta^l = (W^T delta^(l+1)) * f', with one 5x5 window of the whole input."""
    net, tape, found = lenet
    w = net.weights["C5.weight"].reshape(400, 120)
    delta = found["C5"].reshape(2, 120)
    expected = (delta @ w.T).reshape(2, 5, 5, 16) * slope(tape["tanh4"])
    np.testing.assert_allclose(found["S4"], expected, atol=1e-12)


@row(55)
def test_from_s4_to_c3_through_the_pool(lenet: tuple[Net, Tape, dict[str, Array]]) -> None:
    """delta^l = beta (f' * up(delta^(l+1))), up by the Kronecker product with ones."""
    net, tape, found = lenet
    beta = net.weights["S4.coefficient"]
    for n, c in np.ndindex(2, 16):
        up = np.kron(found["S4"][n, ..., c], np.ones((2, 2)))
        expected = beta[c] * slope(tape["tanh3"][n, ..., c]) * up
        np.testing.assert_allclose(found["C3"][n, ..., c], expected, atol=1e-12)


@row(55)
def test_from_c3_to_s2_by_full_convolutions(lenet: tuple[Net, Tape, dict[str, Array]]) -> None:
    """delta^l = f' * sum over the maps that see it of conv(delta^(l+1), w, full), by the connection table."""
    net, tape, found = lenet
    table = net.graph.nodes[net.graph.find("C3")].layer.table
    maps, filters = table.pairs()
    w = net.weights["C3.weight"]
    for n, c in np.ndindex(2, 6):
        links = [i for i in range(table.links) if maps[i] == c]
        back = sum(signal.convolve2d(found["C3"][n, ..., filters[i]], w[..., i]) for i in links)
        np.testing.assert_allclose(found["S2"][n, ..., c], back * slope(tape["tanh2"][n, ..., c]), atol=1e-12)


@row(55)
def test_the_gradients_of_c_and_s_layers(lenet: tuple[Net, Tape, dict[str, Array]]) -> None:
    """C: dW = corr(x, delta, valid) of each link, db = sum of delta. S: d beta = sum of delta * sums of the
    windows, db = sum of delta."""
    net, tape, found = lenet
    maps, filters = net.graph.nodes[net.graph.find("C3")].layer.table.pairs()
    for i, (c, k) in enumerate(zip(maps, filters, strict=True)):
        seen = (
            signal.correlate2d(tape["tanh2"][n, ..., c], found["C3"][n, ..., k], "valid") for n in range(2)
        )
        np.testing.assert_allclose(found["C3.weight"][..., i], sum(seen), atol=1e-10)
    sums = tape["tanh1"].reshape(2, 14, 2, 14, 2, 6).sum((2, 4))
    np.testing.assert_allclose(found["S2.coefficient"], (sums * found["S2"]).sum((0, 1, 2)), atol=1e-10)
    for path in ("C3", "S2"):
        np.testing.assert_allclose(found[f"{path}.bias"], found[path].sum((0, 1, 2)), atol=1e-10)


# Updates


@row(56)
@pytest.mark.parametrize("engine", ["formula", "compiled"])
def test_gradient_descent_takes_its_rate_of_the_gradient(engine: str) -> None:
    """W <- W - eta dC/dW, again and again, and the loss falls."""
    net = kitnet.parse("6x6x1 -> conv3-2 -> tanh -> fc3")
    x, target = numbers(0, 4, 6, 6, 1).astype(np.float32), np.array([0, 1, 2, 0])
    rule, eta = Sgd(rate=0.125, momentum=0), np.float32(0.125)
    asked = net.compile(4, "gradient")
    step = net.compile(4, "train", rule=rule)
    losses = []
    for i in range(3):
        mean, _ = asked(x, target)
        losses.append(mean.mean())
        before, gradient = net.weights.flat.copy(), asked.gradient.flat.copy()
        if engine == "compiled":
            step(x, target, i)
        else:
            memory = {name: np.zeros_like(before) for name in rule.memory}
            rule.apply(net.weights.flat, gradient, memory, np.ones_like(before), i)
        np.testing.assert_allclose(net.weights.flat, before - eta * gradient, rtol=0, atol=1e-7)
        assert abs(gradient).max() > 1e-3
    assert losses[0] > losses[1] > losses[2]


@row(73)
def test_a_parameter_takes_three_numbers_or_more_in_training() -> None:
    """Itself, its gradient and, with momentum, its velocity; rules that remember two take four."""
    net = kitnet.parse("28x28x1 -> conv5-6 -> relu -> fc10")
    parameters = net.ledger().totals["parameters"]
    kinds = "parameters", "gradients of the parameters", "the optimiser's memory"
    for remembered in (0, 1, 2):
        memory = Ledger.of(net.graph, optimiser_arrays=remembered).training_memory
        assert sum(memory[kind] for kind in kinds) == (2 + remembered) * 4 * parameters
    for optimizer, times in {"sgd": 3, "adagrad": 3, "rmsprop": 3, "adam": 4}.items():
        memory = net.ledger(optimizer=optimizer).training_memory
        assert sum(memory[kind] for kind in kinds) == times * 4 * parameters
    doubles = net.ledger(1, "float64", "sgd").training_memory
    assert sum(doubles[kind] for kind in kinds) == 3 * 8 * parameters


@row(65)
def test_how_many_numbers_400_small_features_make() -> None:
    """(96 - 8 + 1)^2 positions of 400 features of 8x8: far too many for a classifier, so they are pooled."""
    net = kitnet.parse("96x96x1 -> conv8-400")
    (features,) = net.ledger().rows
    assert features.values == 89 * 89 * 400 == 3_168_400
    assert net.output_shape == (89, 89, 400)
    pooled = kitnet.parse("96x96x1 -> conv8-400 -> maxpool regions=2")
    assert pooled.ledger().rows[-1].output == (2, 2, 400)
