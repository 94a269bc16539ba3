"""Blocks become flat graphs: their paths, their wiring, and the error that names the layer at fault."""

from __future__ import annotations

import pytest

from kitnet.base.error import ShapeError
from kitnet.layers import LAYERS, Linear, Relu
from kitnet.net import Graph, Net, Term, parse


def wiring(line: str) -> dict[str, tuple[str, ...]]:
    """Each path and what it reads."""
    graph = parse(line).graph
    return {node.path: tuple(graph.nodes[i].path for i in node.inputs) for node in graph.nodes}


def test_layers_are_called_by_their_word_and_a_number() -> None:
    paths = list(wiring("8x8x1 -> conv3-4 -> relu -> conv3-4 -> relu -> fc3"))
    assert paths == ["input", "conv1", "relu1", "conv2", "relu2", "fc1"]


def test_a_name_replaces_word_and_number() -> None:
    assert list(wiring("8x8x1 -> c:conv3-4 -> relu -> conv3-4")) == ["input", "c", "relu1", "conv1"]


def test_brackets_alone_make_no_scope() -> None:
    assert list(wiring("8x8x1 -> [relu -> tanh]*2")) == ["input", "relu1", "tanh1", "relu2", "tanh2"]


def test_a_named_bracket_makes_a_scope() -> None:
    assert list(wiring("8x8x1 -> stem:[relu -> relu] -> relu")) == [
        "input",
        "stem.relu1",
        "stem.relu2",
        "relu1",
    ]


def test_repetitions_of_a_name_are_numbered_from_0() -> None:
    assert list(wiring("8x8x1 -> s:[relu -> tanh]*2 -> a:relu*2")) == [
        "input",
        "s.0.relu1",
        "s.0.tanh1",
        "s.1.relu1",
        "s.1.tanh1",
        "a.0",
        "a.1",
    ]


def test_repetition_chains() -> None:
    assert wiring("8x8x1 -> relu*3") == {
        "input": (),
        "relu1": ("input",),
        "relu2": ("relu1",),
        "relu3": ("relu2",),
    }


def test_a_residual_adds_its_input() -> None:
    assert wiring("8x8x1 -> tanh -> residual[conv3-1 same -> relu]") == {
        "input": (),
        "tanh1": ("input",),
        "residual1.body.conv1": ("tanh1",),
        "residual1.body.relu1": ("residual1.body.conv1",),
        "residual1": ("residual1.body.relu1", "tanh1"),
    }


def test_a_residual_adds_its_shortcut() -> None:
    assert wiring("8x8x1 -> r:residual[conv3-2 same | conv1-2]") == {
        "input": (),
        "r.body.conv1": ("input",),
        "r.shortcut.conv1": ("input",),
        "r": ("r.body.conv1", "r.shortcut.conv1"),
    }


def test_branches_are_numbered_from_0_and_joined_in_order() -> None:
    assert wiring("8x8x1 -> concat[relu -> tanh | identity | r:relu] -> add[relu | tanh]") == {
        "input": (),
        "concat1.0.relu1": ("input",),
        "concat1.0.tanh1": ("concat1.0.relu1",),
        "concat1.1.identity1": ("input",),
        "concat1.2.r": ("input",),
        "concat1": ("concat1.0.tanh1", "concat1.1.identity1", "concat1.2.r"),
        "add1.0.relu1": ("concat1",),
        "add1.1.tanh1": ("concat1",),
        "add1": ("add1.0.relu1", "add1.1.tanh1"),
    }


def test_repeated_blocks_get_paths_of_their_own() -> None:
    paths = list(wiring("8x8x1 -> stage:residual[relu]*2 -> residual[relu]*2"))
    assert paths == [
        "input",
        "stage.0.body.relu1",
        "stage.0",
        "stage.1.body.relu1",
        "stage.1",
        "residual1.body.relu1",
        "residual1",
        "residual2.body.relu1",
        "residual2",
    ]


def test_the_output_is_the_last_value() -> None:
    net = parse("8x8x2 -> concat[conv3-4 | conv3-5]")
    assert net.output_shape == (6, 6, 9)
    assert net.graph.nodes[net.graph.main].path == "concat1"


def test_a_chain_in_python_is_the_chain_of_the_line() -> None:
    assert Net.of((4,), Relu(), Term(Linear(3), "head")) == parse("4 -> relu -> head:fc3")


def test_find() -> None:
    graph = parse("8x8x1 -> c:relu").graph
    assert graph.find("c") == 1
    with pytest.raises(KeyError):
        graph.find("d")


def test_params_are_named_by_path() -> None:
    net = parse("8x8x2 -> r:residual[conv3-2 same] -> fc3 bias=no")
    shapes = {path: param.shape for path, param in net.graph.params().items()}
    assert shapes == {
        "r.body.conv1.weight": (3, 3, 2, 2),
        "r.body.conv1.bias": (2,),
        "fc1.weight": (128, 3),
    }


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (
            "32x32x1 -> conv5-6 -> maxpool2 -> conv3-16 -> c:conv15-3",
            "c: a 15x15 filter does not fit its 12x12x16 input: (12 - 15 + 2*0) / 1 + 1 = -2 (so far: "
            "32x32x1 -> "
            "conv1 28x28x6 -> maxpool1 14x14x6 -> conv2 12x12x16); use pad=1:2x1:2, a 12x12 filter, or a "
            "38x38x1 "
            "input of the network",
        ),
        (
            "5x5x16 -> conv7-3",
            "conv1: a 7x7 filter does not fit its 5x5x16 input: (5 - 7 + 2*0) / 1 + 1 = -1; use pad=1, a "
            "7x7x16 "
            "input, or a 5x5 filter",
        ),
        (
            "8x8x1 -> fc10 -> stage:[relu -> conv3-4]",
            "stage.conv1: a filter slides over volumes such as 28x28x1, but its input is 10 (so far: 8x8x1 "
            "-> fc1 10 -> stage.relu1 10); put it before the layers that flatten",
        ),
        (
            "8x8x1 -> add[conv3-4 | conv3-5]",
            "add1: only equal volumes can be added, but got 6x6x4 + 6x6x5 (so far: 8x8x1 -> add1.0.conv1 "
            "6x6x4 and 8x8x1 -> add1.1.conv1 6x6x5); make them equal, such as by conv1-4 at the end of "
            "branch 2",
        ),
        (
            "8x8x1 -> residual[conv3-4]",
            "residual1: only equal volumes can be added, but got 6x6x4 + 8x8x1 (so far: 8x8x1 -> "
            "residual1.body.conv1 6x6x4 and 8x8x1); make them equal: with same a convolution keeps its "
            "sizes, and a stride that all branches have shrinks them alike",
        ),
        (
            "8x8x1 -> concat[conv3-4 | conv5-4]",
            "concat1: only volumes of equal sizes can be concatenated, but got 6x6x4 and 4x4x4 (so far: "
            "8x8x1 -> concat1.0.conv1 6x6x4 and 8x8x1 -> concat1.1.conv1 4x4x4); make all axes but the depth "
            "equal: with same a convolution keeps its sizes, and a stride that all branches have shrinks "
            "them alike",
        ),
        ("8x8x1 -> a:relu -> a:tanh", "a: two layers have this name; rename one of them"),
        ("8x8x1 -> relu1:tanh -> relu", "relu1: two layers have this name; rename one of them"),
        ("8x8x1 -> input:tanh", "input: two layers have this name; rename one of them"),
        ("8x8x1 -> fc0", "fc1: 0 units are not possible; use 1 or more"),
    ],
)
def test_an_error_names_the_layer_at_fault(line: str, text: str) -> None:
    with pytest.raises(ShapeError) as caught:
        parse(line)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("add", "sum: add joins two branches or more; write add[one | other]"),
        ("concat", "sum: concat joins two branches or more; write concat[one | other]"),
    ],
)
def test_joins_want_two(word: str, text: str) -> None:
    graph = Graph()
    x = graph.operand("x", (4,))
    with pytest.raises(ShapeError) as caught:
        graph.add("sum", LAYERS[word](), x)
    assert str(caught.value) == text


def test_a_graph_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kitnet.net.graph.MOST_VALUES", 3)
    parse("4 -> relu*2")
    with pytest.raises(ShapeError) as caught:
        parse("4 -> relu*3")
    assert str(caught.value) == "relu3: more than 3 layers; repeat fewer times"


def test_a_part_in_another_branch_is_shared_by_its_whole_path() -> None:
    line = "8x8x2 -> a:concat[conv1-3 -> b:conv3-4 same | conv1-3 -> @a.0.b]"
    net = parse(line)
    assert parse(str(net)) == net and str(net) == line
    shared = net.graph.nodes[net.graph.find("a.1.shared1")]
    assert shared.owner == "a.0.b" and net.weights.of("a.1.shared1") == {}
    assert net.ledger().totals["parameters"] == 2 * (2 * 3 + 3) + 27 * 4 + 4


def test_a_path_that_stands_nowhere() -> None:
    with pytest.raises(ShapeError) as caught:
        parse("8x8x2 -> a:concat[b:conv1-3 | @a.0.c]")
    assert str(caught.value) == (
        "a.1.shared1: no part named 'a.0.c' stands before @a.0.c (did you mean 'a.0.b'?)"
    )
