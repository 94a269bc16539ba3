"""Generated networks of several layers: a training step and the scores of their plans against the formulas.

A plan's memory lies between forbidden pages and begins as NaN; a second run from the same weights, and one on
another number of threads, give the same bits. Weights and images are drawn so that no ReLU and no
maximum hangs by a rounding.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from guard import guarded
from plans import EPS, assert_gradients_close, formula_gradient, training

import kitnet
from kitnet.base.error import ShapeError
from kitnet.base.spec import Array
from kitnet.engine import Scores, bind
from kitnet.kernels import crew
from kitnet.layers import BatchNorm, MaxPool, Relu
from kitnet.layers.window import area, output_sizes, windows
from kitnet.net import Net, Tape, usual_loss
from kitnet.net.objective import scores_of

PLANS, FEW = 60, 15  # in CI (and more), and by default
BATCHES = [1, 1, 2, 5, 20, 33, 70, 150]


def drawn(seed: int) -> tuple[Net, int]:
    """One of endlessly many small networks, and its batch."""
    pick = random.Random(f"plan {seed}").choice
    rank, batch = pick([1, 2, 2, 2, 3]), pick(BATCHES)
    sizes = [pick([5, 6, 7, 8, 9] if rank < 3 else [4, 5]) for _ in range(rank)]
    line = "x".join(map(str, (*sizes, pick([1, 1, 2, 3, 5]))))
    terms, wanted = 0, pick([2, 3, 4])
    while terms < wanted:
        try:
            kitnet.parse(longer := f"{line} -> {_term(pick, batch)}")
        except ShapeError:  # it does not fit there
            continue
        line, terms = longer, terms + 1
    return kitnet.parse(
        f"{line} -> fc{pick([2, 3, 7, 10])}{pick(['', '', ' -> softmax', ' -> sigmoid'])}"
    ), batch


def _term(pick: Any, batch: int, deep: bool = False) -> str:
    kinds = ["conv", "conv", "conv", "pool", "pool", "activation", "joined", "subsample"]
    kind = pick([kind for kind in kinds if not (deep and kind == "joined")] + ["norm"] * (batch >= 20))
    if kind == "pool":
        pad = pick(["", "", " same", " pad=1"])
        return f"{pick(['max', 'mean'])}pool{pick([2, 2, 3])}{pick(['', '/1', '/2', '/3'])}{pad} floor"
    if kind == "activation":
        return pick(["relu", "tanh", "lecuntanh", "sigmoid"])
    if kind == "subsample":
        return "subsample2 floor"
    if kind == "norm":  # without an activation before it, its gradient towards an earlier bias would be 0
        return f"tanh -> conv3-{pick([2, 5])} same bias=no -> batchnorm -> tanh"
    if kind == "joined":
        one, other = (_term(pick, batch, deep=True) for _ in range(2))
        return pick(
            [
                f"concat[{one} | {other}]", f"concat[identity | conv3-{pick([1, 3])} same]",
                f"add[conv1-4 | conv3-4 same{pick(['', ' -> tanh'])}]", f"residual[{one}]",
                f"conv3-4 same -> residual[{pick(['relu', 'tanh'])} -> conv3-4 same] -> relu",
            ]
        )  # fmt: skip
    filters = pick([1, 2, 3, 5, 7, 13, 17])
    options = [
        pick(["", "", "", "/2", "/3", "/5"]),
        pick(["", " same", " same", " full", " pad=1", " pad=3"]),
    ]
    options += [pick(["", "", "", " dilation=2"]), pick(["", "", "", f" groups={filters}"])]
    return (
        f"conv{pick([1, 2, 3, 3, 5])}-{filters}{''.join(options)} floor{pick(['', ' -> relu', ' -> tanh'])}"
    )


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    """What plans and threads call their own memory."""

    def memory(size: int) -> Array:
        return guarded(-(-max(size, 1) // 128) * 128, np.uint8)

    monkeypatch.setattr(bind, "aligned", memory)
    monkeypatch.setattr(crew, "aligned", memory)
    bind.crew_of.cache_clear()  # crews that have memory already


def check(seed: int) -> None:
    net, batch = drawn(seed)
    where, rng, loss = (
        f"network {seed}, batch {batch}: {net}",
        np.random.default_rng(seed),
        usual_loss(net.graph),
    )
    while True:
        net.initialise(int(rng.integers(1000)))
        for path in net.weights:  # biases too
            net.weights[path][...] += rng.standard_normal(net.weights[path].shape) / 8
        x = rng.standard_normal((batch, *net.input_shape), np.float32)
        if not any(magnifies(net, net.tape(x, train=train)) for train in (False, True)):
            break
    start, classes = net.weights.flat.copy(), net.graph.nodes[scores_of(net.graph, loss)].shape[0]
    labels = rng.integers(0, classes, batch)
    tape = net.tape(x)

    want = tape.values[scores_of(net.graph, loss)].reshape(batch, -1)
    found = [Scores(net, loss, batch, threads=threads)(x) for threads in (2, 1)]
    assert found[0].tobytes() == found[1].tobytes(), where
    np.testing.assert_allclose(found[0], want, 0, 100 * EPS * np.abs(want).max(), err_msg=where)

    want_losses, want_gradient = formula_gradient(net, loss, x, labels)
    if want_losses.max() < 0.1:  # p - 1 would be the difference of near equals
        labels = (labels + 1) % classes
        want_losses, want_gradient = formula_gradient(net, loss, x, labels)
    # a loss is a difference of scores and carries their roundings
    trained = net.tape(x, train=True).values[scores_of(net.graph, loss)]
    largest = max(want_losses.max(), np.abs(trained).max())
    steps = [training(net, loss, batch, threads=threads) for threads in (2, 1)]
    bits = []
    for step in (*steps, steps[0]):
        net.weights.flat[...] = start
        losses, _ = step(x, labels, 0)
        bits.append(losses.tobytes() + step.gradient.flat.tobytes())
        np.testing.assert_allclose(losses, want_losses, 0, 100 * EPS * largest, err_msg=where)
    assert len(set(bits)) == 1, where
    try:
        assert_gradients_close(steps[0].gradient, want_gradient)
    except AssertionError:
        net.weights.flat[...] = start * (1 + EPS * rng.choice([-1, 1], start.shape))
        _, near = formula_gradient(net, loss, x * (1 + EPS * rng.choice([-1, 1], x.shape)), labels)
        try:
            assert_gradients_close(steps[0].gradient, want_gradient, near)
        except AssertionError as error:
            raise AssertionError(f"{where}\n{error}") from None


def magnifies(net: Net, tape: Tape) -> bool:
    """Whether roundings are seen enlarged: some ReLU, or some maximum, could turn out otherwise, or some
    channel that is normalised hardly varies.
    """
    found = []
    for node in net.graph.nodes:
        if isinstance(node.layer, Relu | MaxPool):
            (x,) = (tape.values[i] for i in node.inputs)
            gap = np.abs(x)
            if isinstance(node.layer, MaxPool):
                axes = node.layer.axes(x.shape[1:])
                seen = windows(x, axes, -1e9).reshape(len(x), *output_sizes(axes), area(axes), x.shape[-1])
                seen = np.sort(seen, -2)
                gap = seen[..., -1, :] - seen[..., -2, :] if area(axes) > 1 else gap
            found.append((gap > 0) & (gap < 30 * EPS * np.abs(x).max()))
        if isinstance(node.layer, BatchNorm):
            x = tape.values[node.inputs[0]].reshape(-1, node.shape[-1])
            found.append(x.std(0) < abs(x.mean(0)) / 4)
    return any(map(np.any, found))


def layers(net: Net) -> list[Any]:
    return [(node.layer, net.graph.shapes_into(node)) for node in net.graph.nodes if node.layer is not None]


def test_what_is_generated() -> None:
    nets = [drawn(seed) for seed in range(PLANS)]
    assert len({(str(net), batch) for net, batch in nets}) == PLANS == 60
    found = {each for net, _ in nets for each in layers(net)}
    words = {layer.word for layer, _ in found}
    assert words >= {"conv", "maxpool", "meanpool", "subsample", "batchnorm", "add", "concat", "relu", "tanh"}
    assert len(found) >= 300, len(found)
    assert {batch for _, batch in nets} == set(BATCHES)


@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize("seed", range(FEW))
@pytest.mark.sample(8)
def test_generated_plans(seed: int) -> None:
    check(seed)


@pytest.mark.slow
@pytest.mark.usefixtures("hostile")
@pytest.mark.parametrize("seed", range(FEW, 5 * PLANS))
def test_more_generated_plans(seed: int) -> None:
    check(seed)
