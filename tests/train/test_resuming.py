"""A run that was stopped goes on as if it had not been, and says why where it cannot."""

import csv
import threading
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import kitnet
from kitnet.base.error import RunError
from kitnet.train import EpochEnded, Finished, Model, Started, Stepped, Stopped, resume, train
from kitnet.train.checkpoint import Progress, load_checkpoint, save_checkpoint
from kitnet.train.metrics import Score

TIMES = {"seconds", "images_per_second"}


def names(folder):
    """What lies in a folder, hidden files too."""
    return sorted(path.name for path in Path(folder).iterdir())


def stopped(running, stop, epoch, step):
    """Run until that step, ask to stop there, and return the events."""
    events = []
    for event in running:
        events.append(event)
        if isinstance(event, Stepped) and (event.epoch, event.step) == (epoch, step):
            stop.set()
    return events


def begin(settings, epoch, step):
    stop = threading.Event()
    return stopped(train(settings, stop), stop, epoch, step)


def same_files(one, two):
    for name in ("model.safetensors", "checkpoint.safetensors"):
        a, b = load_file(one / name), load_file(two / name)
        assert a.keys() == b.keys()
        for key in a:
            assert a[key].tobytes() == b[key].tobytes(), (name, key)


def table(folder):
    with (folder / "results.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]


NORM = "8x8x1 -> conv3-4 same bias=no -> batchnorm -> relu -> dropout drop=0.2 -> maxpool2 -> fc10"


@pytest.mark.parametrize("engine", ["formula", "compiled"])
def test_running_statistics_go_on_as_well(settings, engine):
    how = {"model": NORM, "engine": engine}
    whole = list(train(settings(**how)))
    folder = begin(settings(**how), 1, 3)[-1].folder
    assert isinstance(list(resume(folder))[-1], Finished)
    same_files(folder, whole[0].folder)
    saved = load_file(folder / "model.safetensors")
    assert saved["batchnorm1.mean"].any() and (saved["batchnorm1.var"] != 1).all()


@pytest.mark.parametrize(("epoch", "step"), [(1, 1), (2, 3), (2, 7), (3, 6)])
def test_the_end_is_the_same_bit_by_bit(settings, epoch, step):
    """100 images in batches of 16 are 7 steps; (2, 7) is the end of an epoch."""
    whole = list(train(settings(epochs=3, decay=0.01)))
    events = begin(settings(epochs=3, decay=0.01), epoch, step)
    folder = events[-1].folder
    assert events[-1] == Stopped(folder, epoch, step)
    assert Model.verify(folder) == (8, 0.0)
    assert not (folder / "summary.json").exists()

    more = list(resume(folder))
    first = more[0]
    assert isinstance(first, Started) and isinstance(more[-1], Finished)
    expected = (epoch, step) if step < 7 else (epoch + 1, 0)
    assert (first.epoch, first.first_step) == expected
    same_files(whole[0].folder, folder)
    assert table(whole[0].folder) == table(folder)
    expected, found = whole[-1].summary, more[-1].summary
    assert {k: v for k, v in expected.items() if k not in TIMES} == {
        k: v for k, v in found.items() if k not in TIMES
    }
    # the rows of all epochs, with the means over all of their steps
    rows = [
        [replace(e, seconds=0, images_per_second=0) for e in some if isinstance(e, EpochEnded)]
        for some in (whole, [*events, *more])
    ]
    assert rows[0] == rows[1]


def test_a_stop_at_the_very_end_is_none(settings):
    events = begin(settings(epochs=2), 2, 7)
    assert isinstance(events[-1], Finished)


def test_several_stops(settings):
    whole = list(train(settings(epochs=2)))[-1].folder
    folder = begin(settings(epochs=2), 1, 2)[-1].folder
    for at in ((1, 3), (1, 6), (2, 1)):
        stop = threading.Event()
        assert stopped(resume(folder, stop=stop), stop, *at)[-1] == Stopped(folder, *at)
    list(resume(folder))
    same_files(whole, folder)


def test_time_goes_on_counting(settings):
    events = begin(settings(epochs=2), 2, 3)
    spent = next(e.seconds for e in events if isinstance(e, EpochEnded))
    more = list(resume(events[-1].folder))
    assert more[-1].summary["seconds"] > spent
    assert more[-1].summary["images_per_second"] == pytest.approx(200 / more[-1].summary["seconds"])


def test_more_epochs_than_were_asked_for(settings):
    whole = list(train(settings(epochs=4)))[-1].folder
    folder = list(train(settings(epochs=2)))[-1].folder
    events = list(resume(folder, epochs=4))
    assert events[0].epoch == 3 and events[0].epochs == 4
    same_files(whole, folder)
    assert table(whole) == table(folder)
    assert events[-1].summary["epochs"] == 4


def test_more_epochs_are_remembered_when_it_is_stopped_again(settings):
    folder = list(train(settings(epochs=1)))[-1].folder
    stop = threading.Event()
    stopped(resume(folder, epochs=3, stop=stop), stop, 2, 1)
    assert tomllib.loads((folder / "args.toml").read_text())["epochs"] == 3
    assert list(resume(folder))[-1].summary["epochs"] == 3


def refusal(*arguments):
    with pytest.raises(RunError) as caught:
        resume(*arguments)  # before the first event is asked for
    return str(caught.value)


def test_a_finished_run(settings):
    folder = list(train(settings(epochs=2)))[-1].folder
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    text = f"{folder}: all 2 epochs are done; ask for more with --epochs"
    assert refusal(folder) == refusal(folder, 2) == refusal(folder, 1) == text
    assert {name: (folder / name).read_bytes() for name in names(folder)} == before


def test_a_run_that_ended_before_its_summary(settings):
    """Ended by force between its last two files: what is missing is made up for."""
    folder = list(train(settings(epochs=2)))[-1].folder
    (folder / "summary.json").unlink()
    events = list(resume(folder))
    assert [type(event) for event in events] == [Started, Finished]
    assert (folder / "summary.json").exists()


def test_nothing_to_go_on_from(settings, tmp_path):
    folder = next(train(settings())).folder  # has only begun
    assert refusal(folder) == (
        f"{folder / 'checkpoint.safetensors'}: no such file; the run has saved nothing to go on from, so "
        "start it anew"
    )
    assert refusal(tmp_path / "x") == f"{tmp_path / 'x'}: no such run folder; give one such as runs/lenet5-1"


def test_a_checkpoint_of_another_network(settings):
    folder = begin(settings(), 1, 1)[-1].folder
    args = folder / "args.toml"
    args.write_text(args.read_text().replace("conv3-4", "conv3-5"))
    assert refusal(folder) == (
        f"{folder / 'checkpoint.safetensors'}: damaged, or not of this run (it belongs to another network); "
        "start the run anew"
    )


@pytest.mark.parametrize("size", [0, 100, -1])
def test_a_damaged_checkpoint(settings, size):
    path = begin(settings(), 1, 1)[-1].folder / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    found = refusal(path.parent)
    assert found.startswith(f"{path}: damaged, or not of this run (") and "\n" not in found
    assert found.endswith("); start the run anew")


def test_a_model_is_no_checkpoint(settings):
    folder = begin(settings(), 1, 1)[-1].folder
    (folder / "model.safetensors").replace(folder / "checkpoint.safetensors")
    assert refusal(folder).startswith(f"{folder / 'checkpoint.safetensors'}: damaged, or not of this run (")


def test_a_checkpoint_is_read_back_the_same(tmp_path):
    net = kitnet.parse("8x8x1 -> conv3-2 -> fc10").initialise(4)
    velocity = np.random.default_rng(0).standard_normal(net.weights.flat.size).astype(np.float32)
    row = EpochEnded(1, 0.1 + 0.2, 1 / 3, 0.5, 0.25, 1.5, 100.0)
    progress = Progress(2, 3, 12.5, 0.75, Score(48, 1 / 7, 13), [row, replace(row, epoch=2)])
    save_checkpoint(tmp_path / "c", net, {"velocity": velocity}, progress)
    other = kitnet.parse(str(net))
    memory = {"velocity": np.zeros_like(velocity)}
    assert load_checkpoint(tmp_path / "c", other, memory) == progress
    assert other.weights.flat.tobytes() == net.weights.flat.tobytes()
    assert memory["velocity"].tobytes() == velocity.tobytes()
