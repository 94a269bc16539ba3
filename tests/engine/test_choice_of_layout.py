"""When a plan has its channels in the lanes, and which convolutions Winograd's filtering is for there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from plans import EPS, planned

import kitnet
from kitnet.base.spec import Array
from kitnet.engine import Scores
from kitnet.engine.plan import Plan
from kitnet.engine.step import KernelStep
from kitnet.kernels.cpu import detect, levels
from kitnet.net import Net, usual_loss
from kitnet.net.objective import scores_of


def plan_of(line: str, samples: int, *, train: bool = False) -> Plan:
    net = kitnet.parse(line)
    return planned(net, samples, loss=usual_loss(net.graph), train=train)


def assert_formula(scores: Scores, net: Net, x: Array) -> None:
    want = net.tape(x).values[scores_of(net.graph, usual_loss(net.graph))]
    np.testing.assert_allclose(scores(x), want, rtol=0, atol=100 * EPS * np.abs(want).max())


def test_fewer_images_than_lanes_have_their_channels_there() -> None:
    line, lanes = "8x8x3 -> conv3-4 -> relu -> fc10", detect().lanes
    for samples in (1, lanes - 1):
        batch = plan_of(line, samples).batch
        assert (batch.groups, batch.images) == (samples, 1)
    for samples in (lanes, lanes + 1):
        assert plan_of(line, samples).batch.images == lanes
    assert plan_of(line, 1, train=True).batch.images == lanes


def test_an_input_that_a_pool_reads_as_well_has_its_channels_in_the_lanes() -> None:
    """Products take images as people hold them, a pool whole vectors only."""
    plan = plan_of("8x8x3 -> concat[conv3-4 same | maxpool3/1 same] -> fc10", 2)
    assert plan.batch.images == 1 and plan.formula_steps == 0


ALL_AT_ONCE = {  # as many tasks as samples, which are not one sample each
    # what is packed is small, or packing it would come between the two
    "direct": "4x4x48 -> [conv5-48 same]*6 -> tanh -> fc10",
    "direct, then a pool": "8x8x64 -> conv3-128 same -> relu -> conv3-256/2 same -> maxpool2 -> fc10",
    "filtered": "8x8x64 -> conv3-128 same -> conv3-128 same -> fc10",
    "one tap": "4x4x128 -> conv1-512 -> conv1-512 -> meanpool4 -> fc10",
    "linear": "2048 -> fc2048 -> fc2048 -> fc10",
}


@pytest.mark.parametrize("name", ALL_AT_ONCE)
@pytest.mark.parametrize("samples", [2, 8])
def test_products_of_all_samples_wait_for_all_before_them(name: str, samples: int) -> None:
    """With vectors of any length; work is cut into 8 tasks at least."""
    net = kitnet.parse(ALL_AT_ONCE[name])
    for level in levels():
        plan = planned(net, samples, loss=usual_loss(net.graph), layout="channels", cpu=detect(level))
        for step, stage in zip(plan.steps, plan.stages, strict=True):
            if isinstance(step, KernelStep) and step.kernel.name in ("convolution", "winograd", "linear"):
                assert plan.stages.count(stage) == 1, f"{step.label} is done beside other steps"


@pytest.mark.parametrize("name", ["direct", "direct, then a pool"])
def test_products_of_all_samples_agree_with_the_formulas(name: str) -> None:
    net = kitnet.parse(ALL_AT_ONCE[name]).initialise(1)
    x = np.random.default_rng(0).standard_normal((8, *net.input_shape), np.float32)
    assert_formula(Scores(net, usual_loss(net.graph), 8), net, x)


REFUSED = {
    "conv3-64 same groups=2": "only without groups; the layer has 2",
    "conv3-64 dilation=2": "only for stride 1 and dilation 1",
    "conv3-64/2 same": "only for stride 1 and dilation 1",
    "conv5-64 same": "only for 3x3 windows",
}


@pytest.mark.parametrize("layer", REFUSED)
def test_what_winograd_is_not_for_is_done_directly(layer: str) -> None:
    net = kitnet.parse(f"11x11x3 -> conv3-64 same -> tanh -> {layer} -> conv3-64 same -> fc10").initialise(1)
    scores = Scores(net, usual_loss(net.graph), 2)
    choices = [choice for choice in scores.plan.choices if choice.kind == "conv"]
    assert ["winograd" in choice.one.id for choice in choices] == [False, False, True]
    assert {refusal.reason for refusal in choices[1].refusals} == {REFUSED[layer]}
    assert_formula(scores, net, np.random.default_rng(0).standard_normal((2, 11, 11, 3), np.float32))


F2, F4 = "winograd2", "winograd4"


@pytest.mark.parametrize(
    ("lanes", "side", "samples", "name", "width"),
    [
        *((16, 3, 1, "direct", 256), (16, 5, 1, F2, 128), (16, 14, 1, F2, 256), (16, 28, 1, F4, 256)),
        (16, 7, 4, F4, 256),
        (16, 7, 1, "direct", 256),  # a little slower, but the filters are read where they lie
        (16, 7, 1, F2, 128),  # and these are not large
        *((8, 3, 1, "direct", 256), (8, 7, 1, F2, 256), (8, 14, 1, F4, 256), (8, 28, 1, F4, 8)),
    ],
)
def test_the_filtering_that_suits_the_outputs_of_few_images(
    lanes: int, side: int, samples: int, name: str, width: int
) -> None:
    """For few tiles reading the mapped filters takes the time, and the smaller ones are quicker; the more so
    the longer vectors are, since products then take less.
    """
    net = kitnet.parse(f"{side}x{side}x{width} -> conv3-{width} same -> fc10")
    plan = planned(net, samples, loss=usual_loss(net.graph), cpu=replace(detect(), lanes=lanes))
    choice = next(choice for choice in plan.choices if choice.kind == "conv")
    assert name in choice.one.id
    in_place = name == "direct" and width == 256
    refused = "hardly takes longer" if in_place else "should be quicker"
    assert all(refused in refusal.reason for refusal in choice.refusals)
