"""Batch norms folded into the layers in front of them: same scores, fewer layers."""

from __future__ import annotations

import numpy as np
import pytest
from small_networks import bits, images, made, random_line

import kitnet
from kitnet.base.error import KitnetError
from kitnet.layers import BatchNorm, Convolution, Relu
from kitnet.surgery import fold, foldable

KINDS = (
    "6x6x2 -> conv3-4 -> batchnorm -> relu -> fc3",
    "6x6x2 -> conv3-4 bias=no same -> batchnorm eps=0.1 -> fc3",
    "6x6x4 -> conv3-4 groups=4 bias=no -> batchnorm -> conv1-3 -> batchnorm -> fc2",
    "6x6x3 -> conv3-3 table=0.1/1/0.2 -> batchnorm -> fc3",
    "6x6x2 -> conv2-3 flip=yes -> batchnorm -> fc3",
    "6x6x2 -> fc5 bias=no -> batchnorm -> tanh -> fc3 -> batchnorm",
    "7x2 -> conv3-4 -> batchnorm -> fc3",
    "6x6x2 -> conv3-4 bias=no -> batchnorm -> batchnorm eps=0.1 -> batchnorm -> fc3",
)


def worked_out(net: kitnet.Net) -> kitnet.Net:
    """As trained: statistics of both signs and any scale."""
    random = np.random.default_rng(1)
    for path, view in net.weights.items():
        view[...] = random.standard_normal(view.shape) * (1 if path.endswith("weight") else 2)
    for state in net.state.values():
        state["mean"][...] = random.standard_normal(state["mean"].shape)
        state["var"][...] = random.uniform(0.01, 4, state["var"].shape)
    return net


@pytest.mark.parametrize("line", KINDS)
def test_scores_stay(line: str) -> None:
    net = worked_out(made(line))
    before = bits(net)
    shape = (3, *net.input_shape)
    x = np.random.default_rng(2).standard_normal(shape)
    new = fold(net)
    assert not any(isinstance(node.layer, BatchNorm) for node in new.graph.nodes)
    assert new(x) == pytest.approx(net(x), rel=1e-11, abs=1e-11)
    assert bits(net) == before
    assert new.line is not None and kitnet.parse(new.line) == new


@pytest.mark.sample(4)
@pytest.mark.parametrize("seed", range(12))
def test_in_networks_with_branches(seed: int) -> None:
    net = made(random_line(seed, padded=True), seed)
    reasons = foldable(net.graph)
    if not reasons:
        return
    assert not any(reasons.values())
    new, x = fold(net), images(net)
    assert len(new.graph.nodes) == len(net.graph.nodes) - len(reasons)
    assert new(x) == pytest.approx(net(x), rel=1e-11, abs=1e-12)


def test_in_float32_rounding_happens_once() -> None:
    net = kitnet.parse(KINDS[0]).initialise(0)
    worked_out(net)
    w, s = net.weights, net.state["batchnorm1"]
    factor = w["batchnorm1.scale"].astype(float) / np.sqrt(s["var"].astype(float) + 1e-5)
    new = fold(net)
    assert np.array_equal(new.weights["conv1.weight"], (w["conv1.weight"] * factor).astype(np.float32))
    assert new.weights["fc1.weight"].tobytes() == w["fc1.weight"].tobytes()


def test_one_of_several() -> None:
    net = made(KINDS[2])
    new = fold(net, "batchnorm2")
    assert str(new) == "6x6x4 -> conv3-4 groups=4 bias=no -> batchnorm -> conv1-3 -> fc2"
    assert new(images(net)) == pytest.approx(net(images(net)), rel=1e-12)


def test_norms_in_a_row() -> None:
    net = made(KINDS[7])
    new, x = fold(net, "batchnorm1", "batchnorm2"), images(net)
    assert str(new) == "6x6x2 -> conv3-4 -> batchnorm3:batchnorm -> fc3"
    assert new(x) == pytest.approx(net(x), rel=1e-12)
    with pytest.raises(KitnetError) as caught:
        fold(net, "batchnorm1", "batchnorm3")
    assert str(caught.value) == "batchnorm3: it follows batchnorm2, which is not folded; fold both"
    read = kitnet.parse("6x6x2 -> conv3-4 -> batchnorm -> residual[batchnorm -> relu] -> fc3")
    assert foldable(read.graph)["residual1.body.batchnorm1"] == (
        "other layers, or an output, read batchnorm1 before the norm; it stays"
    )


def test_what_others_read_stays() -> None:
    line = "6x6x2 -> batchnorm -> conv3-4 -> residual[batchnorm -> relu] -> conv3-2 -> batchnorm -> fc2"
    net = made(line)
    new, x = fold(net), images(net)
    assert [n.path for n in new.graph.nodes if isinstance(n.layer, BatchNorm)] == [
        "batchnorm1",
        "residual1.body.batchnorm1",
    ]
    assert foldable(net.graph) == {
        "batchnorm1": "it follows input (an operand), not a convolution or linear layer, and stays",
        "residual1.body.batchnorm1": "other layers, or an output, read conv1 before the norm; it stays",
        "batchnorm2": "",
    }
    assert new(x) == pytest.approx(net(x), rel=1e-12)


def test_shared_weights_stay() -> None:
    g = kitnet.Graph()
    x = g.operand("image", (4, 4, 1))
    a = g.add("a", Convolution(1, 1), x)
    b = g.add("b", Convolution(1, 1), g.add("relu", Relu(), x), owner="a")
    g.output("one", g.add("norm", BatchNorm(), a))
    g.output("two", b)
    with pytest.raises(KitnetError) as caught:
        fold(kitnet.Net(g))
    assert str(caught.value) == "norm: a shares its weights, which the norm would change for all; it stays"


@pytest.mark.parametrize(
    ("line", "paths", "text"),
    [
        ("6x6x2 -> conv3-4 -> fc3", (), "there is no batch norm to fold"),
        (
            "6x6x2 -> conv3-4 -> relu -> batchnorm -> fc3",
            (),
            "batchnorm1: it follows relu1 (relu), not a convolution or linear layer, and stays",
        ),
        (KINDS[0], ("batchnrm1",), "no batch norm 'batchnrm1' (did you mean 'batchnorm1'?)"),
        (
            "6x6x2 -> conv3-4 -> relu -> batchnorm -> fc3",
            ("batchnorm1",),
            "batchnorm1: it follows relu1 (relu), not a convolution or linear layer, and stays",
        ),
    ],
)
def test_what_cannot_be_folded(line: str, paths: tuple[str, ...], text: str) -> None:
    with pytest.raises(KitnetError) as caught:
        fold(kitnet.parse(line), *paths)
    assert str(caught.value) == text
