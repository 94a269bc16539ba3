"""Graphs that no chain can express: several operands and outputs, shared weights, joins of one's own, and the
graph as plain data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError, LanguageError, ShapeError
from kitnet.layers import LAYERS, Add, Convolution, Linear, Relu, Tanh
from kitnet.layers.contract import Backward, Case, Forward, Layer
from kitnet.net import Graph, Net, Side, Term, parse
from kitnet.net.notation import read_layer


def crossing() -> Graph:
    """Two operands, a diamond that crosses, a shared convolution, two outputs."""
    graph = Graph()
    one, two = graph.operand("one", (6, 6, 2)), graph.operand("two", (6, 6, 2))
    a = graph.add("a", Convolution(3, 4, pad="same"), one)
    b = graph.add("b", Convolution(3, 4, pad="same"), two, owner="a")
    c = graph.add("c", Tanh(), a)
    d = graph.add("d", Relu(), b)
    left, right = graph.add("left", Add(), a, d), graph.add("right", Add(), b, c)
    graph.output("classes", graph.add("fc1", Linear(3), left))
    graph.output("auxiliary", graph.add("fc2", Linear(2), right))
    return graph


def given(samples: int = 2) -> dict[str, Any]:
    random = np.random.default_rng(0)
    return {name: random.standard_normal((samples, 6, 6, 2)) for name in ("one", "two")}


def test_a_graph_has_operands_and_outputs_by_name() -> None:
    net = kitnet.Net(crossing())
    assert net.operands == {"one": (6, 6, 2), "two": (6, 6, 2)}
    assert net.outputs == {"classes": (3,), "auxiliary": (2,)}
    assert (net.input_shape, net.output_shape, net.line) == ((6, 6, 2), (3,), None)
    assert str(net) == "a graph of 10 values from one 6x6x2 and two 6x6x2 to classes 3 and auxiliary 2"
    found = net(given())
    assert {name: y.shape for name, y in found.items()} == {"classes": (2, 3), "auxiliary": (2, 2)}


def test_a_later_change_of_the_graph_is_not_the_networks() -> None:
    graph = crossing()
    net = Net(graph)
    graph.add("more", Relu(), 0)
    assert "more" not in net.graph and net == Net(crossing()) != Net(graph)


def test_shared_weights_exist_once_and_their_gradients_add_up() -> None:
    net = Net(crossing()).initialise(3, np.float64)
    assert [path for path in net.weights if path.startswith(("a.", "b."))] == ["a.weight", "a.bias"]
    tape = net.tape(given())
    seeds = {"classes": np.ones((2, 3)), "auxiliary": np.full((2, 2), 2.0)}
    found, step = tape.backward(seeds), 1e-6

    def total() -> float:
        y = net(given())
        return sum(float((seeds[name] * y[name]).sum()) for name in seeds)

    for place in [(0, 0, 0, 0), (1, 2, 1, 3)]:
        at = net.weights["a.weight"]
        at[place] += step
        high = total()
        at[place] -= 2 * step
        assert found["a.weight"][place] == pytest.approx((high - total()) / (2 * step), rel=1e-6)
        at[place] += step


def test_a_seed_may_be_any_value_and_seeds_of_one_value_add_up() -> None:
    tape = parse("4 -> fc3 -> tanh").tape(np.ones((2, 4)))
    dy = np.ones((2, 3))
    assert np.array_equal(tape.backward({"fc1": dy})["fc1"], dy)
    assert np.array_equal(tape.backward({"tanh1": dy, "output": dy})["tanh1"], 2 * dy)


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (np.ones((2, 6, 6, 2)), "this network reads one and two; give a mapping, such as {'one': x, ...}"),
        ({"one": np.ones((2, 6, 6, 2))}, "two: is missing; this network reads one and two"),
        ({**given(), "three": 1}, "three: is no operand; this network reads one and two"),
        (
            {**given(), "two": given(3)["two"]},
            "operands differ in their number of samples: one 2, two 3",
        ),
        (
            {**given(), "two": np.ones((2, 6, 6, 1))},
            "two: expected an array of shape (N, 6, 6, 2), samples first and channels last, but got "
            "(2, 6, 6, 1); this network reads 6x6x2",
        ),
    ],
)
def test_operands_that_do_not_fit(x: Any, text: str) -> None:
    with pytest.raises(ShapeError) as caught:
        Net(crossing())(x)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (
            lambda g: g.add("x", Convolution(3, 5, pad="same"), 0, owner="a"),
            "x: its parameters weight 3x3x2x5, bias 5 are not those of a, weight 3x3x2x4, bias 4; share "
            "between equal layers on inputs of equal depth",
        ),
        (
            lambda g: g.add("x", Relu(), 0, owner="z"),
            "x: no layer 'z' stands before it to share weights with",
        ),
        (
            lambda g: g.add("x", Relu(), 99),
            "x: the graph has no value 99; give what operand() or add() returned",
        ),
        (lambda g: g.output("classes", 0), "two outputs are called 'classes'; rename one of them"),
        (
            lambda g: g.output("third", 99),
            "output third: the graph has no value 99; give what operand() or add() returned",
        ),
        (
            lambda g: g.add("my layer", Relu(), 0),
            "'my layer' is no name; use letters, digits, _ and -, such as 'conv1' or 'my-layer'",
        ),
    ],
)
def test_what_a_graph_refuses(wrong: Any, text: str) -> None:
    with pytest.raises(KitnetError) as caught:
        wrong(crossing())
    assert str(caught.value) == text


def test_a_network_of_something_else_than_a_graph() -> None:
    given: Any = (8, 8, 1)
    with pytest.raises(KitnetError) as caught:
        Net(given)
    assert str(caught.value) == (
        "Net takes a Graph, or a volume and layers as in Net((28, 28, 1), [Relu()]), not (8, 8, 1); "
        "kitnet.parse reads lines"
    )


def test_no_layer_where_a_graph_needs_one() -> None:
    with pytest.raises(LanguageError) as caught:
        read_layer("")
    assert str(caught.value).splitlines()[0] == "expected a layer, such as conv3-16"


def test_a_network_needs_a_layer() -> None:
    graph = Graph()
    graph.operand("x", (3,))
    with pytest.raises(ShapeError) as caught:
        Net(graph)
    assert str(caught.value) == (
        "a network needs an operand and a layer; use graph.operand(...) and graph.add(...)"
    )


# As plain data


def test_a_graph_survives_json() -> None:
    for net in (
        Net(crossing()),
        parse("8x8x1 -> conv3-4/2 same floor -> residual[conv3-4 same] => a -> fc2"),
    ):
        again = Graph.from_json(json.loads(json.dumps(net.graph.to_json())))
        assert again == net.graph and hash(again) == hash(net.graph)
        assert again.nodes == net.graph.nodes and again.outputs == net.graph.outputs
    assert Net(crossing()).graph.to_json()["values"][3] == {
        "path": "b",
        "layer": "conv3-4 same",
        "inputs": ["two"],
        "owner": "a",
    }


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"values": {}, "outputs": {}},
        {"values": [], "outputs": {"y": "z"}},
        {"values": [{"path": 3, "shape": [2]}], "outputs": {}},
        {"values": [{"path": "x", "shape": [2.5]}], "outputs": {}},
        {
            "values": [{"path": "x", "shape": [2]}, {"path": "y", "layer": "fc", "inputs": ["x"]}],
            "outputs": {},
        },
        {
            "values": [{"path": "x", "shape": [2]}, {"path": "y", "layer": "relu", "inputs": "x"}],
            "outputs": {},
        },
        {
            "values": [{"path": "x", "shape": [2]}, {"path": "y", "layer": "relu", "inputs": ["z"]}],
            "outputs": {},
        },
        {"values": [{"path": "x", "shape": [2]}, {"path": "y", "layer": 1, "inputs": ["x"]}], "outputs": {}},
        {"values": [{"path": "x", "shape": [2]}, {"path": "y", "layer": "", "inputs": ["x"]}], "outputs": {}},
        {
            "values": [{"path": "x", "shape": [2]}, {"path": "y", "layer": "relu", "inputs": [["x"]]}],
            "outputs": {},
        },
    ],
    ids=str,
)
def test_data_that_describe_no_graph(data: Any) -> None:
    with pytest.raises(KitnetError):
        Graph.from_json(data)


# In the language


def test_a_part_once_more_with_the_same_weights() -> None:
    net = parse(
        "8x8x2 -> a:conv3-2 same -> relu -> @a -> tower:[conv3-2 same -> tanh]*2 -> again:@tower -> fc2"
    )
    owners = {node.path: node.owner for node in net.graph.nodes if node.owner != node.path}
    assert owners == {
        "shared1": "a",
        "again.0.conv1": "tower.0.conv1",
        "again.1.conv1": "tower.1.conv1",
    }
    assert parse(str(net)) == net
    assert str(net).startswith("8x8x2 -> a:conv3-2 same -> relu -> @a -> tower:[")


def test_a_part_is_found_from_within_brackets_and_within_shared_parts() -> None:
    line = "8x8x2 -> a:conv3-2 same -> t:residual[@a -> b:conv1-2 -> @b] -> @t -> fc2"
    owners = {node.path: node.owner for node in parse(line).graph.nodes if node.owner != node.path}
    assert owners == {
        "t.body.shared1": "a",
        "t.body.shared2": "t.body.b",
        "shared1.body.shared1": "a",
        "shared1.body.b": "t.body.b",
        "shared1.body.shared2": "t.body.b",
    }


def test_a_shared_part_that_does_not_stand_before() -> None:
    with pytest.raises(ShapeError) as caught:
        parse("8x8x2 -> stem:conv3-2 same -> @sten -> fc2")
    assert str(caught.value) == ("shared1: no part named 'sten' stands before @sten (did you mean 'stem'?)")


def test_outputs_beside_the_main_one() -> None:
    line = "8x8x2 -> conv3-4 => maps -> side[meanpool6 -> fc2 => auxiliary] -> fc3"
    net = parse(line)
    assert net.outputs == {"output": (3,), "maps": (6, 6, 4), "auxiliary": (2,)}
    assert str(net) == line and parse(line) == net
    assert net.graph.nodes[net.graph.main].inputs == (net.graph.outputs["maps"],)
    named = parse("8x8x2 -> side[fc2 => auxiliary] -> fc3 => classes")
    assert named.outputs == {"classes": (3,), "auxiliary": (2,)}
    inside = named.graph.nodes[named.graph.outputs["auxiliary"]]
    assert (inside.path, inside.inputs) == ("side1.fc1", (0,))


def test_a_chain_with_outputs_in_python() -> None:
    net = Net.of((8,), Side(Net.of((8,), Term(Linear(2), output="two")).body), Linear(3))  # type: ignore[arg-type]
    assert str(net) == "8 -> side[fc2 => two] -> fc3"


@pytest.fixture
def product() -> Iterator[type[Layer]]:
    """A join of one's own, registered while the test runs."""

    @dataclass(frozen=True)
    class Product(Layer):
        """y = scale * a * b."""

        word = "product"
        joins = True
        scale: float = 1.0

        def output_shape(self, *x: tuple[int, ...]) -> tuple[int, ...]:
            return x[0]

        def forward(self, w: Any, state: Any, ctx: Any, *x: Any) -> Forward:
            return Forward(self.scale * x[0] * x[1])

        def backward(self, w: Any, kept: Any, dy: Any) -> Backward:
            return Backward((self.scale * dy * kept.x[1], self.scale * dy * kept.x[0]))

        @classmethod
        def cases(cls) -> Iterator[Case]:
            yield Case(cls(), ((3,), (3,)))

    yield Product
    del LAYERS["product"]


def test_a_join_of_ones_own_is_written_as_others_are(product: type[Layer]) -> None:
    line = "4 -> product scale=2[fc3 | fc3 -> sigmoid] -> fc2"
    net = parse(line)
    assert str(net) == line
    assert (net.graph.nodes[4].path, net.graph.nodes[4].layer) == ("product1", product(scale=2.0))  # type: ignore[call-arg]
    with pytest.raises(KitnetError) as caught:
        parse("4 -> product -> fc2")
    assert str(caught.value) == (
        "product joins branches; write product[one | other]\n  4 -> product -> fc2\n       ^"
    )


def test_what_leads_to_values() -> None:
    g = Graph()
    x, other = g.operand("x", (4,)), g.operand("other", (4,))
    a = g.add("a", Linear(4), x)
    b = g.add("b", Linear(4), other)
    both, last = g.add("both", Add(), a, b), g.add("last", Relu(), a)
    assert g.leading_to(last) == [x, a, last]
    assert g.leading_to(b, last) == [x, other, a, b, last]
    assert g.leading_to(both) == [x, other, a, b, both]
    assert g.leading_to() == []
