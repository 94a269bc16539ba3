"""Convolutions pruned by connection tables: as if the weights of the other links were 0."""

from __future__ import annotations

import numpy as np
import pytest
from catalogue import row
from small_networks import images, made

import kitnet
from kitnet.base.error import KitnetError
from kitnet.layers import Convolution, Relu
from kitnet.layers.connection_table import LENET5_C3, ConnectionTable
from kitnet.surgery import prune

TABLE = ConnectionTable(((0, 2), (1,), (0, 1, 2), (2,)))


def without(weight: np.ndarray, table: ConnectionTable) -> np.ndarray:
    """The weights with 0 at the links that are not in the table."""
    found = np.zeros_like(weight)
    for k, column in enumerate(table.columns):
        for c in column:
            found[..., c, k] = weight[..., c, k]
    return found


@pytest.mark.parametrize("how", ["", " flip=yes", " same/2", " bias=no"])
def test_the_other_links_are_gone(how: str) -> None:
    net = made(f"6x7x3 -> conv3-4{how.replace('/2', ' stride=2')} -> relu -> fc2")
    new, x = prune(net, "conv1", TABLE), images(net)
    assert new.weights["conv1.weight"].shape == (3, 3, TABLE.links)
    zeroed = made(str(net))
    zeroed.weights["conv1.weight"][...] = without(net.weights["conv1.weight"], TABLE)
    assert new(x) == pytest.approx(zeroed(x), rel=1e-12, abs=1e-12)
    assert new.weights["fc1.weight"].tobytes() == net.weights["fc1.weight"].tobytes()


def test_of_a_table_and_of_groups() -> None:
    less = ConnectionTable(((0,), (1,), (0, 2), (2,)))
    twice = prune(prune(made("6x7x3 -> conv3-4 -> fc2"), "conv1", TABLE), "conv1", less)
    once = prune(made("6x7x3 -> conv3-4 -> fc2"), "conv1", less)
    assert twice == once and np.array_equal(twice.weights.flat, once.weights.flat)
    net = made("6x7x4 -> conv3-4 groups=2 -> fc2")
    x = images(net)
    whole = prune(net, "conv1", ConnectionTable(((0, 1), (0, 1), (2, 3), (2, 3))))
    assert whole(x) == pytest.approx(net(x), rel=1e-12)


@row(98)
def test_98_c3_of_lenet_5_pruned_by_the_table_of_1998() -> None:
    from kitnet.zoo import find

    net = prune(find("lenet5-modern").build(), "C3", LENET5_C3)
    assert sum(view.size for path, view in net.weights.items() if path.startswith("C3.")) == 1516


def test_layers_of_the_same_weights_are_pruned_together() -> None:
    g = kitnet.Graph()
    x = g.operand("image", (4, 4, 3))
    a = g.add("a", Convolution(1, 4), x)
    b = g.add("b", Convolution(1, 4, stride=2, on_misfit="floor"), g.add("relu", Relu(), x), owner="a")
    g.output("one", a)
    g.output("two", b)
    net = kitnet.Net(g).initialise(0, np.float64)
    new = prune(net, "b", TABLE)
    assert [new.graph.nodes[i].layer.table for i in (1, 3)] == [TABLE, TABLE]  # type: ignore[union-attr]
    weight = without(net.weights["a.weight"], TABLE)[0, 0]
    image = images(net)
    found = new(image)
    assert isinstance(found, dict)
    assert found["one"] == pytest.approx(image @ weight + net.weights["a.bias"], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("line", "path", "text"),
    [
        ("6x7x3 -> conv3-4 -> fc2", "conv2", "no convolution 'conv2' (did you mean 'conv1'?)"),
        ("6x7x3 -> conv3-4 -> fc2", "dense", "no convolution 'dense' (there is 'conv1')"),
        (
            "6x7x3 -> conv3-5 -> fc2",
            "conv1",
            "conv1: the connection table has 4 columns for 5 filters; give one a filter",
        ),
        (
            "6x7x2 -> conv3-4 -> fc2",
            "conv1",
            "conv1: filter 0 has no weights for map 2; name maps that it sees: 0, 1",
        ),
        (
            "6x7x4 -> conv3-4 groups=2 -> fc2",
            "conv1",
            "conv1: filter 0 has no weights for map 2; name maps that it sees: 0, 1",
        ),
    ],
)
def test_links_that_are_not_there(line: str, path: str, text: str) -> None:
    with pytest.raises(KitnetError) as caught:
        prune(kitnet.parse(line), path, TABLE)
    assert str(caught.value) == text
