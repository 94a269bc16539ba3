"""Every network at its own size on the engine, forward and back."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from kitnet.zoo import MODELS, find

QUICK = ("tiny-vgg",)
SAMPLE = ("lenet-1989", "resnet20", "squeezenet1.1")
SAMPLES = 2  # the fewest that a norm behind a single position can be trained with


def mark(name: str) -> pytest.MarkDecorator | tuple[()]:
    return () if name in QUICK else pytest.mark.slow if name in SAMPLE else pytest.mark.long


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=mark(name)) for name, card in MODELS.items() if not card.learn]
)
def test_every_parameter_gets_a_gradient_without_a_formula_step(name: str) -> None:
    net = find(name).build().initialise(1)
    random = np.random.default_rng(0)
    x = random.standard_normal((SAMPLES, *net.input_shape), np.float32)
    labels = {output: random.integers(0, shape[-1], SAMPLES) for output, shape in net.outputs.items()}
    step = net.compile(SAMPLES, "gradient")
    assert step.plan.formula_steps == 0
    losses, _ = step(x, labels if len(labels) > 1 else labels["output"])
    for loss in losses.values() if isinstance(losses, dict) else [losses]:
        assert np.isfinite(loss).all()
    missing = [path for path, gradient in step.gradient.items() if not gradient.any()]
    assert missing == []
    del step, net
    gc.collect()
