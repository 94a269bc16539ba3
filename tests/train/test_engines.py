"""Both engines train the same network the same way."""

import os

import numpy as np
import pytest

import kitnet
from kitnet.base.error import KitnetError
from kitnet.data import Preparation
from kitnet.engine import TrainingStep
from kitnet.net import usual_loss
from kitnet.optim import Sgd
from kitnet.train import EpochEnded, Finished, Model, Settings, pick_engine, train
from kitnet.train.step import FormulaStep
from kitnet.zoo import MODELS
from kitnet.zoo.resnet_cifar import projected, resnet

RESIDUAL = (
    "12x12x3 -> conv3-8 same -> relu -> residual[conv3-8 same -> relu -> conv3-8 same]*2 "
    "-> residual[conv3-16/2 same | conv1-16/2 same] -> relu -> meanpool6 -> fc10"
)


def flat(shape):
    """A preparation, which a model must have."""
    return Preparation(shape, shape[:2], (0.0,) * shape[2], (1.0,) * shape[2])


def training_step(engine, model, batch, rule, memory, seed):
    """A step by this engine, of a model without a run."""
    if engine == "formula":
        return FormulaStep(model.net, model.losses, rule, memory, seed=seed)
    return TrainingStep(model.net, model.losses, batch, rule, memory, seed=seed)


SMALL = [card.line for name, card in MODELS.items() if name.startswith("lenet")]
RESNETS = [
    pytest.param(line, marks=pytest.mark.slow)
    for line in (str(resnet(2, 8, 16, projected)), MODELS["resnet20"].line)
]


@pytest.mark.parametrize("line", [*SMALL, RESIDUAL, *RESNETS])
@pytest.mark.sample(3)
def test_the_first_twenty_losses_agree(line):
    found = {}
    for engine in ("formula", "compiled"):
        net = kitnet.parse(line).initialise(3)
        loss = usual_loss(net.graph)
        model = Model(net, loss, tuple("0123456789"), flat(net.input_shape))
        memory = {"velocity": net.weights.like()}
        # behind many norms one ReLU that flips in the last digit is seen soon where steps are long
        rate = 0.0005 if "rbf" in line else 0.0002 if "batchnorm" in line else 0.02
        step = training_step(engine, model, 20, Sgd(rate, 0.9, 0.0005), memory, seed=3)
        assert step.engine == engine
        random = np.random.default_rng(0)
        losses = []
        for number in range(20):
            x = random.standard_normal((20, *net.input_shape), np.float32)
            losses.append(step(x, random.integers(0, 10, 20), number)[0].mean())
        found[engine] = losses
    np.testing.assert_allclose(found["compiled"], found["formula"], rtol=1e-4)
    assert len(set(found["formula"])) == 20


def test_threads_change_no_bit_of_a_run(settings, tmp_path):
    rows = []
    for threads in (1, 2, 3):
        events = list(train(settings(threads=threads, validation=0.2, runs=str(tmp_path / str(threads)))))
        rows.append([(e.train_loss, e.val_loss) for e in events if isinstance(e, EpochEnded)])
        assert isinstance(events[-1], Finished) and events[-1].summary["engine"] == "compiled"
    assert rows[0] == rows[1] == rows[2]


def test_both_engines_end_an_epoch_alike(settings):
    runs = [list(train(settings(engine=engine, validation=0.2))) for engine in ("formula", "compiled")]
    one, two = (next(e for e in events if isinstance(e, EpochEnded)) for events in runs)
    assert one.train_loss == pytest.approx(two.train_loss, rel=1e-4)
    assert one.val_loss == pytest.approx(two.val_loss, rel=1e-4)


def test_which_engine_is_picked(monkeypatch):
    assert pick_engine(None) == pick_engine("compiled") == "compiled"
    assert pick_engine("formula") == "formula"
    with pytest.raises(KitnetError) as caught:
        pick_engine("compild")
    assert (
        str(caught.value) == "unknown engine 'compild' (did you mean 'compiled'?); known: compiled, formula"
    )
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert pick_engine(None) == "formula"
    with pytest.raises(KitnetError) as caught:
        pick_engine("compiled")
    assert str(caught.value) == "the compiled engine needs llvmlite; install it, or use --engine formula"


@pytest.mark.parametrize("threads", [0, 100_000])
def test_threads_below_one_or_far_beyond_the_cores_are_refused(threads):
    with pytest.raises(KitnetError) as caught:
        Settings(threads=threads)
    most = max(64, 4 * os.cpu_count())
    assert str(caught.value) == f"--threads {threads} is not possible; use 1 to {most}"
