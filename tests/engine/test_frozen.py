"""Frozen parameters stay, those of other nodes learn as without them, and what only they would need is not
computed."""

from __future__ import annotations

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError
from kitnet.net import Net
from kitnet.optim import RULES, Averaged, Clipped, Sgd
from kitnet.train.step import FormulaStep

LINE = (
    "8x8x3 -> conv3-4 same -> batchnorm -> relu -> residual[conv3-4 same -> prelu -> bias] -> "
    "layernorm -> conv3-4 groups=4 -> local1-2 -> transposed3-3 -> relu -> subsample2 -> fc5"
)
X = np.random.default_rng(0).standard_normal((8, 8, 8, 3), np.float32)
CLASSES = np.arange(8) % 5


def trained(line: str, compiled: bool, frozen: list[str], rule, steps: int = 2) -> tuple[Net, Net, object]:
    """The network before and after some steps, and the step."""
    before, net = (kitnet.parse(line).initialise(1) for _ in range(2))
    if compiled:
        step = net.compile(8, "train", rule=rule, frozen=frozen)
    else:
        memory = {name: net.weights.like() for name in rule.memory}
        step = FormulaStep(net, None, rule, memory, frozen=frozen)
    for number in range(steps):
        step(X, CLASSES, number)
    return before, net, step


def owners(line: str) -> list[str]:
    return sorted({path.rpartition(".")[0] for path in kitnet.parse(line).weights})


@pytest.mark.parametrize("node", owners(LINE))
@pytest.mark.sample(5)
def test_each_kind_of_layer_stays_and_the_others_learn_as_before(node: str) -> None:
    _, free, _ = trained(LINE, True, [], Sgd(0.01, decay=0.1), 1)
    before, net, step = trained(LINE, True, [node], Sgd(0.01, decay=0.1), 1)
    for path, array in net.weights.items():
        if path.startswith(f"{node}."):
            np.testing.assert_array_equal(array, before.weights[path])
            assert not step.gradient[path].any()
        else:
            if not node.startswith("batchnorm"):  # its statistics are others than in training
                np.testing.assert_array_equal(array, free.weights[path], err_msg=path)
            assert (array != before.weights[path]).any() or path.startswith("batchnorm"), path


@pytest.mark.parametrize("compiled", [False, True])
def test_a_path_means_all_below_it(compiled: bool) -> None:
    before, net, _ = trained(LINE, compiled, ["conv1", "residual1"], Sgd(0.01))
    changed = {path for path, array in net.weights.items() if (array != before.weights[path]).any()}
    assert changed == {path for path in net.weights if not path.startswith(("conv1.", "residual1."))}


@pytest.mark.parametrize("word", RULES)
def test_no_rule_moves_them(word: str) -> None:
    rule = Averaged(Clipped(RULES[word](0.01, decay=0.1), 0.01), 0.5)
    before, net, _ = trained("8x8x3 -> conv3-2 -> fc5", False, ["conv1"], rule)
    np.testing.assert_array_equal(net.weights["conv1.weight"], before.weights["conv1.weight"])
    assert (net.weights["fc1.weight"] != before.weights["fc1.weight"]).any()


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("frozen", [["conv1", "batchnorm1"], ["batchnorm1"]])
def test_a_frozen_norm_is_as_in_evaluation(compiled: bool, frozen: list[str]) -> None:
    """Its running statistics stay, and training normalises by them, so that the rest learns what it will
    meet."""
    line = "8x8x3 -> conv3-4 same -> batchnorm -> relu -> batchnorm -> fc5"
    net = kitnet.parse(line).initialise(1)
    net.state["batchnorm1"]["mean"][...] = [0.1, -0.2, 0.3, 0.4]
    net.state["batchnorm1"]["var"][...] = [0.5, 2, 1, 3]
    kept = {name: array.copy() for name, array in net.state["batchnorm1"].items()}
    moved, rule = net.state["batchnorm2"]["mean"].copy(), Sgd(0.01, 0)
    expected = kitnet.parse(line.replace("batchnorm", "batchnorm fixed=yes", 1)).share(net)
    tape = expected.tape(X, train=True)
    dy = tape.backward({"fc1": (softmax(tape["fc1"]) - np.eye(5)[CLASSES]).astype(np.float32) / 8})
    start = net.weights["fc1.weight"].copy()
    if compiled:
        step = net.compile(8, "train", rule=rule, frozen=frozen)
        ids = [choice.one.id for choice in step.plan.choices]
        assert "batchnorm.running.images" in ids and step.plan.formula_steps == 0
    else:
        step = FormulaStep(net, None, rule, {"velocity": net.weights.like()}, frozen=frozen)
    step(X, CLASSES, 0)
    for name, array in kept.items():
        np.testing.assert_array_equal(net.state["batchnorm1"][name], array)
    assert (net.state["batchnorm2"]["mean"] != moved).all()
    np.testing.assert_allclose(
        net.weights["fc1.weight"], start - 0.01 * dy["fc1.weight"], rtol=1e-4, atol=1e-6
    )
    assert step.gradient["conv1.weight"].any() == ("conv1" not in frozen)
    np.testing.assert_allclose(
        step.gradient["conv1.weight"], dy["conv1.weight"] * ("conv1" not in frozen), rtol=1e-3, atol=1e-6
    )


def softmax(scores: np.ndarray) -> np.ndarray:
    e = np.exp(scores - scores.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def test_the_way_back_ends_where_nothing_learns() -> None:
    line = "8x8x3 -> conv3-4 -> relu -> conv3-4 -> relu -> fc5"
    step = kitnet.parse(line).initialise(1).compile(8, "train", frozen=["conv1", "conv2"])
    labels = [one.label for one in step.plan.steps]
    back = [label for label in labels if "gradient" in label or "backward" in label]
    assert back == ["fc1 filter gradient", "gradients finite"]


def test_a_path_without_parameters() -> None:
    with pytest.raises(KitnetError) as caught:
        kitnet.parse("8x8x3 -> conv3-2 -> fc5").compile(8, "train", frozen="conv2")
    assert str(caught.value) == "'conv2': the network has no parameters there (did you mean 'conv1'?)"
