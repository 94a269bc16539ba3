"""Clipped gradients, averaged weights, frozen paths, patience, and saves within an epoch."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from patterns import patterns
from PIL import Image
from safetensors.numpy import load_file

import kitnet
from kitnet.base.error import KitnetError, RunError
from kitnet.data import load
from kitnet.train import EpochEnded, Finished, Model, Stepped, Warned, evaluate, resume, train

LINE = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"
ALL = {"clip": 0.5, "average": 0.9, "freeze": "conv1", "optimizer": "adam", "schedule": "cosine"}


def checkpoint(folder):
    return load_file(max(folder.glob("checkpoint-*.safetensors")))


def same(one, two):
    a, b = checkpoint(one), checkpoint(two)
    assert a.keys() == b.keys()
    assert [name for name in a if a[name].tobytes() != b[name].tobytes()] == []
    assert (one / "last.safetensors").read_bytes() == (two / "last.safetensors").read_bytes()


@pytest.mark.parametrize("engine", ["formula", "compiled"])
def test_all_together_go_on_the_same(settings, engine):
    told = settings(epochs=3, engine=engine, **ALL)
    whole, stop = list(train(told))[-1], threading.Event()
    for event in train(told, stop):
        if isinstance(event, Stepped) and (event.epoch, event.step) == (2, 3):
            stop.set()
    list(resume(event.folder))
    same(whole.folder, event.folder)
    told = {name: whole.summary[name] for name in ALL}
    assert told == ALL


def test_averaged_weights_are_judged_and_saved(settings):
    events = list(train(settings(epochs=2, average=0.5, lr=0.2, validation=0.2)))
    row, folder = [event for event in events if isinstance(event, EpochEnded)][-1], events[-1].folder
    kept, model = checkpoint(folder), Model.load(folder / "last.safetensors")
    for path, array in model.net.weights.items():
        np.testing.assert_array_equal(array, kept[f"rule/average/{path}"])
        assert (array != kept[f"weights/{path}"]).any()
    score = evaluate(model, load(settings().data, validation=0.2).validation)
    assert score.accuracy == row.val_accuracy and score.loss == pytest.approx(row.val_loss, rel=1e-5)


def test_a_clip_shortens_the_steps(settings):
    """With one step of plain descent the weights move by the rate times the clip."""
    told = settings(epochs=1, batch=100, momentum=0.0, lr=0.125, clip=1e-3)
    before = kitnet.parse(LINE).initialise(0).weights
    after = checkpoint(list(train(told))[-1].folder)
    moved = [after[f"weights/{path}"] - array for path, array in before.items()]
    assert np.sqrt(sum((each**2).sum() for each in moved)) == pytest.approx(0.125e-3, rel=1e-2)


def test_frozen_paths_stay(settings, tmp_path):
    before = kitnet.parse(LINE).initialise(0).weights
    after = checkpoint(list(train(settings(freeze="conv1")))[-1].folder)
    changed = {path for path, array in before.items() if (array != after[f"weights/{path}"]).any()}
    assert changed == {"fc1.weight", "fc1.bias"}
    with pytest.raises(KitnetError) as caught:
        train(settings(freeze="conv1,conv2", runs=str(tmp_path / "other")))
    assert str(caught.value) == "'conv2': the network has no parameters there (did you mean 'conv1'?)"
    assert not (tmp_path / "other").exists()


def test_init_is_that_of_layers_that_do_not_say_it(settings, tmp_path):
    line = "8x8x1 -> conv3-4 -> tanh -> fc10 init=lecun"
    folder = list(train(settings(model=line, init="orthogonal", epochs=1, lr=1e-30)))[-1].folder
    want, kept = kitnet.parse(line).initialise(0, init="orthogonal").weights, checkpoint(folder)
    for path, array in want.items():
        np.testing.assert_allclose(kept[f"weights/{path}"], array, atol=1e-6)
    assert 'init = "orthogonal"' in (folder / "args.toml").read_text()
    with pytest.raises(KitnetError) as caught:
        train(settings(model="8x8x1 -> fc10 init=lecun", init="he", runs=str(tmp_path / "other")))
    assert str(caught.value) == (
        "--init he changes nothing, since every layer of net says its own init; leave it out"
    )
    assert not (tmp_path / "other").exists()


def test_patience_ends_a_run_that_gets_no_better(settings):
    """At a rate of nearly 0 the first epoch stays the best."""
    events = list(train(settings(epochs=9, lr=1e-30, patience=2, validation=0.2)))
    folder, summary = events[-1].folder, events[-1].summary
    assert (summary["epochs"], summary["best_epoch"]) == (3, 1)
    with pytest.raises(RunError) as caught:
        resume(folder)
    assert str(caught.value) == (
        f"{folder}: ended after epoch 3, since the last 2 were no better; train it anew with more --patience"
    )
    (folder / "summary.json").unlink()  # ended by force just before
    assert isinstance(list(resume(folder))[-1], Finished)
    assert list(train(settings(epochs=4, patience=2, validation=0.2)))[-1].summary["epochs"] == 4


@pytest.mark.parametrize("engine", ["formula", "compiled"])
def test_a_run_that_is_killed_within_an_epoch_loses_no_more_than_since_the_last_save(settings, engine):
    told = settings(epochs=3, engine=engine, save_every=0.0, average=0.9)
    whole = list(train(told))[-1].folder
    running = train(told)
    folder = next(running).folder
    for event in running:
        if isinstance(event, Stepped) and (event.epoch, event.step) == (2, 3):
            break
    running.close()  # what comes after the step, its save, is not done
    events = list(resume(folder))
    assert (events[0].epoch, events[0].first_step) == (2, 2)
    same(whole, events[0].folder)


def test_a_save_within_an_epoch_comes_when_it_is_due(settings):
    """Not before: ten minutes are far longer than this run."""
    running = train(settings(epochs=1))
    folder = next(running).folder
    for event in running:
        if isinstance(event, Stepped) and event.step < 7:
            assert [path.name for path in folder.glob("checkpoint-*")] == ["checkpoint-00000000.safetensors"]


def test_data_that_have_changed_are_noticed(settings, write):
    images, labels = patterns(100, 0)
    data = write("mine", (images, labels), patterns(40, 1))
    stop = threading.Event()
    stop.set()
    folder = list(train(settings(data=data), stop))[-1].folder
    images[17, 3, 3] ^= 1
    write("mine", (images, labels), patterns(40, 1))
    with pytest.raises(RunError) as caught:
        resume(folder)
    newest = max(folder.glob("checkpoint-*"))
    assert str(caught.value) == (
        f"{newest}: not a checkpoint of this run (its data are not those of now); start the run anew"
    )
    images[17, 3, 3] ^= 1
    write("mine", (images, labels), patterns(40, 1))
    assert isinstance(list(resume(folder))[-1], Finished)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"patience": 2},
            "--patience needs a validation part; leave it out, or hold one back with --validation 0.1",
        ),
        ({"patience": 0}, "--patience 0 is not possible; use 1 or more"),
        ({"save_every": -1.0}, "--save-every -1 is not possible; use a number of minutes, 0 or more"),
        ({"clip": 0.0}, "a clip of 0 is not possible; use a number above 0"),
        ({"average": 1.0}, "an average of 1 is not possible; use 0 or more, and less than 1"),
    ],
)
def test_impossible_values(settings, tmp_path, values, text):
    with pytest.raises(KitnetError) as caught:
        train(settings(**values))
    assert str(caught.value) == text
    assert not (tmp_path / "runs").exists()


def test_nothing_is_left_to_train(settings, tmp_path):
    with pytest.raises(KitnetError) as caught:
        train(settings(freeze="fc1,conv1"))
    assert str(caught.value) == (
        "--freeze 'fc1,conv1': nothing is left to train; leave out one of the layers"
    )
    assert not (tmp_path / "runs").exists()


def test_a_loss_with_numbers_that_it_does_not_take_leaves_no_run(settings, tmp_path):
    with pytest.raises(KitnetError) as caught:
        train(settings(loss="softmax_cross_entropy smooth=1.5"))
    assert str(caught.value) == (
        "loss: a smooth of 1.5 is no share below 1 (so far: 8x8x1 -> conv1 8x8x4 -> maxpool1 4x4x4 -> fc1 10 "
        "and 10); use 0 to 0.9, such as 0.1"
    )
    assert not (tmp_path / "runs").exists()


def test_one_class_only_is_told(settings, tmp_path):
    for number in range(8):
        path = tmp_path / "set" / ("test" if number > 5 else "train") / "cat" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 30 * number, np.uint8)).save(path)
    data = str(tmp_path / "set")
    events = list(train(settings(model="8x8x1 -> fc1", data=data, epochs=1, engine="formula")))
    assert (
        Warned(
            f"{data}: one class only, 'cat': there is nothing to tell apart; give pictures of two classes or "
            "more"
        )
        in events
    )
