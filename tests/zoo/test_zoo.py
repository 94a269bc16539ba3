"""Every card of the zoo, its text, and what an unknown name gets."""

from __future__ import annotations

import time

import numpy as np
import pytest
from built import built
from catalogue import row

import kitnet
from kitnet.base.error import KitnetError
from kitnet.engine import plan_of
from kitnet.net import usual_loss
from kitnet.zoo import ALIASES, MODELS, find

QUICK = (
    "lenet-1989",
    "lenet5",
    "lenet5-1998",
    "lenet5-modern",
    "nin",
    "cifar-first",
    "cifar-strip",
    "tiny-vgg",
    "resnet20",
)
SMALL = [name for name in MODELS if built(name).input_shape[0] <= 64 and len(built(name).graph.nodes) < 1000]
PLANNED = ("vgg16", "googlenet", "resnet50", "resnet20", "densenet121", "mobilenet-v2")


@pytest.mark.parametrize("name", MODELS)
def test_its_text_is_read_back(name: str) -> None:
    """At most 40 rows of 100 columns."""
    net = built(name)
    text = net.text()
    rows = text.split("\n")
    assert len(rows) <= 40 and max(map(len, rows)) <= 100
    assert kitnet.parse(text) == net
    assert kitnet.parse(str(net)) == net


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in SMALL]
)
def test_a_fresh_network_runs_and_its_outputs_are_moderate(name: str) -> None:
    net = find(name).build()
    x = np.random.default_rng(1).standard_normal((3, *net.input_shape), np.float32)
    found = net(x)
    outputs = found if isinstance(found, dict) else {next(iter(net.outputs)): found}
    for output, y in outputs.items():
        assert y.shape == (3, *net.outputs[output])
        assert np.isfinite(y).all() and y.std() > 0


@pytest.mark.parametrize("name", MODELS)
def test_a_card_says_what_a_reader_and_the_trainer_need(name: str) -> None:
    card = find(name)
    assert card.name == name and card.title and card.source and 1980 <= card.year <= 2024
    assert all(text.endswith(".") and "  " not in text for text in card.differences)
    assert all(
        one.rate > 0 and 0 <= one.momentum < 1 and one.epochs >= 1
        for one in (card.recipe, *card.recipes.values())
    )


def test_the_losses() -> None:
    words = {
        name: usual_loss(built(name).graph).word for name in ("lenet5", "lenet5-1998", "resnet20", "nin")
    }
    assert words == {
        "lenet5": "softmax_cross_entropy",
        "lenet5-1998": "rbf_penalty",
        "resnet20": "softmax_cross_entropy",
        "nin": "softmax_cross_entropy",
    }


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in PLANNED else pytest.mark.slow) for name in MODELS]
)
def test_reading_counting_and_planning_are_quick(name: str) -> None:
    """Processor seconds, which other work on the machine stretches little."""
    start = time.process_time()
    net = kitnet.parse(find(name).line)
    net.ledger()
    plan = plan_of(net, 1)
    seconds = time.process_time() - start
    assert seconds < (10 if name == "resnet1202" else 3)
    assert plan.steps


@row(133)
def test_the_strip_ends_in_the_five_most_probable_classes() -> None:
    net = find("cifar-strip").build().initialise(0)
    (scores,) = net(np.random.default_rng(0).standard_normal((1, 32, 32, 3), np.float32))
    best = np.sort(scores)[::-1][:5]
    assert scores.shape == (10,) and best.size == 5 and best[0] > best[-1] > 0
    np.testing.assert_allclose(scores.sum(), 1, rtol=1e-6)


def test_other_names() -> None:
    assert ALIASES == {"lenet5-rbf": "lenet5-1998"}
    assert find("lenet5-rbf") is find("lenet5-1998")


ADVICE = "`kitnet models` lists all, or write a line such as '28x28x1 -> conv5-6 -> tanh -> maxpool2 -> fc10'"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("lenet", " (did you mean 'lenet5'?)"),
        ("LeNet5", " (did you mean 'lenet5'?)"),
        ("vgg16:pool", " (did you mean 'vgg16:pooled'?)"),
        ("xyz", ""),
    ],
)
def test_an_unknown_model_gets_the_nearest(name: str, near: str) -> None:
    with pytest.raises(KitnetError) as caught:
        find(name)
    assert str(caught.value) == f"unknown model {name!r}{near}; {ADVICE}"
