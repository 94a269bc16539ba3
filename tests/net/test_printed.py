"""What networks, weights, tapes, graphs and plans print: tables, not floods of numbers."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

import kitnet
from kitnet.base.error import shorten
from kitnet.data import load

NET = kitnet.parse("6x6x1 -> conv3-2 -> relu -> fc3")


def test_a_network() -> None:
    assert repr(NET).splitlines() == [
        "6x6x1 -> conv3-2 -> relu -> fc3",
        "",
        "layer  output  values  parameters  multiply-adds",
        "input   6x6x1      36",
        "conv1   4x4x2      32          20            288",
        "relu1   4x4x2",
        "fc1         3       3          99             96",
        "total              71         119            384",
    ]
    assert "\n" not in shorten(NET)


def test_a_deep_network_prints_few_rows() -> None:
    assert len(repr(kitnet.zoo.find("resnet50").build()).splitlines()) < 100


def test_weights_and_gradients() -> None:
    net = kitnet.parse("2 -> fc2")
    net.weights["fc1.weight"][...] = [[1, 2], [3, 4]]
    assert repr(net.weights).splitlines() == [
        "path        shape  mean  deviation  least  most",
        "fc1.weight    2x2   2.5       1.12      1     4",
        "fc1.bias        2     0          0      0     0",
    ]
    tape = net.tape(np.array([[1.0, -1.0]]))
    assert repr(tape).splitlines()[1:] == [
        "input    1x2     0          1     -1     1",
        "fc1      1x2    -2          0     -2    -2",
    ]
    tape.backward()
    assert [line.split()[0] for line in repr(tape.gradient).splitlines()] == [
        *("path", "fc1", "fc1.weight", "fc1.bias", "input"),
    ]
    with pytest.raises(KeyError, match=r"no array 'fc.weight' \(did you mean 'fc1.weight'\?\)"):
        net.weights["fc.weight"]
    assert "fc.weight" not in net.weights and "fc1.weight" in net.weights


def test_graphs_plans_and_data() -> None:
    assert repr(NET.graph).splitlines() == [
        "path   layer    reads  shape",
        "input  operand         6x6x1",
        "conv1  conv3-2  input  4x4x2",
        "relu1  relu     conv1  4x4x2",
        "fc1    fc3      relu1      3",
    ]
    fast = NET.compile(8)
    assert repr(fast) == "<Scores of up to 8 samples by 6x6x1 -> conv3-2 -> relu -> fc3>"
    assert repr(fast.plan).startswith("<Plan of scores for 8 samples: ")
    assert repr(kitnet.zoo.find("lenet5")) == "<Card lenet5: LeNet-5 of 1998 with a softmax output, 1998>"
    assert repr(load("digits").test) == "<Dataset digits: 360 samples in 10 classes>"


def cells(html: str) -> list[list[str]]:
    """The tables of a page that is whole, as rows of texts."""
    rows = []
    for row in ElementTree.fromstring(f"<div>{html}</div>").iter("tr"):
        rows.append(["".join(cell.itertext()) for cell in row])
    return rows


def test_a_notebook_shows_networks_and_tapes_as_tables() -> None:
    shown = NET._repr_html_()
    assert shown.startswith("<p><code>6x6x1 -&gt; conv3-2 -&gt; relu -&gt; fc3</code></p>")
    printed = [line.split() for line in repr(NET).splitlines()[2:]]
    assert [[cell for cell in row if cell] for row in cells(shown)] == printed
    tape = NET.tape(np.ones((1, 6, 6, 1)))
    assert [row[0] for row in cells(tape._repr_html_())] == ["path", "input", "conv1", "relu1", "fc1"]
    tape.backward()
    both = cells(tape._repr_html_())
    assert [row for row in both if row[0] == "fc1.bias"] == [["fc1.bias", "3", "1", "0", "1", "1"]]
    for one in (tape.gradient, NET.weights, NET.ledger()):
        told = [[cell for cell in row if cell] for row in cells(one._repr_html_())]
        assert told == [line.split() for line in repr(one).splitlines()]
