"""Heads cut off and put on, and other names: what stays keeps its weights bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from small_networks import bits, images, made

import kitnet
from kitnet.base.error import KitnetError
from kitnet.layers import Convolution, Relu
from kitnet.surgery import append, cut, head, rename

BODY = "8x8x2 -> a:conv3-4 -> batchnorm -> relu -> residual[conv3-4 same -> relu]"
LINE = f"{BODY} -> maxpool2 -> fc6 -> relu -> fc3"


def same_bits(new: kitnet.Net, old: kitnet.Net, paths: dict[str, str]) -> None:
    """Arrays of the new network by paths of the old one that they were."""
    for path, before in paths.items():
        assert new.weights[path].tobytes() == old.weights[before].tobytes()


def test_up_to_a_path() -> None:
    net = made(LINE)
    before, x = bits(net), images(net)
    new = cut(net, "residual1")
    assert str(new) == BODY
    assert np.array_equal(new(x), net.tape(x)["residual1"])
    assert set(new.state) == {"batchnorm1"} and bits(net) == before


def test_what_is_not_needed_goes() -> None:
    net = made("8x8x2 -> conv3-4 -> side[fc2 => early] -> relu -> concat[conv1-3 | conv1-2] -> fc3 => late")
    new = cut(net, "concat1.1.conv1")
    assert [node.path for node in new.graph.nodes] == ["input", "conv1", "relu1", "concat1.1.conv1"]
    assert list(new.outputs) == ["output"]


def test_an_owner_that_goes_leaves_its_weights_to_the_next() -> None:
    g = kitnet.Graph()
    x = g.operand("image", (4, 4, 1))
    g.add("a", Convolution(1, 3), x)
    b = g.add("b", Convolution(1, 3), g.add("relu", Relu(), x), owner="a")
    g.output("c", g.add("c", Convolution(1, 3), b))
    g.output("d", g.add("d", Convolution(1, 3), g.add("again", Relu(), x), owner="a"))
    net = kitnet.Net(g).initialise(4, np.float64)
    new = cut(net, "c")
    assert [(n.path, n.owner) for n in new.graph.nodes[2:]] == [("b", "b"), ("c", "c")]
    same_bits(new, net, {"b.weight": "a.weight", "b.bias": "a.bias", "c.weight": "c.weight"})


def test_another_head() -> None:
    net = made(LINE)
    new = head(net, "fc5 -> softmax", seed=3)
    assert str(new) == LINE.replace("fc3", "fc5 -> softmax")
    same_bits(new, net, {p: p for p in net.weights if not p.startswith("fc2")})
    assert new.state["batchnorm1"]["var"].tobytes() == net.state["batchnorm1"]["var"].tobytes()
    alone = kitnet.parse(str(new)).initialise(3, np.float64)
    assert np.array_equal(new.weights["fc2.weight"], alone.weights["fc2.weight"])
    assert not np.array_equal(new.weights["fc2.weight"], head(net, "fc5").weights["fc2.weight"])


def test_a_head_behind_a_softmax_and_a_mean() -> None:
    net = made("8x8x2 -> conv3-4 -> relu -> conv1-10 -> meanpool global -> flatten -> softmax")
    assert str(head(net, "out:fc2")) == "8x8x2 -> conv3-4 -> relu -> out:fc2"


def test_layers_behind_the_end_have_names_of_their_own() -> None:
    net = made("8x8x2 -> conv3-4 -> x:conv3-4 -> conv3-4")
    new = append(net, "conv1-2 -> relu -> residual[conv1-2]")
    assert [n.path for n in new.graph.nodes[3:]] == [
        "conv2",
        "conv3",
        "relu1",
        "residual1.body.conv1",
        "residual1",
    ]
    same_bits(new, net, {path: path for path in net.weights})


def test_other_names() -> None:
    net = made(LINE)
    x = images(net)
    new = rename(net, {"a": "first", "residual1": "block", "residual1.body.conv1": "other.conv"})
    assert [n.path for n in new.graph.nodes[1:6]] == [
        "first",
        "batchnorm1",
        "relu1",
        "other.conv",
        "block.body.relu1",
    ]
    assert np.array_equal(new(x), net(x))
    same_bits(new, net, {"first.weight": "a.weight", "other.conv.bias": "residual1.body.conv1.bias"})


@pytest.mark.parametrize(
    ("do", "text"),
    [
        (lambda net: cut(net, "fc3"), "no layer 'fc3' (did you mean 'fc2'?)"),
        (
            lambda net: cut(net, "input"),
            "input: it is the input of the network; cut behind one of its layers",
        ),
        (
            lambda net: rename(net, {"b": "c"}),
            "nothing is called 'b' (there are 'input', 'a', 'batchnorm1', 'relu1', 'residual1', "
            "'residual1.body' and 6 others)",
        ),
        (lambda net: rename(net, {"a": "fc1"}), "fc1: two layers have this name; rename one of them"),
        (
            lambda net: rename(net, {"a": "1 2"}),
            "'1 2' is no name that a line can have; begin it with a letter from a to z or _, and go on with "
            "letters, digits, _ and -",
        ),
        (
            lambda net: head(cut(net, "residual1"), "fc2"),
            "residual1: several values lead here, so that there is no last layer to put another in the "
            "place of; cut the network at a path first",
        ),
        (lambda net: head(net, "cnv2"), "unknown layer 'cnv' (did you mean 'conv'?)\n  6 -> cnv2\n       ^"),
    ],
)
def test_mistakes(do: object, text: str) -> None:
    with pytest.raises(KitnetError) as caught:
        do(made(LINE))  # type: ignore[operator]
    assert str(caught.value) == text
