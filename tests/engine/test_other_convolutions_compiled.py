"""Plans with depthwise, transposed and locally connected layers: which kernel is taken, and what is done in
passing.
"""

from __future__ import annotations

import numpy as np
import pytest

import kitnet
from kitnet.net import Net
from kitnet.optim import Sgd
from kitnet.train.step import FormulaStep


def ids(net: Net, batch: int, mode: str = "infer") -> dict[str, str]:
    return {choice.path: choice.one.id for choice in net.compile(batch, mode).plan.choices}


@pytest.mark.parametrize(
    ("line", "id"),
    [
        ("6x6x8 -> conv3-8 same groups=8", "conv.depthwise"),
        ("6x6x8 -> conv3-8/2 pad=1 floor groups=8 flip=yes", "conv.depthwise"),
        ("6x6x8 -> conv3-16 same groups=8", "conv.direct"),  # two filters a channel
        ("6x6x8 -> conv3-4 same groups=4", "conv.direct"),  # two channels a filter
        ("9x9x8 -> conv8-8 groups=8", "conv.direct"),  # more taps than are written out
    ],
)
@pytest.mark.parametrize("batch", [1, 40])
def test_what_the_depthwise_kernel_is_not_for(line: str, id: str, batch: int) -> None:
    lanes = "channels" if batch == 1 else "images"
    assert ids(kitnet.parse(line), batch)["conv1"] == f"{id}.{lanes}"


@pytest.mark.parametrize("batch", [1, 3, 40])
def test_norms_sums_and_activations_in_passing(batch: int) -> None:
    """As in a block of MobileNet v2."""
    net = kitnet.parse(
        "7x7x5 -> conv1-20 -> batchnorm -> relu"
        " -> residual[conv3-20 same groups=20 bias=no -> batchnorm] -> tanh"
        " -> conv3-20/2 pad=1 groups=20 -> batchnorm -> relu -> fc3"
    )
    random = np.random.default_rng(0)
    for path, state in net.state.items():
        for name, array in state.items():
            state[name] = (random.random(array.shape) + 0.5).astype(np.float32)
            net.state[path] = state
    x = random.standard_normal((batch, 7, 7, 5), np.float32)
    fast = net.compile(batch)
    assert fast.plan.formula_steps == 0
    assert not any("batchnorm" in step.label for step in fast.plan.steps if "forward" in step.label)
    np.testing.assert_allclose(fast(x), net.tape(x).output, rtol=1e-4, atol=1e-4)


LINES = [
    "8x8x3 -> conv3-20 pad=1 -> relu -> conv3-20/2 pad=1 floor groups=20 -> batchnorm -> relu -> fc3",
    "8x8x3 -> conv3-6 flip=yes -> tanh -> transposed3-4/2 pad=1 output_pad=1 -> relu -> pad1 reflect -> fc3",
    "8x8x3 -> local3-5/2 pad=1 floor -> relu -> conv2-4 bias=no -> bias -> tanh -> upsample2 bilinear -> fc3",
]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.sample(9)
def test_both_engines_train_to_the_same_losses(line: str) -> None:
    net, rule, found = kitnet.parse(line), Sgd(0.02), []
    for compiled in (True, False):
        net.initialise(3)
        if compiled:
            step = net.compile(40, "train", rule=rule, threads=2)
            assert step.plan.formula_steps == 0
        else:
            step = FormulaStep(net, kitnet.net.usual_loss(net.graph), rule, {"velocity": net.weights.like()})
        random = np.random.default_rng(0)
        x, target = random.standard_normal((40, 8, 8, 3), np.float32), random.integers(0, 3, 40)
        found.append([step(x, target, i)[0].mean() for i in range(10)])
    np.testing.assert_allclose(*found, rtol=2e-4)
    assert found[0][-1] < found[0][0]


def test_filters_of_positions_train_over_many_groups() -> None:
    """Every weight has one gradient, of all groups, so that no thread has values of its own."""
    net = kitnet.parse("6x6x2 -> local3-4 -> relu -> fc3")
    plan = net.compile(300, "gradient", threads=2).plan
    assert plan.batch.groups > 4
    assert not plan.own_arena.size
    assert net.compile(300, threads=2).plan.own_arena.size  # nor is it so for scores


def test_bits_do_not_depend_on_threads() -> None:
    for line in LINES:
        net = kitnet.parse(line)
        x = np.random.default_rng(0).standard_normal((70, 8, 8, 3), np.float32)
        target, seen = np.arange(70) % 3, set()
        for threads in (1, 3):
            step = net.compile(70, "gradient", threads=threads)
            step(x, target, 0)
            seen.add(b"".join(array.tobytes() for _, array in sorted(step.gradient.items())))
        assert len(seen) == 1


FEW = [
    ("6x5x3 -> transposed3-4/2 pad=1 output_pad=1 -> tanh", "transposed.spread.channels"),
    ("4x5x6 -> transposed2x3-4/3x1 same groups=2 bias=no -> relu", "transposed.spread.channels"),
    ("4x4x2 -> transposed3-20 pad=3:2x0:1 dilation=2", "transposed.spread.channels"),
    ("7x2 -> transposed4-3/2 full", "transposed.spread.channels"),
    ("6x5x3 -> local3-20/2x1 pad=1 floor -> tanh", "local.channels"),
    ("5x5x16 -> bias -> relu", "bias.channels"),
    ("5x5x3 -> pad places=1:0x2:1 circular", "resample.channels"),
    ("5x5x3 -> upsample2x3 bilinear", "resample.channels"),
]


@pytest.mark.parametrize(("line", "id"), FEW)
@pytest.mark.parametrize("batch", [1, 3])
def test_scores_of_few_images(line: str, id: str, batch: int) -> None:
    net = kitnet.parse(line)
    net.initialise(1)
    for path, array in net.weights.items():
        if path.endswith("bias"):
            array[...] = np.random.default_rng(2).standard_normal(array.shape)
    x = np.random.default_rng(0).standard_normal((batch, *net.input_shape), np.float32)
    fast = net.compile(batch)
    assert id in [choice.one.id for choice in fast.plan.choices]
    np.testing.assert_allclose(fast(x), net.tape(x).output, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(fast(x), np.concatenate([fast(x[i : i + 1]) for i in range(batch)]))
