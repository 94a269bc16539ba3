"""Every card of the zoo, and what an unknown name gets."""

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError
from kitnet.net import usual_loss
from kitnet.zoo import MODELS, find

KNOWN = (
    "known: lenet5, lenet5-rbf, lenet5-modern, resnet20, or a line such as "
    "'28x28x1 -> conv5-6 -> tanh -> maxpool2 -> fc10'"
)


@pytest.mark.parametrize("name", MODELS)
def test_a_card_builds_and_its_line_is_what_the_network_prints(name):
    card = find(name)
    net = card.build()
    assert card.name == name
    assert str(net) == card.line
    assert kitnet.parse(str(net)) == net


@pytest.mark.parametrize("name", MODELS)
def test_a_fresh_network_runs_and_its_outputs_are_moderate(name):
    net = find(name).build()
    x = np.random.default_rng(1).standard_normal((3, *net.input_shape), np.float32)
    y = net(x)
    assert y.shape == (3, *net.output_shape)
    assert np.isfinite(y).all() and y.std() > 0


@pytest.mark.parametrize("name", MODELS)
def test_a_card_says_what_a_reader_and_the_trainer_need(name):
    card = find(name)
    assert card.title and card.source and card.differences
    assert all(text.endswith(".") and "  " not in text for text in card.differences)
    assert card.rate > 0 and 0 <= card.momentum < 1 and card.batch >= 1 and card.epochs >= 1


def test_the_losses():
    words = {name: usual_loss(find(name).build().graph).word for name in MODELS}
    assert words == {
        "lenet5": "softmax_cross_entropy",
        "lenet5-rbf": "rbf_penalty",
        "lenet5-modern": "softmax_cross_entropy",
        "resnet20": "softmax_cross_entropy",
    }


def refusal(name):
    with pytest.raises(KitnetError) as caught:
        find(name)
    return str(caught.value)


def test_an_unknown_model_gets_the_nearest():
    assert refusal("lenet") == f"unknown model 'lenet' (did you mean 'lenet5'?); {KNOWN}"
    assert refusal("LeNet5") == f"unknown model 'LeNet5' (did you mean 'lenet5'?); {KNOWN}"


def test_an_unknown_model_that_nothing_is_near():
    assert refusal("xyz") == f"unknown model 'xyz'; {KNOWN}"
