"""Plans against the formulas: the third oracle, over every registered layer and over whole networks."""

from __future__ import annotations

import time

import numpy as np
import pytest
from plans import (
    EPS,
    assert_gradients_close,
    by_formula,
    coarse,
    coarse_images,
    coarsen,
    formula_gradient,
    planned,
    training,
)

import kitnet
from kitnet.base.error import ShapeError
from kitnet.base.shape import say
from kitnet.engine import Scores, Wishes, plan_of
from kitnet.kernels.cpu import detect, levels
from kitnet.layers import LAYERS, BatchNorm, Case, ContrastNorm, Loss, SampleNorm
from kitnet.net import Net, usual_loss
from kitnet.net.language import write
from kitnet.net.objective import losses, scores_of
from kitnet.zoo import MODELS


def net_around(case: Case) -> Net:
    """A network whose gradients tell of every gradient of the case's layer: something to learn before and
    behind it.
    """
    (shape,) = case.shapes
    before = f"conv{'x'.join('1' * (len(shape) - 1))}-{shape[-1]}" if len(shape) > 1 else f"fc{shape[-1]}"
    if isinstance(case.layer, BatchNorm | SampleNorm | ContrastNorm):
        before += " bias=no"  # it would be taken off again, and its gradient be nothing but rounding
    first = say((*shape[:-1], 2))
    return kitnet.parse(f"{first} -> {before} -> {write(case.layer)} -> fc3")


CASES = [
    pytest.param(case, id=f"{word}-{i}")
    for word, layer in LAYERS.items()
    # joins have tests of their own; a root is for numbers above 0
    if not (issubclass(layer, Loss) or layer.joins or word == "sqrt")
    for i, case in enumerate(layer.cases())
    if not by_formula(case.layer)
]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("batch", [3, 40])
def test_layer_in_a_training_plan(case: Case, batch: int) -> None:
    random = np.random.default_rng(batch)
    net = net_around(case).initialise(1)
    loss = usual_loss(net.graph)
    x, labels = random.standard_normal((batch, *net.input_shape), np.float32), random.integers(0, 3, batch)
    want_losses, want = formula_gradient(net, loss, x, labels)
    step = training(net, loss, batch)
    got, _ = step(x, labels, 0)
    np.testing.assert_allclose(got, want_losses, rtol=0, atol=100 * EPS * want_losses.max())
    assert_gradients_close(step.gradient, want)
    assert not step.plan.formula_steps


NETS = {
    **{name: card.line for name, card in MODELS.items() if name.startswith("lenet")},
    "residual": "8x8x3 -> conv3-8 same -> stage:residual[conv3-8 same -> relu -> conv3-8 same]*2 -> relu "
    "-> residual[conv3-12/2 same -> tanh | conv1-12/2 same] -> meanpool4 -> fc10",
    "branches": "9x9x2 -> conv3-4 -> concat[conv1-3 -> relu | conv3-5 same | identity | maxpool3/1 same] "
    "-> add[conv1-6 | conv3-6 same -> sigmoid] -> flatten -> fc10 -> softmax",
    "one axis": "30x3 -> conv5-8 same -> relu -> maxpool2 -> conv3-8/2 floor -> lecuntanh -> fc10",
    "three axes": "6x6x6x2 -> conv3-4 -> relu -> maxpool2 -> conv2-5 -> tanh -> fc10 -> sigmoid",
    "norms": "8x8x3 -> conv3-8 same bias=no -> batchnorm -> tanh -> residual[conv3-8 same bias=no "
    "-> batchnorm -> tanh -> conv3-8 same bias=no -> batchnorm] -> tanh -> residual[conv3-12/2 same bias=no "
    "-> batchnorm | conv1-12/2 same bias=no -> batchnorm] -> tanh -> meanpool4 -> fc10",
    "pools": "13x13x2 -> conv3-6 same -> maxpool3/2 dilation=2 pad=1 floor -> tanh -> normpool2/1 "
    "-> sumpool regions=3x2 -> meanpool2/1 pad=1 count_pad=yes "
    "-> concat[squarepool2/1 | maxpool2/1 | normpool2/1] -> meanpool global -> fc10",
    "shared value": "6x6x2 -> conv3-4 same -> relu -> add[identity | identity] -> fc10",
}

RELU_NORMS = NETS["norms"].replace("tanh", "relu")


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("batch", [1, 20, 64, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.sample(11)
def test_training_step_of_whole_networks(name: str, batch: int) -> None:
    random = np.random.default_rng(batch)
    net = coarse(kitnet.parse(NETS[name]), 2)
    loss = usual_loss(net.graph)
    step = training(net, loss, batch)
    for number in range(3):
        count = batch if number != 1 else max(1, batch - 7)  # a short batch between whole ones
        x, labels = coarse_images(random, coarsen(net), count), random.integers(0, 10, count)
        want_losses, want = formula_gradient(net, loss, x, labels)
        got, scores = step(x, labels, number)
        np.testing.assert_allclose(got, want_losses, rtol=0, atol=100 * EPS * want_losses.max())
        assert_gradients_close(step.gradient, want)
        assert scores.shape == (count, 10)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("batch", [1, 20, 300])
@pytest.mark.sample(5)
def test_scores_of_whole_networks(name: str, batch: int) -> None:
    net = kitnet.parse(NETS[name]).initialise(3)
    loss = usual_loss(net.graph)
    x = np.random.default_rng(0).standard_normal((batch + 9, *net.input_shape), np.float32)
    tape = net.tape(x)
    want = tape.values[scores_of(net.graph, loss)].reshape(len(x), -1)
    got = Scores(net, loss, batch)(x)
    np.testing.assert_allclose(got, want, rtol=0, atol=100 * EPS * np.abs(want).max())


@pytest.mark.parametrize("word", losses())
def test_every_loss(word: str) -> None:
    net = kitnet.parse("7x7x1 -> conv3-4 -> tanh -> fc6").initialise(4)
    loss = losses()[word]()
    random = np.random.default_rng(0)
    x, labels = random.standard_normal((37, 7, 7, 1), np.float32), random.integers(0, 5, 37)
    want_losses, want = formula_gradient(net, loss, x, labels)
    step = training(net, loss, 64)
    got, _ = step(x, labels if "classes" in loss.targets else np.eye(6)[labels], 0)
    np.testing.assert_allclose(got, want_losses, rtol=100 * EPS)
    assert_gradients_close(step.gradient, want)


@pytest.mark.parametrize("name", ["lenet5", "branches", "norms"])
@pytest.mark.parametrize("batch", [64, 300])
@pytest.mark.sample(8)
def test_threads_and_repetition_change_no_bit(name: str, batch: int) -> None:
    random = np.random.default_rng(0)
    x, labels = None, random.integers(0, 10, batch)
    found = []
    for threads in (1, 1, 2, 3, 4):
        net = kitnet.parse(NETS[name]).initialise(5)
        if x is None:
            x = random.standard_normal((batch, *net.input_shape), np.float32)
        step = training(net, usual_loss(net.graph), batch, threads=threads)
        for number in range(3):
            step(x, labels, number)
        found.append(net.weights.flat.copy())
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lenet5", "residual", "branches", "norms", RELU_NORMS])
def test_fusion_changes_nothing_but_time(name: str) -> None:
    random = np.random.default_rng(0)
    grads, seen = [], []
    for fuse in (True, False):
        net = kitnet.parse(NETS.get(name, name)).initialise(6)
        x, labels = (
            np.random.default_rng(1).standard_normal((40, *net.input_shape), np.float32),
            random.integers(0, 10, 40) * 0 + 3,
        )
        step = training(net, usual_loss(net.graph), 40, fuse=fuse)
        step(x, labels, 0)
        grads.append(step.gradient)
        seen.append(len(step.plan.steps))
    np.testing.assert_array_equal(grads[0].flat, grads[1].flat)
    assert seen[0] < seen[1]


@pytest.mark.parametrize("batch", [40, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 300))])
def test_running_statistics_are_those_of_the_formula(batch: int) -> None:
    """Scores made before training find them where training leaves them."""
    net = coarse(kitnet.parse(NETS["norms"]), 9)
    loss, random = usual_loss(net.graph), np.random.default_rng(batch)
    scores, step = Scores(net, loss, batch), training(net, loss, batch)
    for number in range(3):
        count = batch if number != 1 else max(1, batch - 7)
        x, labels = coarse_images(random, net, count), random.integers(0, 10, count)
        want = net.tape(x, train=True).state
        step(x, labels, number)
        for path, arrays in want.items():
            for name, array in arrays.items():
                got = net.state[path][name]
                np.testing.assert_allclose(got, array, rtol=0, atol=100 * EPS * np.abs(array).max())
    want_scores = net.tape(x).output
    scores.refresh()
    np.testing.assert_allclose(scores(x), want_scores, rtol=0, atol=200 * EPS * np.abs(want_scores).max())


def test_groups_wait_for_each_other_only_where_statistics_need_them_all() -> None:
    net = kitnet.parse(NETS["norms"])
    plans = [
        planned(net, 300, cpu=detect("baseline"), loss=usual_loss(net.graph), train=train)
        for train in (True, False)
    ]
    assert [plan.own_arena.size > 0 for plan in plans] == [False, True]
    assert [max(plan.stages) > 20 for plan in plans] == [True, False]


def test_dropout_takes_no_step_where_it_drops_nothing() -> None:
    net = kitnet.parse("6x6x2 -> conv3-4 -> relu -> dropout -> fc3").initialise(1)
    scores = Scores(net, usual_loss(net.graph), 20)
    assert scores.plan.formula_steps == 0
    x = np.random.default_rng(0).standard_normal((20, 6, 6, 2), np.float32)
    want = net.tape(x).output
    np.testing.assert_allclose(scores(x), want, rtol=0, atol=100 * EPS * np.abs(want).max())


@pytest.mark.parametrize(
    "level", [*levels()[:2], *(pytest.param(level, marks=pytest.mark.slow) for level in levels()[2:])]
)
def test_every_instruction_set(level: str) -> None:
    random = np.random.default_rng(0)
    net = coarse(kitnet.parse(NETS["lenet5-modern"]), 7)
    loss = usual_loss(net.graph)
    x, labels = coarse_images(random, net, 50), random.integers(0, 10, 50)
    want_losses, want = formula_gradient(net, loss, x, labels)
    step = training(net, loss, 50, cpu=detect(level))
    got, _ = step(x, labels, 0)
    np.testing.assert_allclose(got, want_losses, rtol=200 * EPS)
    assert_gradients_close(step.gradient, want)


@pytest.mark.parametrize("batch", [20, pytest.param(300, marks=pytest.mark.slow)])
def test_a_layer_without_a_lowering_runs_its_formula(batch: int) -> None:
    names = frozenset(("conv", "maxpool", "meanpool"))
    net = coarse(kitnet.parse(NETS["lenet5-modern"]), 8)
    loss = usual_loss(net.graph)
    random = np.random.default_rng(0)
    x, labels = coarse_images(random, net, batch), random.integers(0, 10, batch)
    want_losses, want = formula_gradient(net, loss, x, labels)
    step = training(net, loss, batch, wishes=Wishes(names))
    got, _ = step(x, labels, 0)
    np.testing.assert_allclose(got, want_losses, rtol=200 * EPS)
    assert_gradients_close(step.gradient, want)
    assert step.plan.formula_steps == 14  # forward and backward of five layers with weights and two pools


def test_own_memory_does_not_grow_with_the_batch() -> None:
    net = kitnet.parse(NETS["lenet5"])
    small, large = (
        planned(net, n, cpu=detect("baseline"), loss=usual_loss(net.graph), train=False) for n in (256, 2048)
    )
    assert small.own_arena.size == large.own_arena.size > 0


def test_a_wrong_image_is_refused() -> None:
    net = kitnet.parse(NETS["lenet5"])
    with pytest.raises(ShapeError) as caught:
        Scores(net, usual_loss(net.graph), 8)(np.zeros((2, 28, 28, 1), np.float32))
    assert str(caught.value) == (
        "input: expected an array of shape (N, 32, 32, 1), samples first and channels last, but got "
        "(2, 28, 28, 1)"
    )


@pytest.mark.parametrize("mode", ["infer", pytest.param("train", marks=pytest.mark.slow)])
def test_planning_takes_time_in_proportion_to_the_nodes(mode: str) -> None:
    def seconds(repeats: int) -> float:
        net = kitnet.parse(
            f"8x8x8 -> [[conv1-8 -> relu]*2 -> residual[conv1-8 -> relu -> conv1-8]]*{repeats} -> fc3"
        )
        assert net.weights
        start = time.process_time()
        plan_of(net, 16, mode)
        return time.process_time() - start

    seconds(30)
    few, many = seconds(30), seconds(480)  # 242 and 3,842 nodes
    assert many < 4 * 16 * few
