"""A graph that no chain can express, on the compiled engine and by the formulas: it trains to the same
losses, is saved, loaded and resumed, and predicts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plans import formula_gradient

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.engine.lower import implementations
from kitnet.layers import Add, BatchNorm, Concatenate, Convolution, Dropout, Linear, MeanPool, Relu, Tanh
from kitnet.layers import SoftmaxCrossEntropy as Cross
from kitnet.layers.softmax import softmax
from kitnet.net import Graph, Net, Weights, parse, usual_loss
from kitnet.optim import Sgd
from kitnet.train.checkpoint import Progress, Training, load_checkpoint, save_checkpoint
from kitnet.train.step import FormulaStep

LOSSES: Any = {"classes": Cross(), "auxiliary": (Cross(), 0.3)}
RULE = Sgd(0.05, 0.9, 0.001)


def crossing(norm: bool = True) -> Net:
    """Two operands, a diamond that crosses, a shared convolution, two outputs."""
    graph = Graph()
    one, two = graph.operand("one", (6, 6, 2)), graph.operand("two", (6, 6, 2))
    a = graph.add("a", Convolution(3, 4, pad="same"), one)
    b = graph.add("b", Convolution(3, 4, pad="same"), two, owner="a")
    if norm:
        b = graph.add("norm", BatchNorm(), b)
    c, d = graph.add("c", Tanh(), a), graph.add("d", Relu(), b)
    left, right = graph.add("left", Add(), a, d), graph.add("right", Concatenate(), b, c)
    dropped = graph.add("dropped", Dropout(0.3), graph.add("pool", MeanPool(3), left))
    graph.output("classes", graph.add("fc1", Linear(3), dropped))
    graph.output("auxiliary", graph.add("fc2", Linear(2), right))
    return Net(graph)


def batch(number: int, samples: int = 20) -> tuple[dict[str, Array], dict[str, Array]]:
    random = np.random.default_rng(number)
    x = {name: random.standard_normal((samples, 6, 6, 2), np.float32) for name in ("one", "two")}
    return x, {"classes": random.integers(0, 3, samples), "auxiliary": random.integers(0, 2, samples)}


def total(losses: dict[str, Array]) -> float:
    return float(losses["classes"].mean() + 0.3 * losses["auxiliary"].mean())


@pytest.mark.parametrize("layout", ["images", "channels"])
def test_both_engines_train_it_to_the_same_losses(layout: str) -> None:
    net, found = crossing(), []
    for compiled in (True, False):
        net.initialise(1)
        memory = {"velocity": net.weights.like()}
        step = (
            net.compile(20, "train", loss=LOSSES, rule=RULE, layout=layout)
            if compiled
            else FormulaStep(net, LOSSES, RULE, memory)
        )
        found.append([total(step(*batch(i), i)[0]) for i in range(50)])
    np.testing.assert_allclose(*found, rtol=1e-5)
    assert found[0][-1] != found[0][0]


def test_it_predicts_compiled_as_by_the_formulas() -> None:
    net = crossing().initialise(2)
    x, _ = batch(0, 7)
    want = net(x)
    for samples in (1, 3, 7, 40):
        got = net.compile(samples)(x)
        assert list(got) == ["classes", "auxiliary"]
        for name in got:
            np.testing.assert_allclose(got[name], want[name], rtol=0, atol=1e-5)


def test_a_run_that_was_saved_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    net = crossing().initialise(1)
    step = net.compile(20, "train", loss=LOSSES, rule=RULE)
    for i in range(3):
        step(*batch(i), i)
    save_checkpoint(tmp_path / "c", Training(net, RULE, step.memory, 7), Progress())
    ends = []
    for i in range(3, 6):
        step(*batch(i), i)
    ends.append(net)
    again = crossing()
    memory = {"velocity": again.weights.like()}
    load_checkpoint(tmp_path / "c", Training(again, RULE, memory, 7))
    going = again.compile(20, "train", loss=LOSSES, rule=RULE)
    going.memory["velocity"].flat[...] = memory["velocity"].flat
    for i in range(3, 6):
        going(*batch(i), i)
    assert again.weights.flat.tobytes() == net.weights.flat.tobytes()
    assert again.state["norm"]["var"].tobytes() == net.state["norm"]["var"].tobytes()


def test_shards_of_a_batch_draw_the_bits_of_the_whole() -> None:
    """And give the gradient of the whole, where nothing mixes samples."""
    net = crossing(norm=False).initialise(1)
    x, target = batch(0, 32)
    whole, half = (net.compile(n, "gradient", loss=LOSSES) for n in (32, 16))
    _, scores = whole(x, target, 5)
    parts, gradient = [], np.zeros_like(net.weights.flat)
    for first in (0, 16):
        cut = slice(first, first + 16)
        shard = {name: a[cut] for name, a in x.items()}, {name: t[cut] for name, t in target.items()}
        parts.append(half(*shard, 5, first=first)[1]["classes"])
        gradient += half.gradient.flat / 2
    np.testing.assert_allclose(np.concatenate(parts), scores["classes"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(gradient, whole.gradient.flat, rtol=0, atol=1e-6)


def test_an_empty_batch_changes_nothing() -> None:
    for step in both(net := crossing().initialise(1)):
        before = net.weights.flat.copy(), net.state["norm"]["var"].copy()
        losses, scores = step(*batch(0, 0), 0)
        assert losses["classes"].shape == (0,) and scores["auxiliary"].shape == (0, 2)
        np.testing.assert_array_equal(net.weights.flat, before[0])
        np.testing.assert_array_equal(net.state["norm"]["var"], before[1])


def both(net: Net) -> list[Any]:
    memory = {"velocity": net.weights.like()}
    return [net.compile(20, "train", loss=LOSSES, rule=RULE), FormulaStep(net, LOSSES, RULE, memory)]


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        ([3, 0], "target.classes: class 3 of sample 0 is not one of 0 to 2; classes count from 0"),
        ([0, -1], "target.classes: class -1 of sample 1 is not one of 0 to 2; classes count from 0"),
        (
            [2**32 + 1, 0],
            "target.classes: class 4294967297 of sample 0 is not one of 0 to 2; classes count from 0",
        ),
        (
            [2.7, 0],
            "target.classes: expected class numbers, whole numbers from 0 to 2, but got float64; convert "
            "them, or give target='values' for a loss of real values",
        ),
        ([0], "target.classes: expected class numbers of shape (2,), but got (1,)"),
        (1, "target.classes: expected class numbers of shape (2,), but got ()"),
    ],
    ids=str,
)
def test_classes_are_checked_in_the_same_words_by_both_engines(classes: Any, text: str) -> None:
    x, target = batch(0, 2)
    for step in both(crossing()):
        with pytest.raises(KitnetError) as caught:
            step(x, {**target, "classes": classes}, 0)
        assert str(caught.value) == text


def test_values_and_gradients_are_read_by_their_paths() -> None:
    """Those of fused layers, of concatenated ones and of operands among them."""
    net = crossing(norm=False).initialise(3)
    values, gradients = ("a", "c", "right", "pool"), ("one", "a", "b", "c", "d", "left", "fc2")
    for n, layout in (20, "images"), (20, "channels"), (3, None):
        x, target = batch(1, n)
        step = net.compile(n, "gradient", loss=LOSSES, values=values, gradients=gradients, layout=layout)
        step(x, target, 0)
        tape = FormulaTape(net, x, target)
        for path in values:
            np.testing.assert_allclose(step.values[path], tape.tape[path], rtol=0, atol=1e-5)
        for path in gradients:
            want = tape.found[path]
            np.testing.assert_allclose(step.gradients[path], want, rtol=0, atol=1e-5, err_msg=path)


CHAIN = "6x6x2 -> conv3-4 same -> relu -> maxpool2 -> fc3"
SAME = "4 -> fc3 -> add[identity | sigmoid] -> fc3"


@pytest.mark.parametrize(
    ("line", "values", "gradients"),
    [
        (CHAIN, ["conv1"], []),
        (CHAIN, ["relu1"], []),
        (CHAIN, [], ["conv1"]),
        (CHAIN, [], ["relu1"]),
        (SAME, [], ["fc1", "add1.0.identity1"]),
    ],
)
def test_what_is_done_in_passing_is_read(line: str, values: list[str], gradients: list[str]) -> None:
    """A convolution does its ReLU and a max pool goes back through it, unless it is asked; an identity is its
    operand, unless their gradients are asked."""
    net, random = parse(line).initialise(3), np.random.default_rng(0)
    x, classes = random.standard_normal((20, *net.input_shape), np.float32), np.arange(20) % 3
    step = net.compile(20, "gradient", values=values, gradients=gradients)
    step(x, classes, 0)
    tape = net.tape(x, train=True)
    found = tape.backward((softmax(tape.output) - np.eye(3)[classes]) / 20)
    for path in values:
        np.testing.assert_allclose(step.values[path], tape[path], rtol=0, atol=1e-5)
    for path in gradients:
        np.testing.assert_allclose(step.gradients[path], found[path], rtol=0, atol=1e-6)


@pytest.mark.parametrize("forbidden", [["loss"], ["dropout"], [one.id for one in implementations()]])
def test_formulas_in_the_place_of_kernels_change_nothing(forbidden: list[str]) -> None:
    """Weights of losses, random bits and sums of gradients are those of the kernels."""
    net, found = crossing().initialise(1), []
    for words in ([], forbidden):
        step = net.compile(20, "gradient", loss=LOSSES, forbid=words)
        scores = step(*batch(3), 5)[1]["classes"]
        found.append((scores, step.gradient.flat.copy()))
    assert step.plan.formula_steps >= 2
    for kernels, formulas in zip(*found, strict=True):
        np.testing.assert_allclose(kernels, formulas, rtol=0, atol=1e-5)


def test_a_value_that_is_read_in_two_layouts_gets_both_gradients() -> None:
    net, random = parse("6x6x2 -> conv3-4 same -> add[tanh | conv3-4 same] -> fc3"), np.random.default_rng(0)
    x, classes = random.standard_normal((20, 6, 6, 2), np.float32), np.arange(20) % 3
    step = net.compile(20, "gradient", gradients=["conv1"], layout="channels")
    step(x, classes, 0)
    tape = net.tape(x, train=True)
    found = tape.backward((softmax(tape.output) - np.eye(3)[classes]) / 20)
    np.testing.assert_allclose(step.gradients["conv1"], found["conv1"], rtol=0, atol=1e-6)


class FormulaTape:
    """A training step's tape by the formulas, with its gradients."""

    def __init__(self, net: Net, x: dict[str, Array], target: dict[str, Array]) -> None:
        from kitnet.layers import Context
        from kitnet.net import Tape, goals_of, with_goals

        goals, n = goals_of(net.graph, LOSSES), len(x["one"])
        operands = dict(x)
        for goal in goals:
            operands[goal.target] = goal.spread(target[goal.output], np.float32)
        graph = with_goals(net.graph, goals)
        self.tape = Tape(graph, net.weights, net.state, Context(train=True), operands)
        seeds = {goal.path: np.full(n, goal.weight / n, np.float32) for goal in goals}
        self.found = self.tape.backward(seeds)


def test_an_images_scores_do_not_depend_on_its_company() -> None:
    """Whatever lies in the other lanes, and however many are filled, in both layouts."""
    net = crossing().initialise(2)
    for layout, samples in ("images", 20), ("channels", 20), (None, 3):
        fast = net.compile(samples, layout=layout)
        x, _ = batch(5, samples)
        want = fast(x)["classes"][0]
        for n in (1, 3, samples):
            for fill in (0.0, 1e30, np.nan):
                other = {name: np.full((n, 6, 6, 2), fill, np.float32) for name in x}
                for name in x:
                    other[name][0] = x[name][0]
                np.testing.assert_array_equal(fast(other)["classes"][0], want)


def test_memory_is_public_and_by_path() -> None:
    net = crossing().initialise(1)
    step = net.compile(20, "train", loss=LOSSES, rule=Sgd(0.1, 0.5))
    step(*batch(0), 0)
    assert isinstance(step.memory["velocity"], Weights)
    np.testing.assert_allclose(step.memory["velocity"]["a.weight"], step.gradient["a.weight"], rtol=1e-6)


@pytest.mark.parametrize("maps", [(3, 5), (16, 3)])
def test_gradients_of_parts_of_the_channels_are_theirs_alone(maps: tuple[int, int]) -> None:
    """A part that does not fill its vectors is no value of its own that kernels could read whole."""
    left, right = maps
    net = parse(f"6x6x2 -> concat[conv3-{left} same -> tanh | conv3-{right} same -> tanh] -> fc3")
    net, random = net.initialise(3), np.random.default_rng(3)
    x, labels = random.standard_normal((5, 6, 6, 2), np.float32), random.integers(0, 3, 5)
    _, want = formula_gradient(net, usual_loss(net.graph), x, labels)
    step = net.compile(5, "train", layout="channels")
    step(x, labels)
    for path in want:
        np.testing.assert_allclose(step.gradient[path], want[path], rtol=0, atol=1e-6, err_msg=path)
