"""Rules and schedules as texts."""

from __future__ import annotations

import pytest

from kitnet.base.error import KitnetError
from kitnet.optim import Adam, Cosine, Course, Drops, Linear, Muon, Nesterov, OneCycle, Sgd, read_rule
from kitnet.optim.words import read_groups


def test_a_rule_with_and_without_numbers() -> None:
    assert read_rule("sgd") == (Sgd, {})
    assert read_rule(" adam  beta1=0.95 eps=1e-6") == (Adam, {"beta1": 0.95, "eps": 1e-6})


def test_schedules_count_in_epochs() -> None:
    """Of ten steps here; what changes nothing is a number."""
    for text, expected in (
        ("constant", 0.5),
        ("constant warmup=0", 0.5),
        ("constant warmup=2", Drops(0.5, (), warmup=20)),
        ("linear final=0.125", Linear(0.5, 80, 0.125)),
        ("cosine warmup=1.5", Cosine(0.5, 80, warmup=15)),
        ("onecycle rise=0.25 first=0.01 final=0.001", OneCycle(0.5, 80, 0.001, rise=0.25, first=0.01)),
        ("drops at=3,6.5 factor=0.2 warmup=1", Drops(0.5, (30, 65), 0.2, 10)),
    ):
        assert Course(text).schedule(0.5, 10, 8) == expected, text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "cosin",
            "unknown schedule 'cosin' (did you mean 'cosine'?); known: constant, linear, cosine, onecycle, "
            "drops",
        ),
        ("", "unknown schedule ''; known: constant, linear, cosine, onecycle, drops"),
        ("cosine warmpu=5", "cosine has no 'warmpu' (did you mean 'warmup'?)"),
        ("linear 5", "linear has no '5'; it has warmup, final"),
        ("cosine warmup", "warmup of cosine needs a number, such as warmup=0.1"),
        ("cosine warmup=x", "warmup of cosine is a number, not 'x'"),
        ("cosine warmup=inf", "warmup of cosine is a number, not 'inf'"),
        ("cosine warmup=1,2", "warmup of cosine is one number, not '1,2'"),
        ("cosine warmup=1 warmup=2", "cosine has two values for warmup; leave one out"),
        ("drops", "drops needs the epochs after which the rate drops, such as at=30,60"),
        ("drops at=1,", "at of drops is a number, not ''"),
    ],
)
def test_texts_that_are_no_schedules(text: str, reason: str) -> None:
    with pytest.raises(KitnetError) as caught:
        Course(text)
    assert str(caught.value) == reason


def test_schedules_that_do_not_fit_a_run() -> None:
    for text, reason in (
        ("cosine warmup=3", "a warmup of 30 of 30 steps leaves none; use fewer"),
        (
            "drops at=2,1",
            "the steps of drops are rising whole numbers such as (300, 400), not (20, 10)",
        ),
        ("linear final=-1", "a final learning rate of -1 is not possible; use 0 or more"),
    ):
        with pytest.raises(KitnetError) as caught:
            Course(text).schedule(0.5, 10, 3)
        assert str(caught.value) == f"schedule {text!r}, 10 steps an epoch: {reason}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("adan", "unknown optimizer 'adan' (did you mean 'adam'?); known: sgd, nesterov, "),
        ("adam beta3=1", "adam has no 'beta3' (did you mean 'beta2'?)"),
        ("sgd momentum=fast", "momentum of sgd is a number, not 'fast'"),
    ],
)
def test_texts_that_are_no_rules(text: str, reason: str) -> None:
    with pytest.raises(KitnetError) as caught:
        read_rule(text)
    assert str(caught.value).startswith(reason)


def test_groups_are_patterns_with_rules() -> None:
    assert read_groups("conv1.*: hold; *.shift : nesterov rate=106  epochs=3;; fc1.weight:muon steps=3") == [
        ("conv1.*", None, {}),
        ("*.shift", Nesterov, {"rate": 106, "epochs": 3}),
        ("fc1.weight", Muon, {"steps": 3}),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("conv1", "groups: 'conv1' is no pattern with a rule; write it like fc1.*: sgd rate=0.5"),
        ("conv1:", "groups: 'conv1:' is no pattern with a rule; write it like fc1.*: sgd rate=0.5"),
        ("a: hold; a: sgd", "groups: 'a' has two rules; leave one out"),
        ("a: hold rate=1", "groups: 'a': hold has no 'rate'; it has "),
        (
            "a: sdg",
            "groups: 'a': unknown optimizer 'sdg' (did you mean 'sgd'?); known: sgd, nesterov, adagrad, "
            "rmsprop, adam, adamw, muon",
        ),
        ("a: sgd epochs=1.5", "groups: 'a': epochs=1.5 is no whole number of 1 or more"),
        ("a: sgd epochs=0", "groups: 'a': epochs=0 is no whole number of 1 or more"),
    ],
)
def test_texts_that_are_no_groups(text: str, reason: str) -> None:
    with pytest.raises(KitnetError) as caught:
        read_groups(text)
    assert str(caught.value) == reason
