"""`net.compile`: the public way to a plan."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError
from kitnet.engine import Scores, TrainingStep, planned
from kitnet.engine.compile import plan_of
from kitnet.engine.lower import implementations
from kitnet.engine.plan import make_plan
from kitnet.engine.step import KernelStep
from kitnet.optim import Rule, Sgd

LINE = "8x8x3 -> conv3-5 same -> relu -> fc4 -> softmax"


@pytest.mark.parametrize("batch", [1, 20, 64])
@pytest.mark.parametrize("count", [0, 1, 70])
def test_infer_gives_the_networks_own_output(batch: int, count: int) -> None:
    net = kitnet.parse(LINE)
    x = np.random.default_rng(0).standard_normal((count, 8, 8, 3), np.float32)
    np.testing.assert_allclose(net.compile(batch)(x), net(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("batch", [3, 20])
def test_images_may_lie_anyhow(batch: int) -> None:
    """Between batches of others: what is read in place one time is copied another."""
    net = kitnet.parse(LINE).initialise(1)
    scores, step = net.compile(batch), net.compile(batch, "gradient")
    x = np.random.default_rng(0).standard_normal((3, 8, 8, 3), np.float32)
    labels = np.array([0, 3, 1])
    want, (losses, _) = scores(x).copy(), step(x, labels, 0)
    odd = np.zeros(x.nbytes + 1, np.uint8)[1:].view(np.float32).reshape(x.shape)
    odd[...] = x
    locked = x.copy()
    locked.flags.writeable = False
    wide = np.repeat(x, 2, axis=3)[..., ::2]
    for other in (odd, locked, wide, x.astype(np.float64), x.astype(">f4"), np.asfortranarray(x)):
        scores(-x), step(-x, labels, 0)
        before = other.copy()
        np.testing.assert_array_equal(scores(other), want)
        np.testing.assert_array_equal(step(other, labels, 0)[0], losses)
        np.testing.assert_array_equal(other, before)


@pytest.mark.parametrize(("batch", "in_place"), [(3, True), (4, False), (20, True)])
def test_a_plan_for_few_images_reads_them_all(batch: int, in_place: bool) -> None:
    """Which there must be, then."""
    images = kitnet.parse(LINE).compile(batch)._operands[0]
    x = np.zeros((3, 8, 8, 3), np.float32)
    assert (images.of(x) is x) == in_place


def test_the_output_keeps_its_shape() -> None:
    net = kitnet.parse("8x8x3 -> conv3-5 same -> relu")
    x = np.random.default_rng(0).standard_normal((3, 8, 8, 3), np.float32)
    assert net.compile(2)(x).shape == (3, 8, 8, 5)
    np.testing.assert_allclose(net.compile(2)(x), net(x), rtol=0, atol=1e-5)


def test_an_output_of_one_number_may_be_its_operand() -> None:
    net, x = (
        kitnet.parse("6 -> fc1 -> dropout"),
        np.random.default_rng(0).standard_normal((20, 6), np.float32),
    )
    np.testing.assert_allclose(net.compile(20)(x), net(x), rtol=0, atol=1e-6)


@pytest.mark.parametrize("batch", [3, 20])
def test_an_operand_is_read_as_other_values_are(batch: int) -> None:
    net, x = kitnet.parse("6 -> fc2"), np.random.default_rng(0).standard_normal((batch, 6), np.float32)
    scores = net.compile(batch, values=["input"])
    scores(x)
    np.testing.assert_array_equal(scores.values["input"], x)


def test_train_learns() -> None:
    net = kitnet.parse(LINE)
    step = net.compile(32, "train", rule=Sgd(0.1, 0.9))
    assert isinstance(step, TrainingStep)
    random = np.random.default_rng(0)
    x, classes = random.standard_normal((32, 8, 8, 3), np.float32), random.integers(0, 4, 32)
    losses = [float(step(x, classes, number)[0].mean()) for number in range(30)]
    assert losses[0] > 1
    assert losses[-1] < 0.1


def test_train_takes_rule_and_seed() -> None:
    """A step of a tiny rate learns nothing; another seed drops others."""
    line = "6x2 -> flatten -> dropout drop=0.5 -> fc4"
    x, classes = np.ones((5, 6, 2), np.float32), np.zeros(5, np.int64)
    losses = []
    for seed in (0, 0, 1):
        net = kitnet.parse(line).initialise(1)
        before = net.weights.flat.copy()
        losses.append(net.compile(5, "train", rule=Sgd(1e-20), seed=seed)(x, classes, 0)[0])
        np.testing.assert_allclose(net.weights.flat, before, rtol=0, atol=1e-18)
    np.testing.assert_array_equal(losses[0], losses[1])
    assert (losses[0] != losses[2]).any()


def test_gradient_is_the_one_of_training_and_leaves_the_weights() -> None:
    random = np.random.default_rng(0)
    x, classes = random.standard_normal((20, 8, 8, 3), np.float32), random.integers(0, 4, 20)
    net, other = (kitnet.parse(LINE).initialise(1) for _ in range(2))
    before = net.weights.flat.copy()
    step, whole = net.compile(20, "gradient"), other.compile(20, "train")
    for mine, others in zip(step(x, classes, 0), whole(x, classes, 0), strict=True):
        np.testing.assert_array_equal(mine, others)
    assert step.gradient.flat.any()
    np.testing.assert_array_equal(step.gradient.flat, whole.gradient.flat)
    np.testing.assert_array_equal(net.weights.flat, before)
    assert (other.weights.flat != before).any()
    with pytest.raises(KitnetError) as error:
        net.compile(20, "gradient", rule=Sgd())  # type: ignore[call-overload]
    assert str(error.value) == "mode 'gradient' leaves the weights alone and takes no rule; 'train' does"


def test_a_plan_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And shared by machines that have weights, memory and threads of their own."""
    made = []
    monkeypatch.setattr(planned, "make_plan", lambda *a, **how: made.append(how) or make_plan(*a, **how))
    net = kitnet.parse(LINE).initialise(1)
    x = np.random.default_rng(0).standard_normal((20, 8, 8, 3), np.float32)
    first, second = net.compile(20), net.compile(20, threads=1)
    assert len(made) == 1
    want = first(x)
    np.testing.assert_array_equal(second(x), want)
    step, other = net.compile(20, "train"), net.compile(20, "train", rule=Sgd(0.5))
    net.compile(20, "gradient"), net.compile(21), net.compile(20, forbid=["winograd"])
    assert len(made) == 5
    assert step.gradient is not other.gradient
    step(x, np.zeros(20, np.int64), 0)
    first.refresh()
    second.refresh()
    np.testing.assert_array_equal(second(x), first(x))
    assert (second(x) != want).any()
    copied = copy.deepcopy(net)
    np.testing.assert_allclose(copied.compile(20)(x), net(x), rtol=0, atol=1e-5)
    assert len(made) == 6


def test_a_network_keeps_the_plans_that_were_used_last(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(planned, "make_plan", lambda *a, **how: made.append(a[2]) or make_plan(*a, **how))
    monkeypatch.setattr(planned, "PLANS", 2)
    net = kitnet.parse("4 -> fc2")
    for batch in (1, 2, 1, 3, 1, 2):
        net.compile(batch)
    assert made == [1, 2, 3, 2]


def test_new_weights_are_seen_unless_they_have_another_precision() -> None:
    net, x = kitnet.parse("4 -> fc2").initialise(1), np.ones((3, 4), np.float32)
    scores = net.compile(3)
    net.initialise(2)
    scores.refresh()
    np.testing.assert_allclose(scores(x), net(x), rtol=0, atol=1e-6)
    net.initialise(2, np.float64)
    with pytest.raises(KitnetError) as error:
        scores.refresh()
    assert str(error.value) == ("the network was initialised with another precision since; compile it again")


def test_a_rule_of_another_form_has_a_plan_of_its_own() -> None:
    class Plain(Rule):
        def scalars(self, step: int) -> dict[str, float]:
            return {"rate": 0.5}

        def update(self, w: Any, dw: Any, memory: Any, scalars: Any) -> Any:
            return w - scalars["rate"] * dw, {}

    net, x, classes = kitnet.parse("4 -> fc2").initialise(1), np.ones((3, 4), np.float32), np.zeros(3, int)
    net.compile(3, "train", rule=Sgd(0.1))
    step, before = net.compile(3, "train", rule=Plain()), net.weights.flat.copy()
    step(x, classes, 0)
    np.testing.assert_allclose(net.weights.flat, before - step.gradient.flat / 2, rtol=0, atol=1e-6)


def test_modes() -> None:
    net = kitnet.parse(LINE)
    assert isinstance(net.compile(), Scores)
    with pytest.raises(KitnetError) as error:
        net.compile(1, "trian")
    assert str(error.value) == "unknown mode 'trian' (did you mean 'train'?); known: infer, train, gradient"
    with pytest.raises(KitnetError) as error:
        net.compile(0)
    assert str(error.value) == "batch 0 is not possible; use 1 to 1048576"


def test_the_page_on_architecture_knows_every_kernel() -> None:
    """And every implementation, so that a reader finds the function that wrote a step."""
    page = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text("utf-8")
    names = set(re.findall(r"`([a-z0-9_.*]+)`", page))
    lines = [
        "12x12x3 -> conv3-8 same -> batchnorm -> silu -> dropout -> maxpool2 -> softmax -> fc8 -> fc3",
        "8x8x3 -> tanh -> fc8 -> tanh -> fc3",
        "16x16x32 -> conv3-32 same -> conv9-32 same -> subsample2 -> concat[meanpool2 | maxpool2] -> fc3",
        "16x16x32 -> sumpool2/1 -> squarepool2/1 -> normpool2/1 -> meanpool3/1 same count_pad=yes -> fc3",
        "84 -> rbf",
        "8x8x64 -> residual[conv3-64 same] -> fc3 -> sigmoid",
        "6x6x8 -> conv3-8 same groups=8 flip=yes -> transposed3-4/2 same -> pad1 -> local3-4 -> bias -> fc3",
    ]
    for line in lines:
        for mode, batch in ("train", 70), ("infer", 1), ("infer", 70):
            plan = plan_of(kitnet.parse(line), batch, mode)
            kernels = {step.kernel.name for step in plan.steps if isinstance(step, KernelStep)}
            assert kernels <= names, kernels - names
    for one in implementations():
        kind = one.id.split(".")[0]
        family = one.id.rpartition(".")[0]
        assert {one.id, f"{kind}.*", f"{family}.*", f"{kind}.*.{one.lanes}"} & names, one.id
