"""Slices: where images are large, the first layers of a plan for scores do some of them at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from guard import guarded
from plans import EPS, planned

import kitnet
from kitnet.base.spec import Array
from kitnet.engine import Scores, explain, slicing, wishes_of
from kitnet.engine.choice import FEW
from kitnet.engine.plan import Plan
from kitnet.engine.step import LARGE
from kitnet.kernels.cpu import detect
from kitnet.net import Net, usual_loss
from kitnet.net.objective import scores_of

WIDE = "64x64x3 -> conv3-64 same -> relu -> maxpool2 -> conv3-32 same -> relu -> maxpool2"
ENDS = {
    "a classifier": f"{WIDE} -> conv3-32 same -> relu -> meanpool4 -> fc10",
    "a residual, over its term": f"{WIDE} -> [residual[conv3-32 same -> relu -> conv3-32 same] -> relu]*3 -> "
    "meanpool4 -> fc10",
    "a shortcut past the widest": "64x64x3 -> conv3-8/2 pad=1 floor -> relu -> residual[conv1-256 -> relu -> "
    "conv1-8 -> tanh] -> relu -> add[conv3-8 same | identity] -> fc10",
    "a concatenation": f"{WIDE} -> concat[conv1-8 -> tanh | conv3-16 same -> relu | maxpool3/1 same] "
    "-> maxpool4 -> fc10",
    "norms": f"{WIDE} -> conv3-32 same bias=no -> batchnorm -> relu -> batchnorm -> relu -> fc10",
    "an input that a pool reads": "64x64x4 -> concat[maxpool3/1 same | conv3-64 same -> relu] -> maxpool4 -> "
    "conv3-16 same -> relu -> fc10",
    "an input that a sum reads": "64x64x4 -> residual[conv3-64 same -> tanh -> conv3-4 same -> tanh] -> "
    "conv3-4 same -> tanh -> fc10",
    "wide to the end": "64x64x3 -> conv3-64 same -> tanh",
    "dropout": f"{WIDE} -> dropout -> conv3-32 same -> relu -> fc10 -> softmax",
}


def plan_of(line: str, samples: int) -> Plan:
    net = kitnet.parse(line)
    return planned(net, samples, loss=usual_loss(net.graph), train=False)


def images_of(net: Net, samples: int) -> Array:
    return np.random.default_rng(samples).standard_normal((samples, *net.input_shape), np.float32)


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("samples", [8, pytest.param(15, marks=pytest.mark.slow), 22])
@pytest.mark.sample(8)
def test_scores(name: str, samples: int) -> None:
    """Of a whole batch, and of one that is not full; the second run finds the first one's memory."""
    net = kitnet.parse(ENDS[name]).initialise(2)
    loss, x = usual_loss(net.graph), images_of(net, samples)
    want = net.tape(x).values[scores_of(net.graph, loss)].reshape(samples, -1)
    scores = Scores(net, loss, samples)
    assert scores.plan.batch.images == 1 and scores.plan.formula_steps == 0
    for many in samples, samples, 3:
        got = scores(x[:many]).reshape(many, -1)
        np.testing.assert_allclose(got, want[:many], rtol=0, atol=100 * EPS * np.abs(want).max())


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("a classifier", "meanpool1"),
        ("a residual, over its term", "meanpool1"),
        ("a shortcut past the widest", "relu2"),
        ("a concatenation", "maxpool3"),
        ("an input that a sum reads", "residual1.body.tanh2"),  # the sum reads the input as the caller has it
        ("dropout", "maxpool2"),
    ],
)
def test_slices_spare_memory(name: str, end: str) -> None:
    """They end where no other value is needed afterwards, before the larger filters."""
    plan = plan_of(ENDS[name], 16)
    assert plan.slicing is not None and plan.slicing.images == 4
    assert plan.graph.nodes[plan.slicing.last].path == end
    widest = max(math.prod(node.shape) for node in plan.graph.nodes if node.layer)
    assert plan.arena.size < 4 * 16 * widest * 3 / 4


def test_values_of_a_slice_die_with_it() -> None:
    line = "64x64x3" + " -> conv3-64 same -> relu" * 4 + " -> maxpool4 -> fc10"
    plan = plan_of(line, 16)
    wide = 4 * 64**3
    assert 2 * 4 * wide <= plan.arena.size < 3 * 4 * wide


def test_the_numbers_are_those_of_one_image_at_a_time() -> None:
    """Bit for bit: how a batch is cut changes nothing."""
    net = kitnet.parse(ENDS["a classifier"]).initialise(0)
    x = images_of(net, 16)
    sliced, single = Scores(net, usual_loss(net.graph), 16), Scores(net, usual_loss(net.graph), 4)
    assert sliced.plan.slicing and not single.plan.slicing
    np.testing.assert_array_equal(sliced(x), single(x))


@pytest.mark.parametrize(
    ("samples", "at_once", "of_a_slice"),
    [(8, 8, 4), (9, 9, 3), (10, 10, 2), (11, 11, None), (20, 10, 2), (40, 14, 2)],
)
def test_how_a_batch_is_dealt_out(samples: int, at_once: int, of_a_slice: int | None) -> None:
    plan = plan_of(ENDS["a classifier"], samples)
    assert plan.samples == plan.batch.groups == at_once <= FEW
    assert (plan.slicing.images if plan.slicing else None) == of_a_slice


IN_LANES = "52x52x3 -> conv5-64 same -> relu -> maxpool2 -> conv3-32 same -> relu -> maxpool2 -> fc10"


def test_groups_whose_images_lie_in_the_lanes_are_slices_as_well() -> None:
    """The last slice has places left; its lanes are empty, and nothing is read behind the images."""
    net, lanes = kitnet.parse(IN_LANES).initialise(0), detect().lanes
    loss, samples = usual_loss(net.graph), 3 * lanes - 2
    x = guarded((samples, *net.input_shape), np.float32, "end")
    x[...] = images_of(net, samples)
    want = net.tape(x).values[scores_of(net.graph, loss)].reshape(samples, -1)
    sliced, single = Scores(net, loss, samples), Scores(net, loss, lanes)
    assert sliced.plan.slicing is not None and sliced.plan.slicing.images == lanes
    counts = [step.reads["count"].offset for step in sliced.plan.steps if step.label == "input in images"]
    assert counts == [0, 8, 16]  # of what is left from each group on
    assert sliced.plan.arena.size < 4 * 3 * lanes * 52 * 52 * 64 * 3 / 4
    for first, many in (0, samples), (samples - lanes - 1, lanes + 1), (samples - 1, 1), (0, samples):
        part = x[first : first + many]
        got = sliced(part)
        np.testing.assert_allclose(
            got, want[first : first + many], rtol=0, atol=100 * EPS * np.abs(want).max()
        )
        np.testing.assert_array_equal(got, single(part))


DENSE = (
    "16x16x3 -> conv3-64 same -> relu -> maxpool2 -> [concat[identity | conv3-8 same -> relu]]*2 -> "
    "conv3-128 same -> relu -> fc10"
)


@pytest.mark.parametrize("name", [*sorted(ENDS.keys() - {"wide to the end"}), "dense"])
@pytest.mark.sample(6)
def test_they_are_wherever_a_network_can_be_cut(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also behind a sum over its term, and behind what lies in a concatenation; here for small images."""
    monkeypatch.setattr(slicing, "LEAST_BYTES", 0)
    net = kitnet.parse(DENSE if name == "dense" else ENDS[name].replace("64x64", "16x16")).initialise(2)
    loss, samples = usual_loss(net.graph), 3 * detect().lanes - 1
    x = images_of(net, samples)
    scores = Scores(net, loss, samples)
    assert scores.plan.slicing is not None and scores.plan.batch.images == detect().lanes
    want = net.tape(x).values[scores_of(net.graph, loss)].reshape(samples, -1)
    np.testing.assert_allclose(
        scores(x).reshape(samples, -1), want, rtol=0, atol=100 * EPS * np.abs(want).max()
    )


def test_groups_that_go_one_by_one_are_not() -> None:
    """A thread has one of them in work at a time."""
    assert plan_of(IN_LANES, 4 * detect().lanes).slicing is None


def test_what_is_made_of_large_filters_is_not_held_for_all_slices() -> None:
    """The layers that have them do the whole batch at once."""
    line = f"{WIDE} -> conv3-512/2 pad=1 floor -> relu -> conv3-512 same -> relu -> meanpool8 -> fc10"
    plan = plan_of(line, 16)
    assert plan.slicing is not None and plan.graph.nodes[plan.slicing.last].path == "maxpool2"


def test_small_values_are_not_sliced() -> None:
    small = ENDS["a classifier"].replace("64x64x3", "16x16x3")
    assert plan_of(small, 8).slicing is None
    assert plan_of(small, 64).batch.images > 1


def test_large_images_are_few_whatever_the_batch() -> None:
    side = int((LARGE // (4 * 64)) ** 0.5)
    line = "{0}x{0}x3 -> conv3-64 same -> relu -> maxpool4 floor -> conv3-32 same -> relu -> fc10"
    assert plan_of(line.format(side), 64).batch.images == 1
    assert plan_of(line.format(side - 1), 64).batch.images > 1


def test_fourier_transforms_are_worth_more() -> None:
    """Which few images have none of."""
    plan = plan_of("64x64x64 -> conv11-64 same -> relu -> meanpool8 -> fc10", 32)
    assert plan.batch.images > 1 and plan.choices[0].one.id == "conv.fourier.images"


def test_what_is_forced_is_done() -> None:
    net = kitnet.parse(ENDS["a classifier"])
    forced = "conv.direct.images"
    plan = planned(net, 32, loss=usual_loss(net.graph), train=False, wishes=wishes_of(force=[forced]))
    assert plan.choices[0].one.id == forced


def test_explain_tells() -> None:
    found = explain(plan_of(ENDS["a classifier"], 16))
    assert (found["images_of_a_slice"], found["slices_up_to"]) == (4, "meanpool1")
    layers = found["layers"]
    assert isinstance(layers, list) and layers[0]["kernels"].count("convolution") <= 1
    assert explain(plan_of(ENDS["a classifier"], 1))["slices_up_to"] is None
