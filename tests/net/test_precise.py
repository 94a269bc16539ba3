"""Networks in bf16, bf16x3 and bf16x6 by the formulas: every layer against float64, and what is rounded
where.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError
from kitnet.base.precision import PRECISIONS, rounded
from kitnet.layers import LAYERS, Case, Convolution, TransposedConvolution
from kitnet.testing.executor import InPrecision, check_executor

BF16 = PRECISIONS["bf16"]
KINKS = {"hardsigmoid"}  # where a number is so near to one that rounding takes it beyond


def of_few_bits(case: Case) -> Case:
    """The case with normal numbers that are bf16 already."""
    draw = case.draw or (lambda random, shapes: tuple(random.standard_normal(shape) for shape in shapes))
    exactly = lambda random, shapes: tuple(  # noqa: E731
        rounded(x.astype(np.float32)).astype(float) for x in draw(random, shapes)
    )
    return replace(case, draw=exactly)


LENGTHY = {"conv", "local", "transposed", "maxpool", "unpool"}  # a case takes seconds


@pytest.mark.sample(16, 3)
@pytest.mark.parametrize(
    "word",
    [pytest.param(word, marks=pytest.mark.long if word in LENGTHY else ()) for word in LAYERS],
)
def test_every_layer_in_bf16(word: str) -> None:
    for case in LAYERS[word].cases():
        check_executor(of_few_bits(case) if word in KINKS else case, InPrecision(BF16))


WITH_PRODUCTS = [word for word, layer in LAYERS.items() if layer.products]


@pytest.mark.parametrize("name", ["bf16x3", "bf16x6"])
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{word}-{i}", marks=pytest.mark.long if word != "fc" else ())
        for word in WITH_PRODUCTS
        for i, case in enumerate(LAYERS[word].cases())
    ],
)
def test_every_product_of_parts(case: Case, name: str) -> None:
    check_executor(case, InPrecision(PRECISIONS[name]))


@pytest.mark.parametrize("name", ["bf16", "bf16x3", "bf16x6"])
def test_convolutions_of_parts(name: str) -> None:
    for layer in (Convolution(2, 4, groups=2, flip=True), TransposedConvolution(2, 3, stride=2)):
        check_executor(Case(layer, ((3, 2, 2),), batch=1), InPrecision(PRECISIONS[name]))


def test_layers_that_multiply_filters() -> None:
    assert {"conv", "fc", "transposed", "local"} == set(WITH_PRODUCTS)


LINE = "8x8x2 -> conv3-4 same -> batchnorm -> relu -> maxpool2 -> residual[conv3-4 same -> relu] -> fc5"


def net_and_images() -> tuple[kitnet.Net, np.ndarray]:
    random = np.random.default_rng(3)
    return kitnet.parse(LINE).initialise(2), random.standard_normal((6, 8, 8, 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "least", "most"), [("bf16", 1e-4, 2e-2), ("bf16x3", 1e-8, 3e-5), ("bf16x6", 0, 1e-6)]
)
def test_a_network_is_as_exact_as_its_parts(name: str, least: float, most: float) -> None:
    net, x = net_and_images()
    labels = np.arange(6) % 5
    exact = kitnet.parse(LINE).initialise(2, np.float64)
    want = exact.tape(x, labels, train=True)
    got = net.tape(x, labels, train=True, precision=name)
    gradients, exactly = got.backward(), want.backward()
    assert least <= np.linalg.norm(got["fc1"] - want["fc1"]) / np.linalg.norm(want["fc1"]) <= most
    for path in ("conv1.weight", "batchnorm1.scale", "residual1.body.conv1.bias", "fc1.bias"):
        one, other = gradients[path], exactly[path]
        assert least <= np.linalg.norm(one - other) / np.linalg.norm(other) <= most, path
        assert one.dtype == np.float32


def test_what_layers_read_is_rounded_and_what_they_give_is_not() -> None:
    net, x = net_and_images()
    tape = net.tape(x, precision="bf16")
    conv = net.graph.nodes[net.graph.find("conv1")]
    w = net.weights
    exactly = conv.layer.forward(
        {"weight": rounded(w["conv1.weight"]), "bias": w["conv1.bias"]}, {}, None, rounded(x)
    )
    np.testing.assert_array_equal(tape["conv1"], exactly.y)
    assert (tape["conv1"] != rounded(tape["conv1"])).any()
    np.testing.assert_array_equal(tape["relu1"], np.maximum(rounded(tape["batchnorm1"]), 0))


def test_losses_and_probabilities_read_exactly() -> None:
    net = kitnet.parse("4x4x1 -> fc3 -> softmax").initialise(1)
    x = np.random.default_rng(0).standard_normal((5, 4, 4, 1)).astype(np.float32)
    tape = net.tape(x, np.arange(5) % 3, precision="bf16")
    scores = tape["fc1"].astype(float)
    log = np.log(np.exp(scores).sum(1)) - scores[np.arange(5), np.arange(5) % 3]
    np.testing.assert_allclose(tape["loss"], log, rtol=1e-6)


def test_a_step_learns_with_float32_weights() -> None:
    """An update smaller than half a unit of a bf16 changes the weight all the same."""
    from kitnet.optim import Sgd
    from kitnet.train.step import FormulaStep

    net, x = net_and_images()
    before = net.weights["fc1.bias"].copy(), net.weights["fc1.weight"].copy()
    step = FormulaStep(net, None, Sgd(1e-5), {"velocity": net.weights.like()}, precision=BF16)
    step(x, np.arange(6) % 5)
    assert step.finite
    moved = net.weights["fc1.weight"] - before[1]
    assert (moved != 0).mean() > 0.5 and np.abs(moved).max() < 1e-3
    exact, _ = net_and_images()
    tape = exact.tape(x, np.arange(6) % 5, train=True, precision="bf16")
    np.testing.assert_allclose(step.gradient["fc1.weight"], tape.backward()["fc1.weight"], rtol=1e-6)


def test_of_float64_nothing_is_rounded() -> None:
    net = kitnet.parse("4x4x1 -> fc3").initialise(dtype=np.float64)
    with pytest.raises(KitnetError) as caught:
        net.tape(np.zeros((1, 4, 4, 1)), precision="bf16")
    assert str(caught.value) == (
        "precision bf16 computes in float32, but the weights are float64; use fp32, or "
        "initialise(dtype=np.float32)"
    )
