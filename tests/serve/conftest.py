"""Models that are served, with weights as they are drawn, and the application for them."""

import numpy as np
import pytest

import kitnet
from kitnet.data import Preparation
from kitnet.data.arrays import Standardisation
from kitnet.serve.app import App
from kitnet.serve.batcher import Batcher
from kitnet.serve.forms import Limits
from kitnet.serve.metrics import Metrics
from kitnet.serve.plans import Plans

BATCH = 4
LIMITS = Limits(bytes=1 << 16, images=40, megapixels=0.01)
HOSTS = frozenset({"127.0.0.1:8000", "localhost:8000"})


def made(line, preparation, classes=None):
    model = kitnet.Model(line, classes=classes, preparation=preparation)
    model.net.initialise(3)
    return model


@pytest.fixture(scope="session")
def grey():
    names = [f"sort {k}" for k in range(10)]
    return made(
        "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10",
        Preparation((8, 8, 1), (6, 6), (0.4,), (0.3,)),
        names,
    )


@pytest.fixture(scope="session")
def colour():
    return made(
        "6x6x3 -> conv3-4 -> relu -> fc4", Preparation((6, 6, 3), (8, 8), (0.4, 0.5, 0.6), (0.3, 0.2, 0.1))
    )


@pytest.fixture(scope="session")
def numbers():
    return made("7 -> fc5 -> tanh -> fc3", Standardisation((7,), (0.5,) * 7, (2.0,) * 7))


@pytest.fixture(scope="session")
def plans(grey, colour, numbers):
    """By the model's input."""
    return {model.net.input_shape: Plans(model, BATCH, 1) for model in (grey, colour, numbers)}


@pytest.fixture
def app(plans):
    """Makes applications, with a batcher of their own."""

    def make(model, limits=LIMITS, hosts=HOSTS, deadline=0.01, most=200, compute=None, ready=True):
        metrics = Metrics()
        made = App(model, limits, metrics, hosts)
        if ready:
            compute = compute or plans[model.net.input_shape]
            made.batcher = Batcher(compute, BATCH, deadline, most, metrics.computed)
        return made

    return make


@pytest.fixture
def pictures():
    """uint8 (n, h, w, c)"""
    return lambda n, *shape: np.random.default_rng(n).integers(0, 256, (n, *shape), np.uint8)
