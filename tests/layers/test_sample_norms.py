"""Layer, group and instance normalisation by hand-made numbers and against each other, batch normalisation
against its algorithm, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest
from catalogue import row

import kitnet
from kitnet.base.error import ShapeError
from kitnet.engine.once import run_once
from kitnet.layers import BatchNorm, Context, GroupNorm, InstanceNorm, Kept, LayerNorm, SampleNorm
from kitnet.net import Graph, Weights

TRAIN = Context(train=True)


def plain(layer: SampleNorm, x: np.ndarray) -> np.ndarray:
    """With a scale of 1 and a shift of 0, where the layer has them."""
    w = {name: np.full(p.shape, p.init == "ones", x.dtype) for name, p in layer.params(x.shape[1:]).items()}
    return layer.forward(w, {}, TRAIN, x).y


def compiled(layer: SampleNorm, x: np.ndarray, layout: str) -> np.ndarray:
    graph = Graph()
    graph.add("norm", layer, graph.operand("x", x.shape[1:]))
    weights = Weights(graph.params())
    for name, p in graph.params().items():
        weights[name][...] = p.init == "ones"
    return run_once(graph, weights, {}, Context(), {"x": x}, ["norm"], layout=layout).values["norm"]


def test_a_sample_by_hand() -> None:
    """1, 3, 5, 7: mean 4, biased variance 5; eps 4 makes the root 3. Each number has a scale and a shift."""
    layer, x = LayerNorm(eps=4.0), np.array([[1.0, 3.0, 5.0, 7.0]])
    w = {"scale": np.array([3.0, 6.0, 3.0, 1.5]), "shift": np.array([0.0, 0.0, 1.0, 0.5])}
    assert layer.forward(w, {}, TRAIN, x).y.tolist() == [[-3, -2, 2, 2]]


def test_the_gradient_of_a_sample_by_hand() -> None:
    """-1, 0, 1 with eps 1/3 normalises to itself; of dy = 1, 0, 0 mean and slope are taken off."""
    layer, x = InstanceNorm(eps=1 / 3), np.array([[[-1.0], [0.0], [1.0]]])
    made = layer.forward({}, {}, TRAIN, x)
    np.testing.assert_allclose(made.y, x)
    dy = np.array([[[1.0], [0.0], [0.0]]])
    back = layer.backward({}, Kept((x.shape,), x=(x,), extras=made.extras), dy)
    np.testing.assert_allclose(back.dx[0].ravel(), [1 - 1 / 3 - 1 / 3, -1 / 3, -1 / 3 + 1 / 3], atol=1e-15)


def test_one_group_is_the_whole_sample_and_a_group_a_channel_is_the_instance() -> None:
    x = np.random.default_rng(0).standard_normal((3, 4, 5, 6))
    np.testing.assert_array_equal(plain(GroupNorm(1), x), plain(LayerNorm(), x))
    np.testing.assert_array_equal(plain(GroupNorm(6), x), plain(InstanceNorm(), x))
    each = plain(GroupNorm(2), x)
    for first in (0, 3):
        group = slice(first, first + 3)
        np.testing.assert_allclose(each[..., group], plain(LayerNorm(), x[..., group]), rtol=0, atol=1e-12)


def test_over_channels_every_position_is_a_sample() -> None:
    x = np.random.default_rng(1).standard_normal((3, 4, 5, 6))
    alone = plain(LayerNorm(), x.reshape(-1, 6)).reshape(x.shape)
    np.testing.assert_allclose(plain(LayerNorm("channels"), x), alone, rtol=0, atol=1e-14)


def test_what_is_normalised_together_has_mean_0_and_deviation_1() -> None:
    x = 5 + 3 * np.random.default_rng(2).standard_normal((2, 8, 8, 6))
    for layer, axes in ((LayerNorm(), (1, 2, 3)), (LayerNorm("channels"), 3), (InstanceNorm(), (1, 2))):
        y = plain(layer, x)
        np.testing.assert_allclose(y.mean(axes), 0, atol=1e-14)
        np.testing.assert_allclose(y.std(axes), 1, atol=1e-4)  # eps beside a variance of about 9


def test_parameters_have_the_shapes_of_the_papers() -> None:
    def shapes(layer: SampleNorm) -> list[tuple[int, ...]]:
        return [p.shape for p in layer.params((4, 5, 6)).values()]

    assert shapes(LayerNorm()) == [(4, 5, 6)] * 2
    assert shapes(LayerNorm("channels")) == shapes(GroupNorm(3)) == [(6,)] * 2
    assert shapes(InstanceNorm(affine=True)) == [(6,)] * 2
    assert shapes(InstanceNorm()) == shapes(LayerNorm(affine=False)) == []


@pytest.mark.parametrize("line", ["layernorm", "layernorm over=channels", "groupnorm2", "instancenorm"])
def test_a_sample_does_not_depend_on_its_company_nor_on_the_mode(line: str) -> None:
    net = kitnet.parse(f"4x4x2 -> {line}").initialise(0)
    x = np.random.default_rng(3).standard_normal((3, 4, 4, 2), np.float32)
    whole = net.tape(x).output
    np.testing.assert_array_equal(net.tape(x, train=True).output, whole)
    for n in range(3):
        np.testing.assert_array_equal(net.tape(x[n : n + 1]).output, whole[n : n + 1])


LAYERS = [LayerNorm(), LayerNorm("channels"), GroupNorm(2), GroupNorm(1), InstanceNorm()]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_a_mean_far_from_0_costs_its_own_rounding(layer: SampleNorm) -> None:
    """At 1000 float32 has steps of 6e-5, a 160th of this deviation; sums of squares would have steps of 0.06,
    600 times the variance."""
    x = (1000 + 0.01 * np.random.default_rng(4).standard_normal((4, 8, 8, 6))).astype(np.float32)
    far, exact = type(layer)(**{**vars(layer), "eps": 1e-12}), x.astype(float)
    split = exact.reshape(4, *far.sets(x.shape[1:]))
    mean, deviation = split.mean((2, 4), keepdims=True), split.std((2, 4), keepdims=True)
    want = ((split - mean) / deviation).reshape(x.shape)
    allowed = 2 * np.spacing(np.float32(1000)) / deviation.min()
    for y in (plain(far, x), compiled(far, x, "images"), compiled(far, x, "channels")):
        np.testing.assert_allclose(y, want, rtol=0, atol=allowed)


@pytest.mark.parametrize("layout", ["images", "channels"])
def test_a_single_position_a_single_channel_and_an_even_image(layout: str) -> None:
    x = np.random.default_rng(5).standard_normal((3, 1, 1, 8), np.float32)
    want = (x - x.mean(3, keepdims=True)) / x.std(3, keepdims=True)
    for layer in (LayerNorm(), LayerNorm("channels"), GroupNorm(1)):
        np.testing.assert_allclose(compiled(layer, x, layout), want, atol=1e-4)
    narrow = np.ascontiguousarray(x.reshape(3, 2, 4, 1))
    for layer in (LayerNorm(), GroupNorm(1), InstanceNorm(True)):
        np.testing.assert_allclose(compiled(layer, narrow, layout), want.reshape(narrow.shape), atol=1e-4)
    even = np.full((3, 4, 4, 2), 1000.1, np.float32)
    for layer in LAYERS:
        np.testing.assert_array_equal(compiled(layer, even, layout), 0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "4x4x48 -> groupnorm32",
            "groupnorm1: 32 groups do not divide the 48 channels of 4x4x48; use 24 or another divisor of 48",
        ),
        (
            "4x4x7 -> groupnorm2",
            "groupnorm1: 2 groups do not divide the 7 channels of 4x4x7; use 1 or another divisor of 7",
        ),
        ("4x4x2 -> groupnorm0", "groupnorm1: 0 groups of channels are not possible; use 1 or more"),
        ("4x4x2 -> layernorm eps=0.0", "layernorm1: an eps of 0 does not keep var + eps above 0; use 1e-5"),
        (
            "4x4x1 -> layernorm over=channels",
            "layernorm1: layernorm on 4x4x1 would take the mean of every single number, which leaves 0; "
            "normalise more numbers together",
        ),
        (
            "8 -> instancenorm",
            "instancenorm1: instancenorm on 8 would take the mean of every single number, which leaves 0; "
            "normalise more numbers together",
        ),
    ],
)
def test_what_cannot_be(line: str, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        kitnet.parse(line)
    assert str(caught.value) == message


@row(69)
@pytest.mark.parametrize("compiled", [False, True])
def test_batch_normalisation_is_the_papers_algorithm(compiled: bool) -> None:
    """Ioffe & Szegedy 2015, algorithm 1, line by line over a mini-batch of one activation, and the gradients
    of section 3 by their chain."""
    random = np.random.default_rng(6)
    x, dy = (random.standard_normal((20, 1), np.float32) for _ in range(2))
    gamma, beta, eps, m = 1.5, -0.25, 1e-5, 20
    mu = sum(float(v) for v in x[:, 0]) / m
    var = sum((float(v) - mu) ** 2 for v in x[:, 0]) / m
    hat = [(float(v) - mu) / math.sqrt(var + eps) for v in x[:, 0]]
    y = [gamma * v + beta for v in hat]

    dhat = [float(d) * gamma for d in dy[:, 0]]
    dvar = sum(d * (float(v) - mu) * -0.5 * (var + eps) ** -1.5 for d, v in zip(dhat, x[:, 0], strict=True))
    dmu = sum(-d / math.sqrt(var + eps) for d in dhat) + dvar * sum(-2 * (float(v) - mu) for v in x[:, 0]) / m
    dx = [
        d / math.sqrt(var + eps) + dvar * 2 * (float(v) - mu) / m + dmu / m
        for d, v in zip(dhat, x[:, 0], strict=True)
    ]
    dgamma, dbeta = sum(float(d) * v for d, v in zip(dy[:, 0], hat, strict=True)), float(dy.sum(dtype=float))

    net = kitnet.parse("1 -> batchnorm").initialise(0)
    net.weights["batchnorm1.scale"][...], net.weights["batchnorm1.shift"][...] = gamma, beta
    if compiled:
        given = net.graph, net.weights, net.state, TRAIN, {"input": x}, ("batchnorm1",)
        ran = run_once(*given, {"batchnorm1": dy}, ("input",))
        found, of_x, dw, state = ran.values["batchnorm1"], ran.gradients["input"], ran.parameters, ran.state
    else:
        tape = net.tape(x, train=True)
        gradients = tape.backward(dy)
        found, of_x, dw, state = tape.output, gradients["input"], gradients, tape.state
    for got, want in ((found, y), (of_x, dx)):
        np.testing.assert_allclose(got[:, 0], want, rtol=0, atol=2e-6)
    np.testing.assert_allclose(
        [dw["batchnorm1.scale"][0], dw["batchnorm1.shift"][0]], [dgamma, dbeta], rtol=0, atol=2e-5
    )
    running = state["batchnorm1"]
    np.testing.assert_allclose(running["mean"], 0.1 * mu, atol=1e-7)
    np.testing.assert_allclose(running["var"], 0.9 + 0.1 * var * m / (m - 1), rtol=1e-6)
    assert BatchNorm().eps == eps
