"""A loss that is no number ends training, says where, and keeps a model that is whole."""

import threading
from pathlib import Path

import numpy as np
import pytest

import kitnet
from kitnet.base.error import TrainingError
from kitnet.train import EpochEnded, Model, Stepped, Stopped, resume, train

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


def test_in_the_first_epoch(settings):
    """At a rate of 1e25 the first step makes scores whose squares float32 cannot hold."""
    text, events = lost(train(settings(model=LINE, loss="quadratic", lr=1e25)))
    folder = events[0].folder
    assert [type(event) for event in events[1:]] == [Stepped]
    assert text == (
        "the loss became inf at step 2 of epoch 1; the model before step 1 is kept in "
        f"{folder / 'last.safetensors'}; try a smaller --lr than 1e+25"
    )
    fresh = kitnet.parse(LINE).initialise(0)
    assert is_whole(folder).net.weights.flat.tobytes() == fresh.weights.flat.tobytes()


def test_the_weights_kept_are_the_last_that_gave_a_finite_loss(settings):
    """At 1e13 the scores are about 1e13, then 1e26, whose squares float32 does not hold."""
    text, events = lost(train(settings(model=LINE, loss="quadratic", lr=1e13, batch=25)))
    folder = events[0].folder
    assert text == (
        "the loss became inf at step 3 of epoch 1; the model before step 2 is kept in "
        f"{folder / 'last.safetensors'}; try a smaller --lr than 1e+13"
    )
    stop = threading.Event()
    stop.set()
    *_, end = train(settings(model=LINE, loss="quadratic", lr=1e13, batch=25), stop)
    assert isinstance(end, Stopped) and end.step == 1
    after_one = Model.load(end.folder).net.weights.flat
    assert is_whole(folder).net.weights.flat.tobytes() == after_one.tobytes()


@pytest.mark.parametrize("engine", ["formula", "compiled"])
def test_the_state_kept_goes_with_the_weights(settings, engine):
    """The steps since have moved the running statistics."""
    line = "8x8x1 -> fc10 -> batchnorm -> fc10"
    text, events = lost(train(settings(model=line, loss="quadratic", lr=1e25, engine=engine)))
    assert "; the model before step 1 is kept in " in text
    kept, fresh = is_whole(events[0].folder).net, kitnet.parse(line).initialise(0)
    assert kept.weights.flat.tobytes() == fresh.weights.flat.tobytes()
    assert {name: array.tolist() for name, array in kept.state["batchnorm1"].items()} == {
        "mean": [0.0] * 10,
        "var": [1.0] * 10,
    }


def test_by_the_last_step_of_an_epoch(settings):
    """With one step an epoch nothing but the test sees it; the spoiled weights must not be saved."""
    text, events = lost(train(settings(model=LINE, loss="quadratic", lr=1e25, batch=100)))
    folder = events[0].folder
    assert [type(event) for event in events[1:]] == [Stepped]
    assert text == (
        "the loss became inf after step 1 of epoch 1; the model before step 1 is kept in "
        f"{folder / 'last.safetensors'}; try a smaller --lr than 1e+25"
    )
    is_whole(folder)


def test_in_a_later_epoch(settings):
    """At 1e13 the second epoch's step goes from 1e26 squared, which float32 holds, to what it does not."""
    text, events = lost(train(settings(model=LINE, loss="quadratic", lr=1e13, batch=100, epochs=9)))
    folder = events[0].folder
    done = [event for event in events if isinstance(event, EpochEnded)]
    assert len(done) == 1 and np.isfinite(done[0].test_loss)
    assert text == (
        "the loss became inf after step 1 of epoch 2; the model that was saved last is kept in "
        f"{folder / 'last.safetensors'}; try a smaller --lr than 1e+13"
    )
    is_whole(folder)


def test_when_it_is_stopped_just_then(settings):
    stop = threading.Event()
    text, events = lost(
        train(settings(model=LINE, loss="quadratic", lr=1e25), stop), lambda event: stop.set()
    )
    assert text.startswith("the loss became inf after step 1 of epoch 1; the model before step 1 is kept in ")
    is_whole(events[0].folder)


def test_after_going_on(settings):
    """The model that was saved at the stop stays."""
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
    assert names(events[0].folder) == ["args.toml", "checkpoint-00000000.safetensors"]
