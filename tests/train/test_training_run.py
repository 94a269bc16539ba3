"""Training: what it computes, step by step, and what it leaves behind."""

import csv
import json
import math
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import kitnet
from kitnet.base.error import DataError, KitnetError, LanguageError, ShapeError
from kitnet.base.random import stream
from kitnet.data import NAMES, Preparation, load
from kitnet.data.kind import known
from kitnet.net import usual_loss
from kitnet.net.objective import loss_by_name
from kitnet.train import EpochEnded, Finished, Model, Settings, Started, Stepped, evaluate, train
from kitnet.zoo import MODELS, find


def names(folder):
    """What lies in a folder, hidden files too."""
    return sorted(path.name for path in Path(folder).iterdir())


def go(settings):
    """All events, and the run folder."""
    events = list(train(settings))
    return events, events[0].folder


def rows(events):
    return [event for event in events if isinstance(event, EpochEnded)]


def weights(folder):
    return Model.load(folder).net.weights.flat.tobytes()


# -------------------------------------------------------------------------------------- what is computed


def test_some_steps_by_hand(settings, easy):
    """Initial weights, order, preparation, gradient and update, each from its own public part.

    Two epochs of two steps, the second one smaller; every epoch has its own order, and decay is for weights.
    """
    _, folder = go(settings(epochs=2, batch=60, lr=0.3, momentum=0.5, decay=0.1, seed=7))
    net = kitnet.parse(settings().model).initialise(7)
    before = {path: w.copy() for path, w in net.weights.items()}
    pictures, *_ = load(easy)
    preparation = Preparation.fitted(pictures, (8, 8, 1))
    velocity = {path: np.zeros_like(w) for path, w in net.weights.items()}
    for epoch in (0, 1):
        order = stream(7, "shuffle", step=epoch).permutation(100)
        for some in (order[:60], order[60:]):
            tape = net.tape(preparation.prepare(pictures.images[some]), train=True)
            z = tape.output.astype(np.float64)
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            dz = (p - np.eye(10)[pictures.labels[some]]) / len(some)  # of the mean cross-entropy
            gradient = tape.backward(dz.astype(np.float32))
            for path, w in net.weights.items():
                decay = 0.1 * w if path.endswith("weight") else 0
                velocity[path] = 0.5 * velocity[path] + gradient[path] + decay
                w[...] = w - 0.3 * velocity[path]
    trained = Model.load(folder).net.weights
    for path, w in net.weights.items():
        np.testing.assert_allclose(trained[path], w, rtol=1e-4, atol=1e-6, err_msg=path)
        assert np.abs(w - before[path]).max() > 1e-2  # the steps are far larger than the tolerance


def test_the_loss_of_the_first_step_is_that_of_a_guess(tmp_path):
    """Ten classes and weights that know nothing: -log(1/10), and somewhat more where scores are not all 0."""
    for model, more in (("8x8x1 -> fc10 init=zeros", 1e-6), ("lenet5", 0.6)):
        running = train(Settings(model=model, batch=360, runs=str(tmp_path)))
        first = next(event for event in running if isinstance(event, Stepped))
        assert math.log(10) - 1e-6 < first.loss < math.log(10) + more
        assert 0 <= first.accuracy < 0.35


def test_it_learns_what_is_easy(settings):
    events, folder = go(settings(epochs=15))
    last = rows(events)[-1]
    assert last.train_accuracy == events[-1].summary["test_accuracy"] == 1
    assert last.train_loss < rows(events)[0].train_loss / 5
    assert events[-1].summary["test_loss"] < 0.1
    *_, test = load(settings().data)
    found = Model.load(folder).predict(test.images, 1)
    assert [one.classes[0][0] for one in found] == [str(label) for label in test.labels]


@pytest.mark.parametrize(
    ("model", "loss", "used"),
    [
        ("8x8x1 -> fc10", None, "softmax_cross_entropy"),
        ("8x8x1 -> fc10 -> softmax", None, "softmax_cross_entropy"),
        ("8x8x1 -> fc10 -> sigmoid", None, "sigmoid_cross_entropy"),
        ("8x8x1 -> fc10", "sigmoid_cross_entropy", "sigmoid_cross_entropy"),
        ("8x8x1 -> fc10 -> sigmoid", "quadratic", "quadratic"),
        ("8x8x1 -> fc10", "quadratic", "quadratic"),
        ("8x8x1 -> fc84 -> lecuntanh -> rbf", None, "rbf_penalty"),
    ],
)
def test_every_loss_trains(settings, model, loss, used):
    rate = {"rbf_penalty": 0.001, "quadratic": 0.01}.get(used, 0.05)
    if model.endswith("sigmoid") and used == "quadratic":
        rate = 0.5  # the sigmoid's slope is 1/4 at most
    events, folder = go(settings(model=model, loss=loss, epochs=12, lr=rate))
    first, last = rows(events)[0], rows(events)[-1]
    assert last.train_loss < first.train_loss / 2 and events[-1].summary["test_loss"] < first.train_loss
    assert events[-1].summary["test_accuracy"] > 0.8
    assert events[-1].summary["loss"] == Model.load(folder).loss.word == used


def test_hinges_and_smoothed_labels_train_and_their_arguments_are_kept(settings):
    for loss in ("softmax_cross_entropy smooth=0.2", "multiclass_hinge against=all", "hinge margin=2"):
        events, folder = go(settings(model="8x8x1 -> fc10", loss=loss, epochs=6, lr=0.01))
        assert events[-1].summary["test_accuracy"] > 0.8
        assert events[-1].summary["loss"] == loss
        assert tomllib.loads((folder / "args.toml").read_text())["loss"] == loss
        assert Model.load(folder).loss == loss_by_name(loss)


def test_the_radial_basis_network_trains_on_digits(tmp_path):
    told = Settings(model="lenet5-1998", epochs=1, batch=128, lr=0.002, validation=0.0, runs=str(tmp_path))
    events, _ = go(told)
    steps = [event for event in events if isinstance(event, Stepped)]
    assert len(steps) == 12  # 1,437 in batches of 128
    # the mean so far falls from step to step, and the test at the end beats it
    assert steps[-1].loss < 0.6 * steps[0].loss
    assert events[-1].summary["test_loss"] < steps[-1].loss
    assert events[-1].summary["test_accuracy"] > 0.5


def test_the_mean_over_an_epoch_counts_every_image_once(settings):
    """Without learning (a rate of nearly 0) the epoch's means are those of one evaluation."""
    events, folder = go(settings(epochs=1, batch=33, lr=1e-30))  # 33 + 33 + 33 + 1
    assert [event.step for event in events if isinstance(event, Stepped)] == [1, 2, 3, 4]
    pictures, _, test = load(settings().data)
    model, summary = Model.load(folder), events[-1].summary
    for dataset, loss, accuracy in (
        (pictures, summary["train_loss"], summary["train_accuracy"]),
        (test, summary["test_loss"], summary["test_accuracy"]),
    ):
        score = evaluate(model, dataset)
        assert score.samples == len(dataset)
        assert loss == pytest.approx(score.loss, rel=1e-5)
        assert accuracy == score.accuracy


def test_evaluation_is_the_direct_count():
    """More images than go through at once (256), the last part smaller."""
    pictures, *_ = load("digits")
    some = pictures.subset(slice(600))
    net = kitnet.parse("8x8x1 -> fc16 -> tanh -> fc10").initialise(3)
    preparation = Preparation.fitted(some, net.input_shape)
    score = evaluate(Model(net, usual_loss(net.graph), some.classes, preparation), some)
    z = net(preparation.prepare(some.images)).astype(np.float64)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    assert score.samples == 600
    assert score.correct == (z.argmax(1) == some.labels).sum()
    assert score.accuracy == score.correct / 600
    assert score.loss == pytest.approx(-np.log(p[np.arange(600), some.labels]).mean(), rel=1e-5)


# ----------------------------------------------------------------------------------------------- the seed


def test_the_same_seed_gives_the_same_bits(settings):
    one, two = go(settings(seed=3, validation=0.2)), go(settings(seed=3, validation=0.2))
    assert one[1].name == "net-1" and two[1].name == "net-2"
    assert weights(one[1]) == weights(two[1])
    for a, b in zip(rows(one[0]), rows(two[0]), strict=True):
        assert (a.train_loss, a.val_loss, a.val_accuracy) == (b.train_loss, b.val_loss, b.val_accuracy)


def test_another_seed_gives_others(settings):
    assert weights(go(settings(seed=3))[1]) != weights(go(settings(seed=4))[1])


def test_the_seed_decides_the_order_too(settings):
    """Even where the weights begin alike, the order of the images makes a difference."""
    model = "8x8x1 -> fc10 init=zeros"
    found = {weights(go(settings(model=model, seed=seed))[1]) for seed in (1, 2)}
    assert len(found) == 2


# ------------------------------------------------------------------------------------------ what is told


def test_the_events_of_a_run(settings, easy):
    events, folder = go(settings(epochs=2, batch=40))
    kinds = [type(event).__name__ for event in events]
    assert kinds == ["Started", "Ready", *2 * ["Stepped", "Stepped", "Stepped", "EpochEnded"], "Finished"]
    assert events[0] == Started(
        folder=folder,
        line=settings().model,
        data=easy,
        samples=100,
        validation_samples=0,
        test_samples=40,
        epoch=1,
        epochs=2,
        first_step=0,
        done=0,
        steps=3,
    )
    assert [(e.epoch, e.step) for e in events if isinstance(e, Stepped)] == [
        (epoch, step) for epoch in (1, 2) for step in (1, 2, 3)
    ]
    assert all(e.images_per_second > 0 for e in events if isinstance(e, Stepped))
    assert isinstance(events[-1], Finished) and events[-1].folder == folder


def test_what_a_run_folder_holds(settings, easy):
    events, folder = go(settings(epochs=3, seed=11))
    assert names(folder) == [
        *("args.toml", "best.safetensors", "checkpoint-00000014.safetensors"),
        *("checkpoint-00000021.safetensors", "env.json", "last.safetensors", "metrics.jsonl"),
        *("results.csv", "summary.json"),
    ]
    card = find("lenet5")
    assert tomllib.loads((folder / "args.toml").read_text()) == {
        "model": settings().model,
        "data": easy,
        "validation": 0.0,
        "epochs": 3,
        "batch": 16,
        "optimizer": "sgd",
        "schedule": "constant",
        "lr": 0.05,  # the usual one
        "momentum": 0.9,
        "decay": 0.0,
        "engine": "compiled",
        "target": "classes",
        "loss": "softmax_cross_entropy",
        "seed": 11,
        "runs": str(folder.parent),
    }
    assert card.recipe.momentum == 0.9
    with (folder / "results.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in written] == [1, 2, 3]
    for row, event in zip(written, rows(events), strict=True):
        assert float(row["train_loss"]) == pytest.approx(event.train_loss, rel=1e-5)
        assert row["val_loss"] == row["val_accuracy"] == ""  # there is no validation part

    summary = json.loads((folder / "summary.json").read_text())
    assert summary == events[-1].summary
    last = rows(events)[-1]
    assert (summary["model"], summary["data"], summary["epochs"], summary["seed"]) == (
        settings().model,
        easy,
        3,
        11,
    )
    assert (summary["val_accuracy"], summary["val_loss"]) == (None, None)
    assert (summary["train_images"], summary["val_images"], summary["test_images"]) == (100, 0, 40)
    assert (summary["train_accuracy"], summary["train_loss"]) == (last.train_accuracy, last.train_loss)
    assert summary["seconds"] == pytest.approx(sum(event.seconds for event in rows(events)))
    assert summary["images_per_second"] == pytest.approx(300 / summary["seconds"])
    assert summary["parameters"] == 3 * 3 * 4 + 4 + 64 * 10 + 10
    assert summary["network"] == settings().model and summary["engine"] == "compiled"
    assert (summary["batch"], summary["lr"], summary["momentum"], summary["decay"]) == (16, 0.05, 0.9, 0.0)
    assert summary["kitnet"] == kitnet.__version__

    score = evaluate(Model.load(folder), load(easy).test)
    assert score.accuracy == summary["test_accuracy"]
    assert score.loss == pytest.approx(summary["test_loss"], rel=1e-5)
    assert Model.verify(folder) == (8, 0.0)
    arrays = load_file(folder / "last.safetensors")
    np.testing.assert_array_equal(arrays["golden/images"], load(easy).train.images[:8])


def test_a_card_gives_what_is_not_told(tmp_path):
    running = train(Settings(model="lenet5-1998", epochs=1, runs=str(tmp_path)))
    folder = next(running).folder
    told = tomllib.loads((folder / "args.toml").read_text())
    card = find("lenet5-1998").recipe
    assert (told["lr"], told["momentum"], told["batch"]) == (card.rate, card.momentum, card.batch)
    assert folder == tmp_path / "lenet5-1998-1"
    again = train(Settings(model="lenet5-1998", epochs=1, runs=str(tmp_path)))  # its own number is no run's
    assert next(again).folder == tmp_path / "lenet5-1998-2"


def test_the_name_of_a_variant_makes_a_folder(tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS, "lenet5:small", replace(find("lenet5"), name="lenet5:small"))
    running = train(Settings(model="lenet5:small", epochs=1, runs=str(tmp_path)))
    assert next(running).folder == tmp_path / "lenet5-small-1"


def test_args_toml_alone_repeats_the_run(settings):
    _, folder = go(settings(lr=0.02, seed=5))
    again = Settings.read(folder / "args.toml")
    _, other = go(again)
    assert other != folder and weights(other) == weights(folder)


# ----------------------------------------------------------------------------- nothing on a user's mistake


def refused(settings, kind=KitnetError):
    with pytest.raises(kind) as caught:
        train(settings)  # before the first event is asked for
    assert not Path(settings.runs).exists()
    return str(caught.value)


def test_a_network_that_does_not_fit_the_classes(settings, easy, write):
    model = "8x8x1 -> fc3"
    assert refused(settings(model=model)) == (
        f"the network ends in 3 but {easy} has 10 classes; end it with fc10"
    )
    pictures = np.zeros((4, 8, 8), np.uint8)
    three = write("three", (pictures, np.array([0, 1, 2, 2], np.uint8)), (pictures, np.zeros(4, np.uint8)))
    assert refused(settings(model="8x8x1 -> conv3-2", data=three)) == (
        f"the network ends in 6x6x2 but {three} has 3 classes; end it with fc3"
    )


def test_labels_outside_the_classes(settings, write):
    pictures = np.zeros((3, 8, 8), np.uint8)
    data = write("bad", (pictures, np.array([0, 1, 2], np.uint8)), (pictures, np.array([0, 3, 1], np.uint8)))
    assert refused(settings(data=data, model="8x8x1 -> fc3"), DataError) == (
        f"{data}/t10k-labels-idx1-ubyte: label 3 of sample 1 is outside the 3 classes; expected 0 to 2"
    )


def test_mistakes_in_the_network(settings):
    assert refused(settings(model="8x8x1 -> cnv3-4 -> fc10"), LanguageError) == (
        "unknown layer 'cnv' (did you mean 'conv'?)\n  8x8x1 -> cnv3-4 -> fc10\n           ^"
    )
    assert refused(settings(model="8x8x1 -> maxpool2 -> conv5-4 -> fc10"), ShapeError) == (
        "conv1: a 5x5 filter does not fit its 4x4x1 input: (4 - 5 + 2*0) / 1 + 1 = 0 (so far: 8x8x1 -> "
        "maxpool1 "
        "4x4x1); use pad=0:1x0:1, a 4x4 filter, or a 10x10x1 input of the network"
    )
    assert refused(settings(model="lenet55")).startswith("unknown model 'lenet55' (did you mean 'lenet5'?); ")


def test_other_mistakes_in_the_settings(settings):
    assert refused(settings(lr=-1.0)) == "a learning rate of -1 is not possible; use a number above 0"
    assert refused(settings(loss="quadric")) == (
        "unknown loss 'quadric' (did you mean 'quadratic'?); known: absolute, huber, "
        "gaussian_divergence, hinge, multiclass_hinge, quadratic, rbf_penalty, sigmoid_cross_entropy, "
        "softmax_cross_entropy"
    )
    text = "the loss huber takes values as target, not classes"
    assert refused(settings(loss="huber delta=0.5")) == text
    assert refused(settings(data="digit"), DataError) == (
        f"unknown data set 'digit' (did you mean 'digits'?); known: {known(*NAMES)}"
    )
    assert refused(settings(model="8x8 -> fc10"), DataError) == (
        "preparation: pictures do not fit an input of 8x8; expected height x width x 1 or 3 channels; "
        "for grey pictures write 8x8x1"
    )


def test_further_outputs_are_auxiliary_heads(settings):
    """They learn the same labels with 0.3 of the weight, and the run's numbers are those of the main one."""
    line = "8x8x1 -> conv3-4 -> side[fc10 => early] -> fc10 => main"
    events, folder = go(settings(model=line, epochs=1, batch=20, lr=0.01))
    model = Model.load(folder)
    assert {name: (loss.word, weight) for name, (loss, weight) in model.auxiliary.items()} == {
        "early": ("softmax_cross_entropy", 0.3)
    }
    start = kitnet.parse(line).initialise(0)
    assert all((model.net.weights[path] != start.weights[path]).any() for path in start.weights)
    assert events[-1].summary["test_accuracy"] == evaluate(model, load(settings().data).test).accuracy


def test_an_auxiliary_output_of_other_scores(settings):
    with pytest.raises(KitnetError) as caught:
        go(settings(model="8x8x1 -> conv3-4 -> side[fc7 => early] -> fc10 => main"))
    assert str(caught.value) == (
        "early: an auxiliary output learns the same 10 classes but ends in 7; end it with fc10, or train "
        "from Python with losses of its own"
    )
