"""Layers as people give them in Python: what a graph takes, what is refused, and in which words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from kitnet.base.error import KitnetError
from kitnet.layers import (
    LAYERS,
    Add,
    BatchNorm,
    Concatenate,
    Convolution,
    Dropout,
    Flatten,
    Identity,
    Layer,
    LeakyRelu,
    Linear,
    MaxPool,
    Quadratic,
    Relu,
    Softmax,
    SoftmaxCrossEntropy,
)
from kitnet.layers.connection_table import ConnectionTable
from kitnet.net import Chain, Graph, Join, Net, Residual, Side, SqueezeExcitation, Term, parse
from kitnet.train import load_network, save_network

VOLUME = "an input volume is one to four whole numbers of 1 or more, channels last, not"
VALUE = "give what operand() or add() returned"


def refusal(what: Any) -> str:
    with pytest.raises(KitnetError) as caught:
        what()
    return str(caught.value)


def of_one(layer: Layer, shape: tuple[int, ...] = (4, 4, 2)) -> Net:
    graph = Graph()
    graph.output("o", graph.add("one", layer, graph.operand("x", shape)))
    return Net(graph)


# --------------------------------------------------------------------------------- how many values it reads


@pytest.mark.parametrize(
    "layer",
    [
        Relu(), Linear(2), Convolution(3, 2), MaxPool(2), Softmax(), BatchNorm(), Dropout(), Flatten(),
        Identity(), SoftmaxCrossEntropy(), Quadratic(), Add(), Concatenate(),
    ],
    ids=lambda layer: layer.word,
)  # fmt: skip
def test_how_many_values_a_layer_reads(layer: Layer) -> None:
    graph = Graph()
    x = [graph.operand(f"x{i}", (4, 4, 2)) for i in range(3)]
    word, one = layer.word, "join them first, with Add() for instance"
    for n in range(4):
        if word in ("softmax_cross_entropy", "quadratic"):
            text = "" if n == 2 else f"l{n}: {word} reads two operands, scores and a target, but got {n}"
        elif word in ("add", "concat"):
            text = "" if n > 1 else f"l{n}: {word} joins two branches or more; write {word}[one | other]"
        else:
            text = (
                ""
                if n == 1
                else f"l{n}: {word} reads one value, not {n}; {one if n else 'give what it reads'}"
            )
        if text:
            assert refusal(lambda n=n: graph.add(f"l{n}", layer, *x[:n])) == text
        else:
            graph.add(f"l{n}", layer, *x[:n])


def test_what_is_no_layer_no_value_and_no_operand() -> None:
    graph = Graph()
    a = graph.operand("a", (4,))

    class Bare(Layer):
        output_shape = forward = backward = cases = lambda *_: (4,)  # type: ignore[assignment]

    told: dict[str, Any] = {
        "x: expected a layer, but got the class Relu; write Relu(...)": lambda: graph.add("x", Relu, a),  # type: ignore[arg-type]
        "x: expected a layer, but got 'relu'; give one such as Relu()": lambda: graph.add("x", "relu", a),  # type: ignore[arg-type]
        "x: Bare is no dataclass; write @dataclass(frozen=True) above the class": lambda: graph.add(
            "x",
            Bare(),  # type: ignore[abstract]
            a,
        ),
        f"x: the graph has no value 'a'; {VALUE}": lambda: graph.add("x", Relu(), "a"),  # type: ignore[arg-type]
        f"x: the graph has no value -1; {VALUE}": lambda: graph.add("x", Relu(), -1),
        f"output o: the graph has no value 'a'; {VALUE}": lambda: graph.output("o", "a"),  # type: ignore[arg-type]
        "None is no name; use letters, digits, _ and -, such as 'conv1' or 'my-layer'": lambda: graph.operand(
            None,  # type: ignore[arg-type]
            (3,),
        ),
        f"y: {VOLUME} 3; write it like (28, 28, 1)": lambda: graph.operand("y", 3),  # type: ignore[arg-type]
        "expected a layer or a block such as Relu() or Residual(...), but got 'relu'": lambda: Net.of(
            (4,),
            "relu",  # type: ignore[arg-type]
        ),
    }
    for text, wrong in told.items():
        assert refusal(wrong) == text
    assert list(graph.operands) == ["a"] and len(graph.nodes) == 1


def test_layers_are_taken_where_a_chain_is_wanted() -> None:
    conv, relu = Convolution(3, 4, pad="same"), Relu()
    layers: Any = [conv, relu]
    line = "8x8x3 -> residual[conv3-4 same -> relu | conv1-4] -> concat[relu | conv3-4 same -> relu] -> fc5"
    parts: Any = [Residual(layers, Convolution(1, 4)), Join(Concatenate(), [relu, layers]), Linear(5)]  # type: ignore[arg-type]
    for net in (Net((8, 8, 3), parts), Net("8x8x3", tuple(parts)), Net((8, 8, 3), Chain(parts))):
        assert net == parse(line) and str(net) == line
    assert str(Net((8, 8, 3), relu)) == "8x8x3 -> relu"
    assert Net((8, 8, 3), [Term(relu, "first"), relu]).graph.nodes[1].path == "first"


def test_what_is_no_part_of_a_block() -> None:
    chain, linear = Chain.of(Relu()), "Linear(units=3, bias=True, init='he')"
    write = "write [Relu(), ...]"
    told: dict[str, Any] = {
        f"Residual: body is a layer or a list of layers, not None; {write}": lambda: Residual(None),  # type: ignore[arg-type]
        f"Residual: shortcut is a layer or a list of layers, not 3; {write}": lambda: Residual(chain, 3),  # type: ignore[arg-type]
        f"Side: body is a layer or a list of layers, not 'fc3'; {write}": lambda: Side("fc3"),  # type: ignore[arg-type]
        f"Join: a branch is a layer or a list of layers, not 3; {write}": lambda: Join(Add(), (chain, 3)),  # type: ignore[arg-type]
        "Join: branches are a list of two chains or more, not ()": lambda: Join(Add(), ()),
        f"Join: layer is one that joins branches, such as Add(), not {linear}": lambda: Join(
            Linear(3), (chain, chain)
        ),
        "Chain takes a list of layers, not 'relu'; write Chain([Relu(), ...])": lambda: Chain("relu"),  # type: ignore[arg-type]
        "SqueezeExcitation: reduction is a whole number, not 'x'": lambda: SqueezeExcitation("x"),  # type: ignore[arg-type]
    }
    for text, wrong in told.items():
        assert refusal(wrong) == text
    assert Residual(chain).shortcut is None


@pytest.mark.parametrize(
    "shape", [(0,), (2, 2, 2, 2, 2), (-1, 8), "abc", "", (8, None, 3), (8.0,), np.zeros((0,))], ids=str
)
def test_an_operand_of_no_shape(shape: Any) -> None:
    assert refusal(lambda: Graph().operand("x", shape)) == f"x: {VOLUME} {shape!r}; write it like (28, 28, 1)"


@pytest.mark.parametrize("shape", [(), (8,), [8, 2], np.array([2, 2, 2]), (np.int64(3), 1, 1, 1)], ids=str)
def test_operands_of_python_numbers_survive_saving(shape: Any, tmp_path: Any) -> None:
    net = of_one(Relu(), shape)
    assert net.input_shape == tuple(shape) and all(type(n) is int for n in net.input_shape)
    save_network(tmp_path / "n", net)
    assert load_network(tmp_path / "n") == net


# -------------------------------------------------------------------------------------------------- fields


@pytest.mark.parametrize(
    ("make", "fields"),
    [
        (lambda: LeakyRelu(np.float32(0.1)), {"slope": float(np.float32(0.1))}),  # type: ignore[arg-type]
        (lambda: BatchNorm(np.float64(0.3)), {"decay": 0.3}),
        (lambda: Dropout(0), {"drop": 0.0}),
        (
            lambda: Convolution(np.int64(3), np.int32(4), [1, 1], pad=((np.int8(1), 0), 2)),  # type: ignore[arg-type]
            {"window": 3, "filters": 4, "stride": (1, 1), "pad": ((1, 0), 2)},
        ),
        (lambda: Linear(3, np.bool_(False)), {"units": 3, "bias": False}),  # type: ignore[arg-type]
        (lambda: Linear(3, 0), {"units": 3, "bias": False}),  # type: ignore[arg-type]
        (
            lambda: Convolution(3, 2, table=ConnectionTable([np.arange(2), [0]])),  # type: ignore[arg-type,list-item]
            {"table": ConnectionTable(((0, 1), (0,)))},
        ),
    ],
    ids=["leakyrelu", "batchnorm", "dropout", "conv", "bool", "switch", "table"],
)
def test_fields_become_numbers_of_python(make: Any, fields: dict[str, Any], tmp_path: Any) -> None:
    layer = make()
    for name, value in fields.items():
        assert repr(getattr(layer, name)) == repr(value)
    for net in (of_one(layer), Net.of((4, 4, 2), layer)):
        save_network(tmp_path / "n", net)
        assert load_network(tmp_path / "n") == net
    assert parse(str(Net.of((4, 4, 2), layer))) == Net.of((4, 4, 2), layer)


def test_a_number_of_numpy_compiles_and_spoils_nothing() -> None:
    x = np.ones((2, 8, 8, 3), np.float32)
    for filters in (np.int64(4), 4):
        net = Net.of((8, 8, 3), Convolution(3, filters))  # type: ignore[arg-type]
        np.testing.assert_allclose(net.compile(2)(x), net(x), atol=1e-5)


TABLE = "lenet5, lenet1989, or the input maps of each filter such as 0.1.2/1.2.3/0.2"
PAD = "valid, same, full, a number, or one an axis such as 1x2 or 0:1x1:2"


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (lambda: Linear("3"), "Linear: units is a whole number, not '3'; write units=3"),  # type: ignore[arg-type]
        (lambda: Linear(True), "Linear: units is a whole number, not True"),
        (lambda: Linear(3.0), "Linear: units is a whole number, not 3.0"),  # type: ignore[arg-type]
        (
            lambda: Linear(10**9),
            "Linear: units is a whole number, not 1000000000; numbers have 9 digits at most",
        ),
        (lambda: Linear(3, "no"), "Linear: bias is yes or no, not 'no'; write bias=True"),  # type: ignore[arg-type]
        (lambda: Convolution(3.0, 4), "Convolution: window is a size such as 3 or 3x5, not 3.0"),  # type: ignore[arg-type]
        (
            lambda: Convolution(3, 4, pad="1x2"),  # type: ignore[arg-type]
            f"Convolution: pad is {PAD}, not '1x2'; write pad=(1, 2)",
        ),
        (
            lambda: Convolution(3, 2, table=[[0], [1]]),  # type: ignore[arg-type]
            f"Convolution: table is {TABLE}, not [[0], [1]]; "
            "write table=ConnectionTable(columns=((0,), (1,)))",
        ),
        (lambda: Dropout("a"), "Dropout: drop is a number, not 'a'"),  # type: ignore[arg-type]
        (lambda: Dropout(None), "Dropout: drop is a number, not None"),  # type: ignore[arg-type]
        (lambda: LeakyRelu(1j), "LeakyRelu: slope is a number, not 1j"),  # type: ignore[arg-type]
        (
            lambda: ConnectionTable(3),  # type: ignore[arg-type]
            "the columns of a connection table are the input maps of each filter, not 3; "
            "write them like ((0, 1), (1, 2))",
        ),
    ],
)
def test_fields_of_another_kind(wrong: Any, text: str) -> None:
    assert refusal(wrong) == text


def test_a_field_of_which_nobody_said_how_it_is_written(tmp_path: Any) -> None:
    """It stays as it is, and is refused where it would have to be written."""

    @dataclass(frozen=True)
    class Odd(Layer):
        word = "odd"
        how: Any = None

        def output_shape(self, *x: Any) -> Any:
            return x[0]

        def forward(self, *_: Any) -> Any: ...

        def backward(self, *_: Any) -> Any: ...

        @classmethod
        def cases(cls) -> Any: ...

    try:
        net = of_one(Odd([1]))
        assert net.graph.nodes[1].layer.how == [1]  # type: ignore[union-attr]
        text = "Odd.how: say how Any is written with argument(...)"
        assert refusal(lambda: save_network(tmp_path / "n", net)) == f"{tmp_path / 'n'}: {text}"
    finally:
        del LAYERS["odd"]


def test_a_folder_that_is_not_there(tmp_path: Any) -> None:
    path = tmp_path / "nodir" / "n"
    assert refusal(lambda: save_network(path, of_one(Relu()))) == (
        f"{path}: cannot be written (No such file or directory); choose another folder"
    )
