"""What plans do in passing, and gradients that share memory: nothing but time may change."""

from __future__ import annotations

import numpy as np
import pytest
from plans import EPS, assert_gradients_close, coarse, coarse_images, formula_gradient, planned, training

import kitnet
from kitnet.engine import Plan, Scores, wishes_of
from kitnet.engine.fuse import fuse_layers
from kitnet.engine.step import KernelStep
from kitnet.kernels.cpu import detect
from kitnet.net import Net, usual_loss
from kitnet.net.objective import scores_of

JOINED = {
    "a residual of norms": "8x8x3 -> conv3-8 same bias=no -> batchnorm -> relu -> residual[conv3-8 same "
    "bias=no -> batchnorm -> relu -> conv3-8 same bias=no -> batchnorm] -> relu -> residual[conv3-12/2 "
    "same bias=no -> batchnorm | conv1-12/2 same bias=no -> batchnorm] -> relu -> meanpool4 -> fc10",
    "a sum without activation": "6x6x2 -> conv3-4 same -> residual[conv3-4 same bias=no -> batchnorm] -> "
    "fc10",
    "a sum read twice": "6x6x2 -> conv3-4 same -> residual[conv3-4 same bias=no -> batchnorm] -> "
    "residual[relu -> conv3-4 same bias=no -> batchnorm -> tanh] -> relu -> fc10",
    "a sum of three": "6x6x2 -> add[conv3-4 same bias=no -> batchnorm | conv1-4 | conv3-4 same] -> relu "
    "-> fc10",
    "the norm before the plain branch": "6x6x2 -> conv3-4 same -> tanh -> add[conv3-4 same bias=no -> "
    "batchnorm | conv1-4] -> tanh -> fc10",
    "a norm beside its own input": "6x6x2 -> conv3-4 same -> add[identity | batchnorm] -> relu -> fc10",
    "a norm and its input": "6x6x2 -> conv3-4 same -> residual[batchnorm] -> relu -> fc10",
    "terms that are activations": "6x6x2 -> conv3-4 same -> add[conv3-4 same -> tanh | conv1-4 -> relu | "
    "maxpool3/1 same -> sigmoid] -> fc10",
    "a value twice": "6x6x2 -> conv3-4 same -> relu -> add[identity | identity | tanh] -> relu -> fc10",
    "sums of sums": "6x6x2 -> conv3-4 same -> add[add[identity | tanh] | add[conv1-4 | identity]] -> fc10",
    "a flat sum": "4x4x2 -> conv3-4 same -> add[flatten | conv1-4 -> tanh -> flatten | fc64] -> tanh -> fc10",
    "an inception": "9x9x3 -> conv3-5 -> relu -> concat[conv1-3 -> relu | conv1-2 -> relu -> conv3-4 same "
    "-> tanh | conv1-2 -> conv5-3 same | maxpool3/1 same -> conv1-2 -> relu] -> maxpool2 floor -> fc10",
    "pools that are joined": "9x9x3 -> conv3-5 -> relu -> concat[maxpool3/1 same | meanpool3/1 same | "
    "subsample1 -> tanh | batchnorm -> relu | conv1-2 bias=no -> batchnorm | dropout drop=0 | add[conv1-4 "
    "| conv1-4]] -> conv3-4 -> fc10",
    "a dense block": "6x6x2 -> conv3-4 same bias=no -> concat[identity | batchnorm -> relu -> conv3-3 "
    "same bias=no] -> concat[identity | batchnorm -> relu -> conv3-3 same bias=no] -> concat[identity | "
    "batchnorm -> relu -> conv1-5 bias=no -> batchnorm -> relu -> conv3-3 same bias=no] -> batchnorm -> "
    "relu -> meanpool6 -> fc10",
    "parts of two wholes": "6x6x2 -> conv3-4 same -> tanh -> add[concat[identity | conv1-2 -> "
    "concat[identity | identity | conv1-1]] -> conv1-3 | concat[conv1-2 | identity] -> conv3-3 same] -> "
    "fc10",
    "a flat whole": "4x4x2 -> conv3-4 same -> tanh -> concat[flatten | fc7 -> tanh | flatten -> fc5] -> fc10",
    "the whole is an input": "6x6x2 -> concat[identity | conv3-4 same] -> conv3-3 -> fc10",
    "a sum of wholes": "6x6x2 -> conv3-4 same -> residual[concat[conv1-2 -> relu | conv3-2 same -> tanh]] "
    "-> add[concat[conv1-3 | conv1-1 -> tanh] | concat[conv1-2 | conv1-2]] -> fc10",
    "scores that are a whole": "4x4x2 -> concat[fc6 | fc4 -> tanh]",
    "gradients that are taken from x": "6x6x2 -> conv3-4 same -> silu -> conv3-4 same bias=no -> "
    "batchnorm -> silu -> residual[conv3-4 same bias=no -> batchnorm] -> silu -> residual[identity -> "
    "leakyrelu slope=-1] -> conv3-4 same -> leakyrelu slope=0.125 -> maxpool2 -> fc10",
    "a softmax of a sum": "4x4x2 -> add[fc10 | fc10] -> softmax",
}


def step_names(plan: Plan) -> list[str]:
    return [step.kernel.name for step in plan.steps if isinstance(step, KernelStep)]


def gradients_agree(net: Net, batch: int) -> None:
    """With the formulas, with and without fusion, and of fusion to the bit."""
    random = np.random.default_rng(batch)
    loss = usual_loss(net.graph)
    x, labels = coarse_images(random, net, batch), random.integers(0, 10, batch)
    want_losses, want = formula_gradient(net, loss, x, labels)
    start, state = net.weights.flat.copy(), {path: dict(arrays) for path, arrays in net.state.items()}
    found = []
    for fuse in (True, False):
        net.weights.flat[...] = start
        for path, arrays in state.items():
            for name, array in arrays.items():
                net.state[path][name] = array.copy()
        step = training(net, loss, batch, fuse=fuse)
        losses, scores = step(x, labels, 0)
        np.testing.assert_allclose(losses, want_losses, rtol=0, atol=100 * EPS * want_losses.max())
        assert_gradients_close(step.gradient, want)
        after = [array.copy() for arrays in net.state.values() for array in arrays.values()]
        found.append([losses, scores, step.gradient.flat, *after])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", JOINED)
@pytest.mark.parametrize("batch", [20, pytest.param(130, marks=pytest.mark.slow)])
@pytest.mark.sample(8)
def test_gradients_of_joined_branches(name: str, batch: int) -> None:
    gradients_agree(coarse(kitnet.parse(JOINED[name]), 2), batch)


def test_between_norms_and_products_a_residual_network_does_nothing() -> None:
    net = kitnet.parse(JOINED["a residual of norms"])
    plan = planned(net, 130, loss=usual_loss(net.graph), train=True)
    names = set(step_names(plan))
    assert {"normalise", "gradient_sums", "norm_gradient"} <= names
    assert not names & {"add", "activate", "activation_gradient", "copy"}
    assert set(plan.passed) == {"relu1", "relu2", "relu3", "residual1.body.relu1", "residual1", "residual2"}


def test_an_activation_whose_gradient_is_taken_from_x_is_fused_where_x_is_known() -> None:
    """For scores behind every product; in training behind a norm, which calculates x once more."""
    net = kitnet.parse(
        "6x6x2 -> conv3-4 same -> silu -> conv3-4 same bias=no -> batchnorm -> silu -> "
        "residual[conv3-4 same bias=no -> batchnorm] -> silu -> conv3-4 same -> leakyrelu -> "
        "conv3-4 same -> leakyrelu slope=-1 -> fc10"
    )
    alone = {
        train: {choice.path for choice in plan.choices if choice.one.id == "activation.images"}
        - set(plan.passed)
        for train in (True, False)
        for plan in [planned(net, 130, loss=usual_loss(net.graph), train=train)]
    }
    assert alone == {True: {"silu1", "silu3", "leakyrelu2"}, False: set()}


def test_branches_are_written_where_they_are_read() -> None:
    for name in ("an inception", "a dense block", "scores that are a whole"):
        net = kitnet.parse(JOINED[name])
        for train in (True, False):
            plan = planned(net, 130, loss=usual_loss(net.graph), train=train)
            assert "copy" not in step_names(plan)


@pytest.mark.parametrize("name", JOINED)
@pytest.mark.parametrize("batch", [2, 20, pytest.param(130, marks=pytest.mark.slow)])
@pytest.mark.sample(8)
def test_scores_of_joined_branches(name: str, batch: int) -> None:
    net = trained(kitnet.parse(JOINED[name]).initialise(3), 20)
    loss, x = usual_loss(net.graph), coarse_images(np.random.default_rng(0), net, batch)
    tape = net.tape(x)
    want = tape.values[scores_of(net.graph, loss)]
    for fuse in (True, False):
        got = Scores(net, loss, batch, fuse=fuse)(x)
        np.testing.assert_allclose(got, want, rtol=0, atol=100 * EPS * np.abs(want).max())


DROPPED = "8x8x3 -> conv3-4 same -> tanh -> drop1:dropout drop=0.3 -> concat[dropout | conv1-3 -> tanh] "
DROPPED += "-> conv3-5 -> flatten -> dropout drop=0.8 -> fc10"


@pytest.mark.parametrize("batch", [20, pytest.param(130, marks=pytest.mark.slow)])
def test_dropout_draws_what_the_formulas_draw(batch: int) -> None:
    """In every step others, of a short batch too; a formula in its place draws the same."""
    random, found = np.random.default_rng(batch), []
    net = coarse(kitnet.parse(DROPPED), 2)
    loss, start = usual_loss(net.graph), net.weights.flat.copy()
    x, labels = coarse_images(random, net, batch), random.integers(0, 10, batch)
    for forbidden in ((), ("dropout.drawn",)):
        step = training(net, loss, batch, seed=3, wishes=wishes_of(forbidden))
        assert step.plan.formula_steps == (6 if forbidden else 0)
        for number, count in enumerate((batch, batch - 7, batch)):
            net.weights.flat[...] = start
            losses, scores = step(x[:count], labels[:count], number)
            gradient = net.weights.like()
            gradient.flat[...] = step.gradient.flat
            found.append((losses, scores, gradient))
    for (losses, scores, gradient), (same, equal, close) in zip(found[:3], found[3:], strict=True):
        np.testing.assert_array_equal(losses, same)
        np.testing.assert_array_equal(scores, equal)
        assert_gradients_close(gradient, close)
    assert found[0][0].tobytes() != found[2][0].tobytes()


NORMS = {
    "no bias": "8x8x3 -> conv3-8 same bias=no -> batchnorm -> relu -> fc10",
    "a bias": "8x8x3 -> conv3-8 same -> batchnorm -> fc10",
    "groups": "8x8x4 -> conv3-8 same groups=2 -> batchnorm -> tanh -> fc10",
    "a table": "8x8x6 -> conv3-16 table=lenet5 -> batchnorm -> tanh -> fc10",
    "no bias and a table": "8x8x6 -> conv3-16 table=lenet5 bias=no -> batchnorm -> fc10",
    "a linear layer": "4x4x2 -> fc17 -> batchnorm -> sigmoid -> fc10 bias=no -> batchnorm",
    "many channels": "9x8x3 -> conv3-32 same -> batchnorm -> tanh -> conv3-40 same bias=no -> batchnorm "
    "-> fc10",
    "one axis": "12x2 -> conv3-5 same -> batchnorm decay=0.5 eps=0.1 -> fc10",
    "a large window": "15x13x2 -> conv3-16 same -> conv9-19 same bias=no -> batchnorm -> relu -> fc10",
    "packed filters": "4x5x2 -> conv3-64 same -> tanh -> conv2-65 same -> batchnorm -> tanh -> fc10",
    "packed groups": "4x5x2 -> conv2-128 same -> conv2-130 same groups=2 -> batchnorm -> fc10",
    "many units": "8x8x5 -> fc907 -> batchnorm -> tanh -> fc10",
}


def trained(net: Net, batch: int) -> Net:
    """With statistics of its own, scale and shift that are not 1 and 0."""
    random = np.random.default_rng(3)
    net.weights.flat[...] += 0.1 * random.standard_normal(net.weights.flat.size).astype(np.float32)
    net.keep(net.tape(coarse_images(random, net, batch), train=True).state)
    return net


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("batch", [1, 40, pytest.param(130, marks=pytest.mark.slow)])
@pytest.mark.sample(8)
def test_norms_are_folded_into_filters_for_scores(name: str, batch: int) -> None:
    net = trained(kitnet.parse(NORMS[name]).initialise(4), 20)
    loss, x = usual_loss(net.graph), coarse_images(np.random.default_rng(5), net, batch)
    want = net.tape(x).output
    for fuse in (True, False):
        scores = Scores(net, loss, batch, fuse=fuse)
        np.testing.assert_allclose(scores(x), want, rtol=0, atol=100 * EPS * np.abs(want).max())
        assert ("normalise" in step_names(scores.plan)) is not fuse


@pytest.mark.parametrize(
    ("name", "makes", "few"),
    [
        ("many channels", ["fold_filters", "winograd_filters"], ["pack", "winograd_filters"]),
        ("a large window", ["spectra"], ["pack"]),
        ("packed filters", ["pack"], ["pack"]),
        ("packed groups", ["pack"], ["pack"]),
        ("many units", ["fold_filters"], ["fold_filters"]),
        ("groups", ["fold_filters"], ["pack"]),
    ],
)
def test_a_norm_is_folded_into_what_is_made_of_filters(name: str, makes: list[str], few: list[str]) -> None:
    """A copy of the filters is only for who would read them as they are."""
    net = kitnet.parse(NORMS[name])
    for samples, want in (1, few), (2 * detect().lanes, makes):
        plan = planned(net, samples, loss=usual_loss(net.graph), train=False)
        factors = {ref for step in plan.steps if " factor" in step.label for ref in step.writes.values()}
        steps = [step for step in plan.steps if isinstance(step, KernelStep)]
        scaled = {step.kernel.name for step in steps if factors & set(step.reads.values())}
        assert sorted(scaled) == sorted([*want, "fold_bias"])


def test_a_norm_whose_input_is_read_elsewhere_is_not_folded() -> None:
    net = trained(kitnet.parse("6x6x2 -> conv3-4 same -> add[batchnorm | identity] -> relu -> fc10"), 20)
    x = coarse_images(np.random.default_rng(5), net, 40)
    scores = Scores(net, usual_loss(net.graph), 40)
    want = net.tape(x).output
    np.testing.assert_allclose(scores(x), want, rtol=0, atol=100 * EPS * np.abs(want).max())
    assert not {"fold_filters", "fold_bias"} & set(step_names(scores.plan))


def test_a_sum_is_not_written_over_what_is_read_from_outside() -> None:
    graph = kitnet.parse("6x6x2 -> conv3-4 same -> residual[tanh -> conv3-4 same] -> fc10").graph
    numbers = {node.path: i for i, node in enumerate(graph.nodes)}
    term, last = numbers["conv1"], numbers["fc1"]
    for kept, over in ({last}, [term]), ({last, term}, []):
        few = [False] * len(graph.nodes)
        found = fuse_layers(graph, few, range(len(few)), kept, train=False).fusions
        assert [fusion.addend for fusion in found.values() if fusion.over] == over


def test_scores_that_are_asked_for_are_stored() -> None:
    """A norm behind them is the loss's affair, or nobody's."""
    net = trained(kitnet.parse("4x4x2 -> fc10 -> batchnorm -> sigmoid"), 20)
    loss, x = usual_loss(net.graph), coarse_images(np.random.default_rng(5), net, 40)
    tape = net.tape(x)
    scores = Scores(net, loss, 40)
    want = tape["batchnorm1"]
    np.testing.assert_allclose(scores(x), want, rtol=0, atol=100 * EPS * np.abs(want).max())
    assert "fold_filters" in step_names(scores.plan)


def test_what_runs_its_formula_does_nothing_in_passing() -> None:
    net = trained(kitnet.parse(NORMS["no bias"]), 20)
    x = coarse_images(np.random.default_rng(5), net, 40)
    want = net.tape(x).output
    scores = Scores(net, usual_loss(net.graph), 40, wishes=wishes_of(["batchnorm.running"]))
    np.testing.assert_allclose(scores(x), want, rtol=0, atol=100 * EPS * np.abs(want).max())
    assert scores.plan.formula_steps == 1
    assert "activate" in step_names(scores.plan)
