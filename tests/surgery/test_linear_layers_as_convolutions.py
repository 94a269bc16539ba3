"""Linear layers as convolutions and back (catalogue 76, 77): same scores, same weights, and networks that
slide."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue import row
from small_networks import bits, images, made, random_line

import kitnet
from kitnet.base.error import KitnetError
from kitnet.layers import Add, Linear, Relu
from kitnet.surgery import average, convolve, linear, resize
from kitnet.surgery.sliding import convolving, linearising, resizing
from kitnet.zoo import find

SEEDS = range(20)


@pytest.mark.sample(4)
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_convolved_networks_give_the_same_scores(seed: int, padded: bool) -> None:
    net = made(random_line(seed, padded), seed)
    before, graph, x = bits(net), net.graph.to_json(), images(net)
    new = convolve(net)
    assert not any(isinstance(node.layer, Linear) for node in new.graph.nodes)
    assert new.output_shape == (1, 1, *net.output_shape)
    assert new(x).reshape(2, -1) == pytest.approx(net(x), rel=1e-12, abs=1e-12)
    assert new.weights.flat.dtype == np.float64
    assert (bits(net), net.graph.to_json()) == (before, graph)
    assert all(new.weights[path].tobytes() == view.tobytes() for path, view in net.weights.items())
    assert all(new.state[p][n].tobytes() == a.tobytes() for p, s in net.state.items() for n, a in s.items())


@pytest.mark.sample(4)
@pytest.mark.parametrize("seed", [s for s in SEEDS if s % 4 < 2])
def test_and_back_it_is_the_network_that_it_was(seed: int) -> None:
    net = made(random_line(seed, padded=False), seed)
    back = linear(convolve(net))
    assert back == net
    assert bits(back) == bits(net)


@row(76, 77)
def test_77_vgg_16_on_384x384() -> None:
    """12x12x512 before the head, whose window of 7 has six positions along each axis: 36 in all."""
    graph = find("vgg16").build().graph
    small = convolving(graph).graph
    head = [small.find(path) for path in ("fc1", "fc2", "fc3")]
    assert [small.nodes[i].shape for i in head] == [(1, 1, 4096), (1, 1, 4096), (1, 1, 1000)]
    assert [small.nodes[i].layer.window for i in head] == [7, 1, 1]  # type: ignore[union-attr]
    wide = resizing(small, (384, 384, 3)).graph
    assert wide.nodes[wide.find("stage5.maxpool1")].shape == (12, 12, 512)
    assert wide.nodes[wide.main].shape == (6, 6, 1000)
    assert {path: p.size for path, p in wide.params().items()} == {
        p: q.size for p, q in graph.params().items()
    }
    assert linearising(small).graph == graph


def test_weights_are_the_same_rows() -> None:
    net = made("3x4x2 -> fc5 -> fc3")
    new = convolve(net)
    assert str(new) == "3x4x2 -> fc1:conv3x4-5 -> fc2:conv1-3"
    for place in np.ndindex(3, 4, 2):
        row_number = (place[0] * 4 + place[1]) * 2 + place[2]
        assert np.array_equal(new.weights["fc1.weight"][place], net.weights["fc1.weight"][row_number])


def test_turned_filters_and_tables_become_matrices() -> None:
    net = made("3x3x4 -> a:conv3-2 flip=yes bias=no -> relu -> conv1-3 table=0/0.1/1")
    new, x = linear(net), images(net)
    assert str(new) == "3x3x4 -> a:fc2 bias=no -> relu -> conv1:fc3"
    assert new(x) == pytest.approx(net(x).reshape(2, -1), rel=1e-12)
    assert new.weights["conv1.weight"][1, 0] == 0  # no link


def test_squeeze_and_excitation_keeps_its_scores() -> None:
    """On an image of the old size; it has no line of the language any more."""
    net = made("6x6x4 -> conv3-4 -> se2 -> relu -> fc2")
    new, x = convolve(net), images(net)
    assert new(x).reshape(2, -1) == pytest.approx(net(x), rel=1e-12)
    assert new.line is None
    assert str(new) == "a graph of 10 values from input 6x6x4 to output 1x1x2"


def shared() -> kitnet.Net:
    """One linear layer on two values, with the same weights."""
    g = kitnet.Graph()
    x = g.operand("image", (3, 3, 2))
    a = g.add("a", Linear(4), x)
    b = g.add("b", Linear(4), g.add("relu", Relu(), x), owner="a")
    g.output("classes", g.add("sum", Add(), a, b))
    return kitnet.Net(g).initialise(1, np.float64)


def test_shared_weights_stay_shared() -> None:
    net = shared()
    new, x = convolve(net), images(net)
    assert list(new.weights) == ["a.weight", "a.bias"]
    assert new.graph.nodes[new.graph.find("b")].owner == "a"
    assert list(new.outputs) == ["classes"]
    assert new(x).reshape(2, -1) == pytest.approx(net(x), rel=1e-12)


def test_the_mean_of_all_positions() -> None:
    net = made("8x8x1 -> conv3-4 -> relu -> fc3 -> softmax")
    wide = resize(convolve(net), (10, 9, 1))
    new, x = average(wide), images(net, more=(2, 1))
    assert str(new).endswith("fc1:conv6-3 -> average:meanpool global -> softmax")
    scores = wide.tape(x)["fc1"].mean((1, 2))
    e = np.exp(scores)
    assert new(x)[:, 0, 0] == pytest.approx(e / e.sum(1, keepdims=True), rel=1e-12)


@pytest.mark.parametrize(
    ("line", "change", "text"),
    [
        (
            "6 -> relu -> fc3",
            convolve,
            "fc1: its input 6 comes from no volume, so that there is nothing to slide over",
        ),
        (
            "12x12x1 -> conv5-1 -> fc84 -> rbf",
            convolve,
            "rbf1: rbf measures its whole input against bitmaps and has no form that slides; cut it off "
            "first",
        ),
        (
            "4x4x2 -> flatten -> batchnorm -> fc3",
            convolve,
            "batchnorm1: batchnorm reads a volume as one row of numbers, which a network that slides does "
            "not have",
        ),
        (
            "4x4x2 -> flatten -> layernorm -> fc3",
            convolve,
            "layernorm1: layernorm reads a volume as one row of numbers, which a network that slides does "
            "not have",
        ),
        (
            "4x4x2 -> fc5 -> bias -> fc3",
            convolve,
            "bias1: bias has weights for each of the 5 numbers of its input, which a network that slides "
            "does not have",
        ),
        (
            "7x7x2 -> meanpool regions=2 -> fc3",
            convolve,
            "meanpool1: 2x2 regions of 7x7x2 have no common size, so that they do not slide",
        ),
        (
            "6x6x2 -> conv3-4 -> relu",
            linear,
            "no convolution has its whole input in one window without padding, as a linear layer has; give "
            "the network the input of one window first",
        ),
        (
            "6x6x2 -> fc3",
            average,
            "fc1: its output 3 has no positions to average; turn linear layers into convolutions first",
        ),
        ("6 -> fc3", average, "fc1: its output 3 has no positions to average"),
        ("6 -> fc3", linear, "the network has no convolution that a linear layer could take the place of"),
    ],
)
def test_what_has_no_such_form(line: str, change: object, text: str) -> None:
    with pytest.raises(KitnetError) as caught:
        change(kitnet.parse(line))  # type: ignore[operator]
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("line", "input", "text"),
    [
        (
            "6x6x2 -> fc3",
            (8, 8, 2),
            "fc1: on an input of 8x8x2 in place of 6x6x2 its weight would be 128x3, not 72x3; turn linear "
            "layers into convolutions first",
        ),
        (
            "6x6x2 -> conv3-3 -> local3-2",
            (8, 8, 2),
            "local1: on an input of 6x6x3 in place of 4x4x3 its weight would be 4x4x3x3x3x2, not "
            "2x2x3x3x3x2; it has weights of its own for each position, which others have not",
        ),
        (
            "6x6x2 -> conv3-3",
            (8, 8, 3),
            "conv1: on an input of 8x8x3 in place of 6x6x2 its weight would be 3x3x3x3, not 3x3x2x3; give "
            "it an input of the same depth",
        ),
        (
            "16x16x1 -> conv5-2 -> maxpool2 -> conv3-2 -> maxpool2 -> conv2-2",
            (19, 20, 1),
            "maxpool1: strides do not divide an input of 19x20x1; sizes go up from 16x16 in steps of 4x4; "
            "use 16x20 or 20x20",
        ),
        (  # another filter would ask for other weights; 14x14 leaves the last layer nothing
            "32x32x1 -> conv5-6 -> maxpool2 -> conv5-16 -> maxpool2 -> conv5-9 -> fc4",
            (10, 10, 1),
            "conv2: a 5x5 filter does not fit its 3x3x6 input: (3 - 5 + 2*0) / 1 + 1 = -1 (so far: 10x10x1 "
            "-> conv1 6x6x6 -> maxpool1 3x3x6); use an input of 32x32x1",
        ),
        (
            "4x4x1 -> maxpool2",
            (5, 5, 1),
            "maxpool1: strides do not divide an input of 5x5x1; sizes go up from "
            "4x4 in steps of 2x2; use 4x4 or 6x6",
        ),
        (
            "4x4x1 -> maxpool2 -> fc3",
            (5, 5, 1),
            "maxpool1: a stride of 2 does not divide: (5 - 2 + 2*0) / 2 + 1 = 2.5 positions of a 2x2 pooling "
            "window on its 5x5x1 input; use an input of 4x4x1 or 6x6x1",
        ),
    ],
)
def test_other_inputs(line: str, input: tuple[int, ...], text: str) -> None:
    with pytest.raises(KitnetError) as caught:
        resize(kitnet.parse(line), input)
    assert str(caught.value) == text


def test_a_network_of_two_inputs_has_no_other_size() -> None:
    g = kitnet.Graph()
    g.output("sum", g.add("add", Add(), g.operand("a", (3,)), g.operand("b", (3,))))
    with pytest.raises(KitnetError) as caught:
        resize(kitnet.Net(g), (4,))
    assert str(caught.value) == "a network of 2 inputs; only one of a single input is resized"
