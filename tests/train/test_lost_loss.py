"""A loss that is no number ends training, says where, and changes nothing more; what was saved stays."""

import threading
from pathlib import Path

import numpy as np
import pytest
from test_engines import flat, training_step

import kitnet
from kitnet.base.error import TrainingError
from kitnet.net import usual_loss
from kitnet.optim import Sgd
from kitnet.train import EpochEnded, Model, Ready, Stepped, Stopped, resume, train

LINE = "8x8x1 -> fc10"


def names(folder):
    """What lies in a folder, hidden files too."""
    return sorted(path.name for path in Path(folder).iterdir())


def lost(running, listen=lambda event: None):
    """The error's text and the events before it."""
    events = []
    with pytest.raises(TrainingError) as caught:
        for event in running:
            events.append(event)
            listen(event)
    return str(caught.value), events


def is_whole(folder):
    """Loads, verifies, has no NaN, and nothing else lies about."""
    model = Model.load(folder)
    assert np.isfinite(model.net.weights.flat).all()
    assert Model.verify(folder) == (8, 0.0)
    assert not [name for name in names(folder) if name.startswith(".")]
    assert not (folder / "summary.json").exists()
    return model


def start_is_whole(folder):
    """Only the start was saved, and it can be gone on from."""
    left = [name for name in names(folder) if name != "metrics.jsonl"]
    assert left == ["args.toml", "checkpoint-00000000.safetensors", "env.json"]
    return folder / "checkpoint-00000000.safetensors"


@pytest.mark.parametrize("engine", ["formula", "compiled"])
def test_in_the_first_epoch(settings, engine):
    """At a rate of 1e25 the first step makes scores whose squares float32 cannot hold."""
    text, events = lost(train(settings(model=LINE, loss="quadratic", lr=1e25, engine=engine)))
    kept = start_is_whole(events[0].folder)
    assert [type(event) for event in events[1:]] == [Ready, Stepped]
    assert text == (
        "the loss became inf at step 2 of epoch 1; no epoch had ended, so that only the start is kept, in "
        f"{kept}; try a smaller --lr than 1e+25"
    )


@pytest.mark.parametrize("engine", ["formula", "compiled"])
def test_a_step_that_is_not_finite_changes_nothing(engine):
    """Neither weights nor memory nor running statistics; and the next one with good images does."""
    net = kitnet.parse("8x8x1 -> fc10 -> batchnorm -> fc10").initialise(1)
    model = Model(net, usual_loss(net.graph), tuple("0123456789"), flat(net.input_shape))
    memory = {"velocity": net.weights.like()}
    step = training_step(engine, model, 6, Sgd(0.1), memory, seed=0)
    random = np.random.default_rng(0)
    x, labels = random.standard_normal((6, 8, 8, 1), np.float32), random.integers(0, 10, 6)
    step(x, labels, 0)
    assert step.finite

    def everything():
        arrays = (net.weights.flat, memory["velocity"].flat, *net.state["batchnorm1"].values())
        return [array.tobytes() for array in arrays]

    before = everything()
    for bad in (np.nan, np.inf):
        spoiled = x.copy()
        spoiled[3, 2, 2] = bad
        step(spoiled, labels, 1)
        assert not step.finite and everything() == before
    step(x, labels, 1)
    assert step.finite and all(new != old for new, old in zip(everything(), before, strict=True))


def test_by_the_last_step_of_an_epoch(settings):
    """With one step an epoch nothing but the test sees it; the spoiled weights must not be saved."""
    text, events = lost(train(settings(model=LINE, loss="quadratic", lr=1e25, batch=100)))
    kept = start_is_whole(events[0].folder)
    assert [type(event) for event in events[1:]] == [Ready, Stepped]
    assert text == (
        "the loss became inf after step 1 of epoch 1; no epoch had ended, so that only the start is kept, in "
        f"{kept}; try a smaller --lr than 1e+25"
    )


def test_in_a_later_epoch(settings):
    """At 1e13 the second epoch's step goes from 1e26 squared, which float32 holds, to what it does not."""
    text, events = lost(
        train(settings(model=LINE, loss="quadratic", lr=1e13, batch=80, epochs=9, validation=0.2))
    )
    folder = events[0].folder
    done = [event for event in events if isinstance(event, EpochEnded)]
    assert len(done) == 1 and np.isfinite(done[0].val_loss)
    assert text == (
        f"the loss became inf after step 1 of epoch 2; the best model, that of epoch 1 with "
        f"{done[0].val_accuracy:.2%} of the validation images right, is kept in "
        f"{folder / 'best.safetensors'}; try a smaller --lr than 1e+13"
    )
    is_whole(folder)


def test_when_it_is_stopped_just_then(settings):
    stop = threading.Event()
    text, events = lost(
        train(settings(model=LINE, loss="quadratic", lr=1e25), stop), lambda event: stop.set()
    )
    assert text.startswith("the loss became inf after step 1 of epoch 1; no epoch had ended, so that ")
    start_is_whole(events[0].folder)


def test_after_going_on(settings, monkeypatch):
    """The model that was saved at the stop stays."""
    monkeypatch.setattr("kitnet.train.settings.DECISIVE", ())  # so that the rate may be changed
    stop = threading.Event()
    for event in train(settings(), stop):
        if isinstance(event, Stepped) and event.step == 2:
            stop.set()
    assert isinstance(event, Stopped)
    folder = event.folder
    kept = (folder / "last.safetensors").read_bytes()
    args = folder / "args.toml"
    args.write_text(args.read_text().replace("lr = 0.05", "lr = 1e38"))
    text, _ = lost(resume(folder))
    assert "; the model that was saved last is kept in " in text
    assert (folder / "last.safetensors").read_bytes() == kept
    is_whole(folder)


def test_from_the_beginning(settings):
    """65 * 100^30 is more than float32 holds, so that there is no good model to keep."""
    text, events = lost(train(settings(model="8x8x1 -> [fc100 init=ones]*30 -> fc10 init=ones", batch=100)))
    assert text.startswith("the loss is nan at step 1 of epoch 1, with the weights as they begin; ")
    assert text.endswith("; give the layers another init")
    assert names(events[0].folder) == ["args.toml", "checkpoint-00000000.safetensors", "env.json"]
