"""Rules by group: parameters that follow a rule of their own, by the formula and compiled."""

from __future__ import annotations

import numpy as np
import pytest

from kitnet import parse
from kitnet.base.error import KitnetError
from kitnet.optim import Adam, Averaged, Clipped, Groups, Hold, Muon, Nesterov, Sgd
from kitnet.train.step import FormulaStep

LINE = "7x7x2 -> conv3-20 -> batchnorm -> relu -> conv3-6 -> tanh -> fc3"
PATHS = tuple(parse(LINE).weights.params)


def trained(rule, threads=None, line=LINE, steps=4, frozen=()):
    """The weights after some steps, and the memory."""
    net, rng = parse(line).initialise(0), np.random.default_rng(4)
    x, classes = rng.standard_normal((8, *net.input_shape), np.float32), rng.integers(0, 3, 8)
    if threads is None:
        step = FormulaStep(net, None, rule, memory := {name: net.weights.like() for name in rule.memory})
    else:
        step = net.compile(8, "train", rule=rule, threads=threads, frozen=frozen)
        memory = step.memory
    for number in range(steps):
        step(x, classes, number)
    return net.weights, memory


def test_each_parameter_follows_the_first_rule_that_fits() -> None:
    groups = Groups(Sgd(0.1), (("*.bias", Hold()), ("conv?.*", Adam(0.01)), ("fc1.*", Sgd(0.2))))
    assert [(member.rule, member.paths) for member in groups.members(PATHS)] == [
        (Sgd(0.1), ("batchnorm1.scale", "batchnorm1.shift")),
        (Hold(), ("conv1.bias", "conv2.bias", "fc1.bias")),
        (Adam(0.01), ("conv1.weight", "conv2.weight")),
        (Sgd(0.2), ("fc1.weight",)),
    ]
    assert groups.memory == ("velocity", "mean", "squares")
    numbers = list(groups.scalars(3).values())
    for member in groups.members(PATHS):
        own = list(member.rule.scalars(3).values())
        assert numbers[member.first : member.first + len(own)] == own


def test_one_step_of_a_group_is_that_of_its_rule_alone() -> None:
    """The first step, in which the gradient is the same for all."""
    rules = {"conv*": Adam(0.01), "*norm*": Hold(), "": Nesterov(0.3, decay=0.5)}
    together, _ = trained(Groups(rules[""], tuple(list(rules.items())[:2])), steps=1)
    alone = {pattern: trained(rule, steps=1)[0] for pattern, rule in rules.items()}
    for path in PATHS:
        pattern = "conv*" if path.startswith("conv") else "*norm*" if "norm" in path else ""
        np.testing.assert_array_equal(together[path], alone[pattern][path], path)
    assert (together["batchnorm1.scale"] == 1).all()


@pytest.mark.parametrize("around", [lambda rule: rule, lambda rule: Averaged(Clipped(rule, 0.5), 0.9)])
def test_compiled_groups_follow_their_formulas_and_threads_change_no_bit(around) -> None:
    rule = Groups(
        around(Muon(0.05, 0.6, steps=3, renorm=1)),
        (
            ("conv2.weight", around(Adam(0.01))),
            ("*.scale", around(Hold())),
            ("*.bias", around(Nesterov(0.1, 0.5, 0.25))),
            ("fc1.weight", around(Sgd(0.2, decay=0.125))),
        ),
    )
    want, memory = trained(rule)
    found = [trained(rule, threads) for threads in (1, 2, 4)]
    np.testing.assert_allclose(found[0][0].flat, want.flat, atol=2e-5)
    for name, held in found[0][1].items():
        np.testing.assert_allclose(held.flat, memory[name].flat, atol=2e-4)
    assert len({weights.flat.tobytes() for weights, _ in found}) == 1


def test_held_parameters_are_in_the_average_as_they_are() -> None:
    rule = Groups(Averaged(Sgd(0.1), 0.5), (("conv1.*", Averaged(Hold(), 0.5)),))
    weights, memory = trained(rule, 2)
    for path in ("conv1.weight", "conv1.bias"):
        begun = parse(LINE).initialise(0).weights[path]
        np.testing.assert_array_equal(weights[path], begun)
        np.testing.assert_allclose(memory["average"][path], begun, rtol=1e-6)


def test_the_clip_is_that_of_the_whole_gradient() -> None:
    """Groups of one rule are that rule."""
    rule = Clipped(Sgd(0.5), 0.01)
    want, _ = trained(rule)
    found, _ = trained(Groups(rule, (("conv*", rule), ("fc1.bias", rule))))
    np.testing.assert_array_equal(found.flat, want.flat)
    assert (
        abs(np.linalg.norm(trained(rule, steps=1)[0].flat - parse(LINE).initialise(0).weights.flat)) < 0.006
    )


@pytest.mark.parametrize("threads", [None, 2])
def test_the_decay_of_a_group_is_for_its_biases_too(threads) -> None:
    """A rate so small that decay alone is seen, in the place of which decay is large."""
    rule = Sgd(1e-8, momentum=0.0, decay=5e7)
    weights, _ = trained(Groups(rule, (("batchnorm1.scale", rule),)), threads, steps=1)
    np.testing.assert_allclose(weights["batchnorm1.scale"], 0.5, atol=1e-5)
    weights, _ = trained(Groups(rule, (("conv1.*", rule),)), threads, steps=1)
    np.testing.assert_allclose(weights["batchnorm1.scale"], 1, atol=1e-5)


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ((("fc2.*", Hold()),), "groups: no parameter is there by the pattern 'fc2.*'; the paths are "),
        (
            (("fc1.*", Hold()), ("*.bias", Hold()), ("*s", Hold())),
            "groups: no parameter is left for it by the pattern '*s'; the paths are ",
        ),
    ],
)
def test_patterns_that_no_parameter_fits(groups, reason: str) -> None:
    with pytest.raises(KitnetError) as caught:
        Groups(Sgd(), groups).members(PATHS)
    assert str(caught.value).startswith(reason + ", ".join(PATHS[:4]))


def test_groups_of_what_is_no_rule() -> None:
    with pytest.raises(KitnetError) as caught:
        Groups(Sgd(), (("fc1.*", "sgd"),))  # type: ignore[arg-type]
    assert str(caught.value) == "groups: expected update rules such as Sgd(0.05), but got 'sgd'"


def test_frozen_layers_of_a_group_stay() -> None:
    rule = Groups(Muon(0.1), (("conv1.bias", Sgd(0.1)),))
    weights, _ = trained(rule, 2, frozen="conv1")
    begun = parse(LINE).initialise(0).weights
    np.testing.assert_array_equal(weights["conv1.bias"], begun["conv1.bias"])
    assert (weights["conv2.weight"] != begun["conv2.weight"]).any()
