"""The readable executor: values by path, gradients of whole networks against differences, sums over
consumers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.spec import Array
from kitnet.layers import Context, Quadratic, SoftmaxCrossEntropy
from kitnet.net import Net, Tape, Weights, parse, with_loss

NETS = {
    "chain": "8x8x2 -> conv3-4 -> tanh -> meanpool2 -> conv2-3 -> sigmoid -> fc5 -> lecuntanh -> fc3",
    "residual": "6x6x3 -> residual[conv3-3 same -> tanh] -> residual[conv3-4 same -> tanh | conv1-4] -> fc2",
    "branches": "6x6x2 -> concat[conv1-2 | conv3-3 same -> tanh | meanpool3/1 same | identity] -> fc3",
    "sums": "4x4x2 -> add[conv3-2 same -> sigmoid | identity | tanh] -> fc3",
    "nested": "4x4x2 -> residual[concat[residual[conv1-2] | conv3-1 same] -> tanh -> conv1-2]*2 -> fc2",
    "lenet": "12x12x1 -> conv3-6 -> lecuntanh -> subsample2 -> lecuntanh -> conv2-16 table=lenet5 -> fc10",
    "one dimension": "12x2 -> conv3-4/2 same -> tanh -> subsample2 -> fc3 -> softmax",
    "three dimensions": "4x4x4x1 -> conv2-2/2 -> tanh -> fc2",
}


def exact(line: str, seed: int = 0) -> Net:
    return parse(line).initialise(seed, np.float64)


def operand(net: Net, samples: int = 2) -> Array:
    return np.random.default_rng(0).standard_normal((samples, *net.input_shape))


@pytest.mark.parametrize("name", NETS)
def test_gradients_of_whole_networks_against_differences(name: str) -> None:
    net = exact(NETS[name])
    x = operand(net)
    random = np.random.default_rng(1)
    for path, weight in net.weights.items():  # biases too shall differ from 0
        weight[...] = random.standard_normal(weight.shape) / np.sqrt(1 + weight.size / weight.shape[-1])
        assert weight.any(), path
    dy = random.standard_normal(net(x).shape)
    found = net.tape(x).backward(dy)
    assert set(found) == {node.path for node in net.graph.nodes} | set(net.weights)

    def slope(target: Array, v: Array, h: float = 1e-3) -> float:
        start, sums = target.copy(), {}
        for step in (-2, -1, 1, 2):
            target[...] = start + step * h * v
            sums[step] = math.fsum((dy * net(x)).flat)
        target[...] = start
        return (8 * (sums[1] - sums[-1]) - (sums[2] - sums[-2])) / (12 * h)

    for path, target in {"input": x, **net.weights}.items():
        v = random.uniform(-1, 1, target.shape)
        gradient = found[path]
        error = abs(math.fsum((gradient * v).flat) - slope(target, v))
        assert error <= 1e-7 * np.linalg.norm(gradient), path


def test_values_and_gradients_by_path() -> None:
    net = exact("4x4x1 -> c:conv3-2 -> relu -> fc3")
    x = operand(net)
    tape = net.tape(x)
    assert np.array_equal(tape["input"], x)
    assert tape["c"].shape == (2, 2, 2, 2)
    assert np.array_equal(tape["relu1"], np.maximum(tape["c"], 0))
    assert tape.output is tape["fc1"]
    found = tape.backward(np.ones((2, 3)))
    assert found is tape.gradient
    assert found["c"].shape == (2, 2, 2, 2)
    assert np.array_equal(found["c.bias"], found["c"].sum((0, 1, 2)))
    assert np.array_equal(found["relu1"] * (tape["c"] > 0), found["c"])


def test_ones_go_back_unless_something_else_is_given() -> None:
    net = exact("5 -> fc3")
    x = operand(net)
    ones, twos = net.tape(x).backward(), net.tape(x).backward(np.full((2, 3), 2.0))
    assert np.array_equal(2 * ones["fc1.weight"], twos["fc1.weight"])
    assert np.array_equal(ones["fc1"], np.ones((2, 3)))


def test_a_tape_with_the_loss() -> None:
    """Losses and gradients by hand: softmax cross-entropy, and its mean over three samples."""
    net, labels = exact("2x2x1 -> fc4 -> softmax"), np.array([3, 0, 2])
    x = operand(net, 3)
    tape = net.tape(x, labels)
    p = net(x)
    assert isinstance(p, np.ndarray)
    assert tape["loss"] == pytest.approx(-np.log(p[np.arange(3), labels]))
    dz = (p - np.eye(4)[labels]) / 3
    found = tape.backward()
    assert found["fc1.weight"] == pytest.approx(x.reshape(3, 4).T @ dz)
    assert found["fc1.bias"] == pytest.approx(dz.sum(0))
    assert tape.keys() == ["input", "fc1", "softmax1", "target", "loss"]


def test_a_tape_with_another_loss() -> None:
    net = exact("3 -> fc2")
    x, wanted = operand(net, 4), np.ones((4, 2))
    tape = net.tape(x, wanted, loss=Quadratic(), form="values")
    y = tape["fc1"]
    assert tape["loss"] == pytest.approx(((y - 1) ** 2).sum(1) / 2)
    assert tape.backward()["fc1"] == pytest.approx((y - 1) / 4)
    with pytest.raises(KitnetError) as caught:
        net.tape(x, loss=Quadratic())
    assert str(caught.value) == "tape: a loss needs its target; give the classes (N,) behind x"


def test_the_gradients_of_all_consumers_are_summed() -> None:
    net = exact("3 -> add[identity | identity | add[identity | identity]]")
    found = net.tape(operand(net)).backward(np.full((2, 3), 1.0))
    assert (found["input"] == 4).all()


def test_a_residual_sends_the_gradient_both_ways() -> None:
    net = exact("4 -> tanh -> residual[fc4]")
    x = operand(net)
    dy = np.random.default_rng(2).standard_normal((2, 4))
    found = net.tape(x).backward(dy)
    assert np.allclose(found["tanh1"], dy + dy @ net.weights["residual1.body.fc1.weight"].T, rtol=1e-14)


def test_operands_are_left_out_where_nobody_wants_them() -> None:
    net = exact("4x4x1 -> relu -> c:conv3-2 -> relu -> fc3")
    x = operand(net)
    whole, inner = net.tape(x).backward(), net.tape(x).backward(operands=False)
    assert set(whole) - set(inner) == {"input", "relu1"}
    assert all(np.array_equal(inner[path], whole[path]) for path in inner)


def test_a_value_that_nobody_reads_gets_no_gradient() -> None:
    net = parse("4 -> fc3 -> softmax")
    graph = with_loss(net.graph, SoftmaxCrossEntropy())
    weights = Weights(graph.params(), np.float64).draw(0)
    operands = {"input": operand(net), "target": np.eye(3)[:2]}
    tape = Tape(graph, weights, {}, Context(), operands)
    found = tape.backward()
    assert "softmax1" not in found
    p = np.exp(tape["fc1"]) / np.exp(tape["fc1"]).sum(1, keepdims=True)
    assert np.allclose(found["fc1"], p - np.eye(3)[:2], rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("samples", [0, 1, 5])
def test_any_number_of_samples(samples: int) -> None:
    net = exact(NETS["branches"])
    x = operand(net, samples)
    tape = net.tape(x)
    assert tape.output.shape == (samples, 3)
    found = tape.backward()
    assert found["input"].shape == x.shape
    assert found["fc1.weight"].shape == net.weights["fc1.weight"].shape


def test_shards_add_up_to_the_batch() -> None:
    net = exact(NETS["nested"])
    x = operand(net, 4)
    whole = net.tape(x).backward()
    parts = [net.tape(x[i : i + 2]).backward() for i in (0, 2)]
    for path in net.weights:
        assert np.allclose(whole[path], parts[0][path] + parts[1][path], rtol=1e-12, atol=1e-13)
    assert np.allclose(whole["input"], np.concatenate([one["input"] for one in parts]), rtol=1e-12)


def test_precision_is_that_of_the_weights() -> None:
    net = parse("4 -> fc3")
    assert net(np.zeros((1, 4))).dtype == np.float32
    assert exact("4 -> fc3")(np.zeros((1, 4), np.float32)).dtype == np.float64


def test_an_operand_of_the_wrong_shape() -> None:
    net = parse("28x28x1 -> fc3")
    for shape in ((28, 28, 1), (2, 1, 28, 28), (2, 28, 28), (2, 28, 28, 1, 1)):
        with pytest.raises(ShapeError) as caught:
            net(np.zeros(shape))
        assert str(caught.value) == (
            "input: expected an array of shape (N, 28, 28, 1), samples first and channels last, but got "
            f"{shape}; this network reads 28x28x1"
        )


def test_weights_are_drawn_when_first_needed_and_by_initialise() -> None:
    net = parse("5 -> fc3 -> tanh -> fc2")
    first = net.weights.flat.copy()
    assert first.any()
    assert np.array_equal(parse("5 -> fc3 -> tanh -> fc2").weights.flat, first)
    assert np.array_equal(net.initialise(0).weights.flat, first)
    assert not np.array_equal(net.initialise(1).weights.flat, first)


def test_a_new_layer_leaves_the_weights_of_others_alone() -> None:
    one, other = parse("5 -> a:fc4 -> b:fc3").weights, parse("5 -> a:fc4 -> relu -> new:fc4 -> b:fc3").weights
    assert np.array_equal(one["a.weight"], other["a.weight"])
    assert np.array_equal(one["b.weight"], other["b.weight"])
