"""Products, maxima, shuffles and squeeze-and-excitation by hand-made numbers, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

import kitnet
from kitnet.base.error import LanguageError, ShapeError
from kitnet.base.spec import Array
from kitnet.layers import Context, Kept, Layer, Maximum, Multiply, Shuffle
from kitnet.net import Net, SqueezeExcitation, Term


def run(layer: Layer, *x: Array) -> Array:
    return layer.forward({}, {}, Context(), *x).y


def gradients(layer: Layer, dy: Array, *x: Array) -> list[list[object]]:
    made = layer.forward({}, {}, Context(), *x)
    back = layer.backward({}, Kept(tuple(one.shape for one in x), x, extras=made.extras), dy)
    return [dx.tolist() for dx in back.dx if dx is not None]


A, B = np.array([[[1.0, 2], [3, 4]]]), np.array([[[5.0, 2], [-1, 0]]])
DY = np.array([[[1.0, 10], [100, 1000]]])


def test_a_product_by_hand() -> None:
    assert run(Multiply(), A, B).tolist() == [[[5, 4], [-3, 0]]]
    assert gradients(Multiply(), DY, A, B) == [[[[5, 20], [-100, 0]]], [[[1, 20], [300, 4000]]]]


@pytest.mark.parametrize("shape", [(2,), (1, 2)])
def test_one_number_a_map_is_multiplied_everywhere_and_gathers_the_gradient(shape: tuple[int, ...]) -> None:
    weights = np.array([2.0, -1]).reshape(1, *shape)
    assert run(Multiply(), A, weights).tolist() == [[[2, -2], [6, -4]]]
    d_map, d_weights = gradients(Multiply(), DY, A, weights)
    assert d_map == [[[2, -10], [200, -1000]]]
    assert np.ravel(d_weights).tolist() == [301, 4020]


def test_a_maximum_by_hand_where_the_first_of_equals_wins() -> None:
    assert run(Maximum(), A, B).tolist() == [[[5, 2], [3, 4]]]
    assert gradients(Maximum(), DY, A, B) == [[[[0, 10], [100, 1000]]], [[[1, 0], [0, 0]]]]


def test_shuffled_maps_by_hand() -> None:
    """Groups (0 1 2) and (3 4 5) are dealt out in turn, and the way back undoes it."""
    x = np.arange(6.0)[None]
    y = run(Shuffle(2), x)
    assert y.tolist() == [[0, 3, 1, 4, 2, 5]]
    assert gradients(Shuffle(2), y, x) == [x.tolist()]
    np.testing.assert_array_equal(run(Shuffle(3), y), x)


def test_each_group_sees_maps_of_all_groups_after_a_shuffle() -> None:
    net = kitnet.parse("6 -> shuffle3")
    y = net(np.array([[0, 0, 1, 1, 2, 2]], np.float32))
    assert [set(part) for part in y.reshape(2, 3).tolist()] == [{0, 1, 2}] * 2


def test_squeeze_and_excitation_is_its_equations() -> None:
    """s = sigmoid(W2 relu(W1 mean)), y = s x (equations 2 to 4), here with biases."""
    net = kitnet.parse("3x2x4 -> se2").initialise(1)
    assert [node.path for node in net.graph.nodes][1:] == [
        "se1.meanpool1", "se1.fc1", "se1.relu1", "se1.fc2", "se1.sigmoid1", "se1",
    ]  # fmt: skip
    assert net.weights["se1.fc1.weight"].shape == (4, 2)
    w = {path.removeprefix("se1."): array.astype(float) for path, array in net.weights.items()}
    x = np.random.default_rng(0).standard_normal((5, 3, 2, 4))
    hidden = np.maximum(x.mean((1, 2)) @ w["fc1.weight"] + w["fc1.bias"], 0)
    s = 1 / (1 + np.exp(-(hidden @ w["fc2.weight"] + w["fc2.bias"])))
    np.testing.assert_allclose(net(x), x * s[:, None, None], rtol=1e-5, atol=1e-6)


def test_squeeze_and_excitation_in_the_language_and_in_python() -> None:
    line = "8x8x16 -> residual[conv3-16 same -> se4] -> stage:se16*2 -> fc3"
    net = kitnet.parse(line)
    assert str(net) == line
    assert Net.of((8, 8, 16), SqueezeExcitation(4)) == kitnet.parse("8x8x16 -> se4")
    part = SqueezeExcitation(16), Term(SqueezeExcitation(8), "named")
    assert str(Net.of((8, 8, 16), *part)) == "8x8x16 -> se16 -> named:se8"
    assert net.graph.params()["stage.1.fc1.weight"].shape == (16, 1)
    twice = kitnet.parse("8x8x16 -> a:se4 -> relu -> @a")
    assert len(twice.graph.params()) == len(kitnet.parse("8x8x16 -> se4").graph.params())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "4x4x2 -> multiply[conv3-2 | identity]",
            "multiply1: equal volumes can be multiplied, or one number a map, but got 2x2x2 * 4x4x2 "
            "(so far: 4x4x2 -> multiply1.0.conv1 2x2x2 and 4x4x2 -> multiply1.1.identity1 4x4x2); make them "
            "equal, or 1x1 of equal depth",
        ),
        (
            "4x4x2 -> multiply[fc3 | identity]",
            "multiply1: equal volumes can be multiplied, or one number a map, but got 3 * 4x4x2 (so far: "
            "4x4x2 -> multiply1.0.fc1 3 and 4x4x2 -> multiply1.1.identity1 4x4x2); make them equal, or 1x1 "
            "of equal depth",
        ),
        (
            "4x4x2 -> maximum[conv3-2 | identity]",
            "maximum1: only equal volumes have a maximum, but got 2x2x2 and 4x4x2 (so far: 4x4x2 -> "
            "maximum1.0.conv1 2x2x2 and 4x4x2 -> maximum1.1.identity1 4x4x2); make them equal: "
            "with same a convolution keeps its sizes, and a stride that "
            "all branches have shrinks them alike",
        ),
        ("4x4x6 -> shuffle4", "shuffle1: the 6 channels of 4x4x6 make no 4 equal groups; use a divisor"),
        (
            "4x4x6 -> fc8 -> se2",
            "se1: se weighs the maps of a volume such as 28x28x64, but its input is 8; put it before the "
            "layers that flatten",
        ),
        ("4x4x6 -> se16", "se1: 6 maps are not reduced 16 times; use a number from 1 to 6"),
        ("4x4x6 -> se0", "se1: 6 maps are not reduced 0 times; use a number from 1 to 6"),
    ],
)
def test_what_cannot_be(line: str, message: str) -> None:
    with pytest.raises(ShapeError) as caught:
        kitnet.parse(line)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("4x4x6 -> shuffle", "shuffle needs groups, such as shuffle3"),
        ("4x4x6 -> se2[relu]", "expected -> or the end of the line, not '['"),
        ("4x4x6 -> se2-3", "se is written se16, not 'se2-3'"),
        ("4x4x6 -> se reduction=two", "reduction of se is a whole number, not 'two'"),
        ("4x4x6 -> se", "se needs reduction, such as se16"),
        ("4x4x6 -> squeeze4", "unknown layer 'squeeze' (kitnet calls it 'se'); write se4"),
        ("4x4x6 -> multiply", "multiply joins branches; write multiply[one | other]"),
    ],
)
def test_what_cannot_be_read(line: str, reason: str) -> None:
    with pytest.raises(LanguageError) as caught:
        kitnet.parse(line)
    assert caught.value.reason == reason


@pytest.mark.parametrize("word", ["multiply", "maximum"])
def test_joins_want_two(word: str) -> None:
    graph = kitnet.Graph()
    x = graph.operand("x", (4,))
    with pytest.raises(ShapeError) as caught:
        graph.add("y", kitnet.layers.LAYERS[word](), x)
    assert str(caught.value) == f"y: {word} joins two branches or more; write {word}[one | other]"
