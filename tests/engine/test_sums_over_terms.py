"""Scores of networks with sums: a convolution or a norm writes the sum over its other term, unless somebody
still needs that.
"""

from __future__ import annotations

import numpy as np
import pytest
from plans import EPS, coarse_images, planned
from test_fusion import step_names, trained

import kitnet
from kitnet.engine import Scores
from kitnet.engine.plan import Plan
from kitnet.engine.step import KernelStep
from kitnet.kernels.cpu import detect
from kitnet.layers import Add
from kitnet.net import usual_loss
from kitnet.net.objective import scores_of

START = "6x6x2 -> conv3-4 same -> tanh -> "
BODY = "residual1.body.conv1 forward"
# The network, and the steps that write a sum over one of its terms.
OVER = {
    "a residual": (START + "residual[tanh -> conv3-4 same] -> relu -> fc10", [BODY]),
    "a curve behind it": (START + "residual[relu -> conv3-4 same groups=2] -> tanh -> fc10", [BODY]),
    "norms": (
        START + "residual[conv3-4 same bias=no -> batchnorm -> relu -> conv1-4 bias=no -> batchnorm] -> relu "
        "-> fc10",
        ["residual1.body.conv2 forward"],
    ),
    "a norm of its own": (START + "add[sigmoid | batchnorm] -> relu -> fc10", ["add1.1.batchnorm1 forward"]),
    "a projection": (
        START + "add[conv1-4 | tanh -> conv3-4 same] -> sigmoid -> fc10",
        ["add1.1.conv1 forward"],
    ),
    "one after the other": (
        START + "residual[tanh -> conv3-4 same] -> residual[relu -> conv3-4 same] -> maxpool2 -> fc10",
        [BODY, "residual2.body.conv1 forward"],
    ),
    "behind a dropout": (START + "add[dropout | tanh -> conv3-4 same] -> fc10", ["add1.1.conv1 forward"]),
    "winograd": ("8x9x32 -> conv3-32 same -> residual[tanh -> conv3-32 same] -> relu -> fc10", [BODY]),
    "fourier": ("15x13x2 -> conv3-16 same -> residual[tanh -> conv9-16 same] -> relu -> fc10", [BODY]),
    "packed filters": ("4x5x2 -> conv3-64 same -> residual[tanh -> conv2-64 same] -> relu -> fc10", [BODY]),
    "a window of the whole input": ("1x1x8 -> conv1-800 -> residual[tanh -> conv1-800] -> fc10", [BODY]),
    "the sum is the scores": (
        "6x6x2 -> conv6-10 -> residual[tanh -> conv1-10] -> flatten -> softmax",
        [BODY],
    ),
}
NOT_OVER = {
    "one that is read again": (
        START + "add[add[identity | sigmoid -> conv3-4 same] | conv1-4] -> fc10",
        ["add1.1.conv1 forward"],  # the outer sum over the inner one
    ),
    "its own input": (START + "residual[conv3-4 same] -> fc10", []),
    "a part of a concatenation": (
        START + "add[identity | concat[identity | conv1-4] -> tanh -> conv3-4 same] -> fc10",
        [],
    ),
    "a concatenation": (
        START + "add[concat[identity | conv1-4] -> residual[tanh -> conv3-8 same] | conv1-8] -> fc10",
        ["add1.1.conv1 forward"],
    ),
    "the sum is a part of a concatenation": (
        START + "concat[conv1-4 -> residual[tanh -> conv3-4 same] | conv1-3] -> conv3-3 -> fc10",
        [],
    ),
    "its activation is one": (
        START + "concat[conv1-4 -> residual[tanh -> conv3-4 same] -> relu | conv1-3] -> conv3-3 -> fc10",
        [],
    ),
    "the input": ("6x6x4 -> residual[tanh -> conv3-4 same] -> relu -> fc10", []),
    "one of another shape": (START + "add[flatten | flatten -> tanh -> batchnorm] -> fc10", []),
}
SUMS = {**OVER, **NOT_OVER}


def written_over(plan: Plan) -> list[str]:
    """The steps that add what is there, or a term that lies where they store."""
    return [
        step.label
        for step in plan.steps
        if isinstance(step, KernelStep)
        and (step.adds or ("addend" in step.reads and step.reads["addend"] == step.writes["y"]))
    ]


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("batch", [2, 20, pytest.param(130, marks=pytest.mark.slow)])
@pytest.mark.sample(8)
def test_scores(name: str, batch: int) -> None:
    line, over = SUMS[name]
    net = trained(kitnet.parse(line).initialise(3), 20)
    loss, x = usual_loss(net.graph), coarse_images(np.random.default_rng(0), net, batch)
    given, want = x.copy(), net.tape(x).values[scores_of(net.graph, loss)]
    for fuse in (True, False):
        scores = Scores(net, loss, batch, fuse=fuse)
        got = scores(x)
        np.testing.assert_allclose(got, want, rtol=0, atol=100 * EPS * np.abs(want).max())
        np.testing.assert_array_equal(scores(x), got)  # the second run finds all terms anew
        np.testing.assert_array_equal(x, given)
        few = scores.plan.batch.images == 1  # where norms add nothing
        assert written_over(scores.plan) == [step for step in over if fuse and not (few and "norm" in step)]


@pytest.mark.parametrize("name", SUMS)
def test_a_sum_takes_a_step_only_where_its_other_term_is_needed(name: str) -> None:
    """Then a norm adds nevertheless, which reads its input anyway; so does a convolution of few images."""
    line, over = SUMS[name]
    net = kitnet.parse(line)
    sums = sum(isinstance(node.layer, Add) for node in net.graph.nodes)
    of_norms = name in ("a norm of its own", "one of another shape")
    for samples, passed in (2, 0 if of_norms else sums), (2 * detect().lanes, 1 if of_norms else len(over)):
        plan = planned(net, samples, loss=usual_loss(net.graph), train=False)
        assert step_names(plan).count("add") == sums - passed
        in_passing = [each for each in plan.choices if each.path in plan.passed]
        assert sum(each.kind == "add" for each in in_passing) == passed


@pytest.mark.parametrize(
    ("name", "kernel", "made"),
    [
        ("winograd", "winograd", ["mapped filters"]),
        ("fourier", "fourier", ["spectra"]),
        ("packed filters", "convolution", ["packed"]),
        ("a window of the whole input", "convolution", []),
    ],
)
def test_every_way_to_convolve_adds(name: str, kernel: str, made: list[str]) -> None:
    net = kitnet.parse(OVER[name][0])
    plan = planned(net, 2 * detect().lanes, loss=usual_loss(net.graph), train=False)
    steps = {step.label: step for step in plan.steps}
    total, term = steps[BODY], steps["conv1 forward"]
    assert isinstance(total, KernelStep)
    assert (total.kernel.name, total.adds, total.writes) == (kernel, True, term.writes)
    before = BODY.removesuffix("forward")
    assert [label.removeprefix(before) for label in steps if label.startswith(before)] == [*made, "forward"]


def test_training_keeps_all_terms() -> None:
    for name, (line, _) in SUMS.items():
        net = kitnet.parse(line)
        plan = planned(net, 20, loss=usual_loss(net.graph), train=True)
        forward = [step for step in written_over(plan) if step.endswith(" forward")]
        assert forward == [], name
