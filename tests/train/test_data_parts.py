"""What a run does with the parts of its data: it learns from one, chooses by one, is judged once by one."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from patterns import patterns
from PIL import Image

from kitnet.base.error import DataError
from kitnet.data import load
from kitnet.train import EpochEnded, Model, Settings, Started, Stepped, evaluate, loop, resume, train
from kitnet.zoo import MODELS, Recipe, find


def told(events):
    return events[0].folder, events[-1].summary, [each for each in events if isinstance(each, EpochEnded)]


@pytest.fixture
def folder(tmp_path):
    """Pictures of three patterns in `train` and `val`."""
    for part, count, seed in (("train", 60, 0), ("val", 20, 1)):
        images, labels = patterns(count, seed)
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = tmp_path / "set" / part / str(label) / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    return str(tmp_path / "set")


def test_the_validation_part_is_not_learned(settings, easy):
    events = list(train(settings(validation=0.2, epochs=1, batch=40)))
    assert (events[0].samples, events[0].validation_samples, events[0].test_samples) == (80, 20, 40)
    assert len([event for event in events if isinstance(event, Stepped)]) == 2
    run, summary, (row,) = told(events)
    score = evaluate(Model.load(run), load(easy, validation=0.2).validation)
    assert (score.samples, score.accuracy) == (20, row.val_accuracy)
    assert row.val_loss == pytest.approx(score.loss, rel=1e-5)
    assert summary["val_loss"] == row.val_loss and summary["val_images"] == 20


def test_a_set_too_small_for_the_usual_share(settings, write):
    data = write("few", patterns(10, 0), patterns(40, 1))
    with pytest.raises(DataError) as caught:
        train(settings(data=data, validation=None))
    assert str(caught.value) == (
        f"{data}: the usual --validation 0.1 holds back none of 10 pictures; use a larger share, or switch "
        "it off with --validation 0"
    )


def test_the_test_part_is_judged_once(settings, monkeypatch):
    judged = []

    def counted(model, source):
        judged.append(len(source))
        return evaluate(model, source)

    monkeypatch.setattr(loop, "evaluate", counted)
    judge = loop.judge
    monkeypatch.setattr(loop, "judge", lambda *given: judged.append(len(given[1])) or judge(*given))
    list(train(settings(validation=0.2, epochs=3)))
    assert judged == [20, 20, 20, 40]
    judged.clear()
    list(train(settings(epochs=3)))
    assert judged == [8, 8, 8, 40]  # the eight that the saved model is verified with


def test_without_a_validation_part_the_last_epoch_is_the_result(settings):
    """At this rate the loss jumps about, so that another epoch would be the best."""
    run, summary, rows = told(list(train(settings(lr=1.0, epochs=4))))
    assert [(row.val_loss, row.val_accuracy) for row in rows] == [(None, None)] * 4
    assert summary["best_epoch"] == summary["epochs"] == 4
    assert (run / "best.safetensors").read_bytes() == (run / "last.safetensors").read_bytes()


def test_the_share_is_the_cards_and_stays_with_the_run(settings, monkeypatch):
    monkeypatch.setitem(MODELS, "lenet5", replace(find("lenet5"), recipe=Recipe(validation=0.3)))
    events = list(train(settings(model="lenet5", validation=None, epochs=1)))
    assert events[0].samples == 70
    assert Settings.read(events[0].folder / "args.toml").validation == 0.3
    monkeypatch.setitem(MODELS, "lenet5", replace(find("lenet5"), recipe=Recipe(validation=0.1)))
    again = list(resume(events[0].folder, 2))
    assert next(each for each in again if isinstance(each, Started)).validation_samples == 30


def test_data_with_a_validation_part_of_their_own(settings, folder):
    run, summary, rows = told(list(train(settings(data=folder, validation=None))))
    assert (summary["train_images"], summary["val_images"], summary["test_images"]) == (60, 20, 0)
    assert summary["test_loss"] is summary["test_accuracy"] is None
    assert json.loads((run / "summary.json").read_text())["test_accuracy"] is None
    assert Settings.read(run / "args.toml").validation is None
    assert (
        rows[-1].val_accuracy
        == evaluate(Model.load(run / "last.safetensors"), load(folder).validation).accuracy
    )
    assert isinstance(next(resume(run, 3)), Started)


def test_a_summary_of_an_earlier_end_goes_when_the_run_goes_on(settings):
    run = list(train(settings(epochs=1)))[-1].folder
    running = resume(run, 2)
    next(running)
    assert not (run / "summary.json").exists()
    running.close()
    assert list(resume(run))[-1].summary["epochs"] == 2


def test_batchnorms_are_judged_as_the_best_epoch_left_them(settings, write):
    """Their running statistics are the best model's, too, when it is judged at the end."""
    images, labels = patterns(100, 0)
    data = write("random", (images, np.random.default_rng(0).permutation(labels)), patterns(40, 1))
    line = "8x8x1 -> conv3-4 -> batchnorm -> relu -> fc10"
    run, summary, _ = told(list(train(settings(model=line, data=data, epochs=5, validation=0.3, lr=0.2))))
    assert summary["best_epoch"] < 5
    score = evaluate(Model.load(run), load(data).test)
    assert summary["test_loss"] == pytest.approx(score.loss, rel=1e-5)
