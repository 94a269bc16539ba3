"""The line of a graph: every network of the zoo is found again from its graph alone."""

from __future__ import annotations

import pytest

import kitnet
from kitnet.layers import Add, Linear, Relu
from kitnet.surgery.line import body_of
from kitnet.zoo import MODELS


@pytest.mark.sample(6)
@pytest.mark.parametrize("name", [name for name in MODELS if name not in ("resnet1202", "resnet1001:v2")])
def test_networks_of_the_zoo(name: str) -> None:
    net = MODELS[name].build()
    found = kitnet.Net(net.graph, body_of(net.graph))
    assert found.line is not None and found == net
    assert kitnet.parse(found.line) == net
    assert len(found.line) <= len(str(net))


@pytest.mark.parametrize(
    "line",
    [
        "8x8x1 -> [conv3-4 same -> relu]*3 -> fc2",
        "8x8x4 -> stage:residual[conv3-4 same]*2 -> relu -> add[relu | tanh | identity] -> fc2 => classes",
        "8x8x4 -> se2 -> relu -> se4 -> side[fc2 => early] -> fc3",
        "8x8x4 -> a:[conv3-4 same -> relu] -> b:conv1-4 -> @b -> fc2",
        "8x8x4 -> conv3-4 => early -> conv7:relu -> conv3-2 -> fc3",
        "8x8x4 -> residual[relu -> concat[conv1-2 | conv1-2] | tanh]*2 -> unpool2[maxpool2 | identity]",
    ],
)
def test_lines(line: str) -> None:
    net = kitnet.parse(line)
    found = kitnet.Net(net.graph, body_of(net.graph))
    assert found.line is not None and found == net
    assert kitnet.parse(found.line) == net


def test_a_graph_without_a_line() -> None:
    g = kitnet.Graph()
    x = g.operand("input", (3,))
    a = g.add("fc1", Linear(3), x)
    g.add("sum", Add(), g.add("relu1", Relu(), a), x)
    assert body_of(g) is None
    odd = kitnet.Graph()
    odd.add("a.b", Relu(), odd.add("a", Relu(), odd.operand("input", (3,))))
    assert body_of(odd) is None
    branches = kitnet.Graph()
    x = branches.operand("input", (3,))
    branches.add("c", Add(), branches.add("c.0", Relu(), x), branches.add("c.1", Relu(), x))
    assert body_of(branches) is None
    digit = kitnet.Graph()
    digit.add("0", Relu(), digit.operand("input", (3,)))
    assert body_of(digit) is None
    two = kitnet.Graph()
    two.add("sum", Add(), two.operand("a", (3,)), two.operand("b", (3,)))
    assert body_of(two) is None
