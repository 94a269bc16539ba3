"""Networks and arrays as people give them in Python: what is taken, what is refused, and in which words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kitnet.base.error import ShapeError
from kitnet.layers import Convolution, Layer, Linear, MaxPool, MeanPool, Subsampling
from kitnet.net import Net, parse, with_loss
from kitnet.net.objective import usual_loss


def refusal(what: Any) -> str:
    with pytest.raises(ShapeError) as caught:
        what()
    return str(caught.value)


@pytest.mark.parametrize(
    "given",
    [28, (), (28, 0, 1), (28, -1, 1), (28.0, 28.0, 1.0), (1, 2, 3, 4, 5), ("28", "28", "1"), None],
    ids=str,
)
def test_an_input_that_is_no_volume(given: Any) -> None:
    text = (
        f"an input volume is one to four whole numbers of 1 or more, channels last, not {given!r}; "
        "write it like (28, 28, 1)"
    )
    assert refusal(lambda: Net.of(given, Linear(2))) == text
    if given is not None:  # which `parse` takes
        assert refusal(lambda: parse("8x8x1 -> fc2", input=given)) == text


@pytest.mark.parametrize("given", [(6, 5, 1), [6, 5, 1], np.array([6, 5, 1])], ids=["tuple", "list", "array"])
def test_an_input_as_any_sequence_of_whole_numbers(given: Any) -> None:
    net = parse("INPUT -> conv3-4 -> fc2", input=given)
    assert net.input_shape == Net.of("6x5x1", Linear(2)).input_shape == (6, 5, 1)
    assert all(type(size) is int for size in net.input_shape)
    assert net == parse("6x5x1 -> conv3-4 -> fc2") == Net.of(given, Convolution(3, 4), Linear(2))


@pytest.mark.parametrize("name", ["target", "loss"])
def test_a_layer_with_a_name_that_training_has_itself(name: str) -> None:
    net = parse(f"4 -> {name}:fc3 -> tanh -> fc2")
    assert net(np.zeros((2, 4))).shape == (2, 2)
    assert refusal(lambda: with_loss(net.graph, usual_loss(net.graph))) == (
        f"{name}: training has a value of its own with this name; give the layer another name"
    )
    inner = parse(f"4 -> {name}:[fc3 -> tanh] -> fc2")  # the path is target.fc1
    assert with_loss(inner.graph, usual_loss(inner.graph)).nodes[-1].path == "loss"


@pytest.mark.parametrize(
    "layer",
    [
        Convolution((3,), 4, stride=(2,), pad=(1,), dilation=(1,), on_misfit="floor"),
        Convolution((3,), 4, pad=((1, 0),)),
        MaxPool((3,), (2,), pad=(1,), on_misfit="floor"),
        MeanPool((2,)),
        Subsampling((2,), (2,)),
    ],
    ids=["conv", "pad of pairs", "maxpool", "meanpool", "subsample"],
)
def test_tuples_of_one_number_survive_printing(layer: Layer) -> None:
    net = Net.of((8, 3), layer, Linear(2))
    again = parse(str(net))
    assert again == net and hash(again) == hash(net)
    assert str(again) == str(net)
    assert [node.shape for node in again.graph.nodes] == [node.shape for node in net.graph.nodes]
    x = np.random.default_rng(0).standard_normal((2, 8, 3))
    np.testing.assert_array_equal(again.initialise(1)(x), net.initialise(1)(x))


def test_networks_that_differ_are_not_equal() -> None:
    net = parse("8x3 -> conv3-4 -> fc2")
    assert net != parse("8x3 -> conv3-4 -> fc3") and net != parse("9x3 -> conv3-4 -> fc2")
    assert net != "8x3 -> conv3-4 -> fc2"


@pytest.mark.parametrize("shape", [(2,), (3,), (3, 2), (2, 3, 1), ()], ids=str)
def test_a_gradient_of_another_shape(shape: tuple[int, ...]) -> None:
    """Not even one that could be spread over the output."""
    tape = parse("4 -> fc3").tape(np.zeros((2, 4)))
    assert refusal(lambda: tape.backward(np.zeros(shape))) == (
        f"backward: expected a dy of the output's shape (2, 3), but got {shape}"
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
@pytest.mark.parametrize("precision", [np.float64, np.float32])
def test_gradients_have_the_precision_of_the_network(dtype: type, precision: type) -> None:
    net = parse("4 -> fc3 -> tanh -> fc2").initialise(0, precision)
    tape = net.tape(np.random.default_rng(0).standard_normal((5, 4)))
    dy = np.ones((5, 2), dtype)
    found = tape.backward(dy)
    assert {a.dtype for a in found.values()} == {np.dtype(precision)}
    wanted = tape.backward()
    assert all(found[path].tobytes() == wanted[path].tobytes() for path in wanted)
    assert dy.dtype == dtype  # and is left as it was
    assert tape.backward(dy.tolist()).keys() == wanted.keys()  # type: ignore[arg-type]
