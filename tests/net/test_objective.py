"""A network and its loss: which one is usual, what it absorbs, and the graph of both."""

from __future__ import annotations

import numpy as np
import pytest

from kitnet.base.error import KitnetError, ShapeError
from kitnet.layers import (
    LAYERS,
    Context,
    Loss,
    Quadratic,
    RadialBasisPenalty,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from kitnet.net import Tape, Weights, parse, usual_loss, with_loss
from kitnet.net.objective import loss_by_name, losses, scores_of


@pytest.mark.parametrize(
    ("line", "loss"),
    [
        ("4 -> fc3", SoftmaxCrossEntropy()),
        ("4 -> fc3 -> softmax", SoftmaxCrossEntropy()),
        ("4 -> fc3 -> sigmoid", SigmoidCrossEntropy()),
        ("4 -> fc3 -> tanh", SoftmaxCrossEntropy()),
        ("84 -> rbf", RadialBasisPenalty()),
    ],
)
def test_the_usual_loss(line: str, loss: Loss) -> None:
    assert usual_loss(parse(line).graph) == loss


def test_the_usual_loss_may_be_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYERS.defined, "quadratic", Quadratic)
    monkeypatch.setattr(Quadratic, "suits", frozenset({"tanh"}))
    assert usual_loss(parse("4 -> fc3 -> tanh").graph) == Quadratic()
    assert usual_loss(parse("4 -> fc3 -> relu").graph) == SoftmaxCrossEntropy()


@pytest.mark.parametrize(
    ("line", "loss", "scores"),
    [
        ("4 -> fc3 -> softmax", SoftmaxCrossEntropy(), "fc1"),
        ("4 -> fc3 -> sigmoid", SigmoidCrossEntropy(), "fc1"),
        ("4 -> fc3 -> softmax", SigmoidCrossEntropy(), "softmax1"),
        ("4 -> fc3 -> softmax", Quadratic(), "softmax1"),
        ("4 -> fc3", SoftmaxCrossEntropy(), "fc1"),
        ("84 -> rbf", RadialBasisPenalty(), "rbf1"),
    ],
)
def test_a_loss_reads_what_is_before_the_activation_that_it_contains(
    line: str, loss: Loss, scores: str
) -> None:
    graph = parse(line).graph
    assert graph.nodes[scores_of(graph, loss)].path == scores
    whole = with_loss(graph, loss)
    last = whole.nodes[whole.main]
    assert (last.path, last.shape) == ("loss", ())
    assert [whole.nodes[i].path for i in last.inputs] == [scores, "target"]
    assert whole.nodes[: len(graph.nodes)] == graph.nodes
    assert whole.params() == graph.params()


def test_absorbed_or_not_the_loss_is_the_same_number() -> None:
    random = np.random.default_rng(0)
    target = np.eye(3)[[0, 2]]
    net = parse("4 -> fc3 -> softmax")
    graph = with_loss(net.graph, SoftmaxCrossEntropy())
    operands = {"input": random.standard_normal((2, 4)), "target": target}
    tape = Tape(graph, Weights(graph.params(), np.float64).draw(0), {}, Context(), operands)
    assert tape.output.shape == (2,)
    assert tape.output == pytest.approx(-(target * np.log(tape["softmax1"])).sum(1), rel=1e-13)


def test_losses_by_name() -> None:
    assert loss_by_name("quadratic") == Quadratic()
    assert all(issubclass(kind, Loss) for kind in losses().values())
    assert set(losses()) >= {"quadratic", "softmax_cross_entropy", "sigmoid_cross_entropy", "rbf_penalty"}
    with pytest.raises(KitnetError) as caught:
        loss_by_name("quadratc")
    assert str(caught.value) == (
        f"unknown loss 'quadratc' (did you mean 'quadratic'?); known: {', '.join(losses())}"
    )


def test_a_class_for_each_position_is_a_form_of_its_own() -> None:
    net = parse("4x4x3 -> conv1-2")
    x, labels = np.zeros((2, 4, 4, 3)), np.ones((2, 4, 4), int)
    with pytest.raises(ShapeError) as caught:
        net.tape(x, labels)
    assert str(caught.value) == (
        "target: expected one class a sample, but got one for each of 4x4 positions; give target='positions' "
        "to net.compile, or form='positions' to net.tape"
    )
    assert net.tape(x, labels, form="positions")["loss"].shape == (2,)
