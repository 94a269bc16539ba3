"""Networks that give their input: autoencoders, and variational ones with their evidence lower bound."""

from __future__ import annotations

import csv
import json
import math
import threading
from dataclasses import replace

import numpy as np
import pytest
from catalogue import row
from patterns import patterns

import kitnet
from kitnet.base.error import DataError, KitnetError, ModelFileError
from kitnet.data import Arrays, Dataset, load
from kitnet.layers import Context, GaussianDivergence, MulticlassHinge, SigmoidCrossEntropy
from kitnet.net.weighted_losses import read_losses, write_losses
from kitnet.optim import Sgd
from kitnet.train import Finished, Model, Settings, Stepped, Warned, evaluate, find_rate, resume, train
from kitnet.train.recipe import complete
from kitnet.train.reconstruction import losses_of
from kitnet.train.run import Run
from kitnet.train.target import check_loss, input_targets, is_bound, target_of, total
from kitnet.zoo import Recipe
from kitnet.zoo.recipe import FOR_INPUT

PLAIN = (
    "8x8x1 -> conv4-8/2 pad=1 -> relu -> conv4-6 -> relu -> transposed4-8 -> relu -> transposed4-1/2 pad=1"
)
VAE = (
    "8x8x1 -> conv4-8/2 pad=1 -> relu -> conv4-8 => code -> gaussiandraw -> transposed4-8 -> relu "
    "-> transposed4-1/2 pad=1 => image"
)
SMALL = "4x4x1 -> conv4-4 => code -> gaussiandraw -> transposed4-1 => image"
ADAM = {"optimizer": "adam", "lr": 0.003}


def pictures(count: int = 40, seed: int = 0) -> np.ndarray:
    return patterns(count, seed)[0][..., None]


def ready(line: str, images: np.ndarray, **given) -> Model:
    """A model that has learned nothing but how pictures come to it."""
    model = Model(line, **given)
    told = complete(Settings(epochs=1, batch=8), Recipe())
    run = Run.on("net", told, model, parts(images), False)
    return run.model


def parts(images: np.ndarray):
    from kitnet.data import Parts

    return Parts(Dataset("noise", images, np.zeros(len(images), np.int64), ("all",)))


def warned(events) -> list[str]:
    return [event.text for event in events if isinstance(event, Warned)]


# ----------------------------------------------------------------------------------- the evidence lower bound


@row(114)
def test_the_bound_is_equation_10_of_kingma_and_welling():
    """1/2 sum (1 + log s^2 - m^2 - s^2) + log p(x|z) with z = m + s e, one draw, number by number."""
    x = pictures(3)[:, :4, :4]
    model = ready(SMALL, x)
    prepared = model.preparation.prepare(x)
    np.testing.assert_allclose(prepared, x / 255, rtol=1e-6)
    found = losses_of(model, prepared)
    context = Context(draws=True)
    tape = kitnet.net.Tape(model.net.graph, model.net.weights, {}, context, {"input": prepared})
    code, z, scores = (tape[path].reshape(3, -1) for path in ("conv1", "gaussiandraw1", "transposed1"))
    assert (abs(z - code[:, :2]) > 1e-3).all()  # it is drawn
    for n in range(3):
        means, log_variances = code[n, :2].tolist(), code[n, 2:].tolist()
        bound = sum(0.5 * (1 + v - m * m - math.exp(v)) for m, v in zip(means, log_variances, strict=True))
        for pixel, score in zip(prepared[n].ravel().tolist(), scores[n].tolist(), strict=True):
            p = 1 / (1 + math.exp(-score))
            bound += pixel * math.log(p) + (1 - pixel) * math.log(1 - p)
        assert -(found["image"][n] + found["code"][n]) == pytest.approx(bound, rel=1e-5)


def test_the_bound_is_below_the_evidence():
    """Of one picture, whose evidence is the mean of p(x|z) over a grid of codes z from the prior."""
    x = pictures(1)[:, :4, :4]
    model = ready("4x4x1 -> conv4-2 => code -> gaussiandraw -> transposed4-1 => image", x)
    prepared = model.preparation.prepare(x)
    bounds = [-sum(each[0] for each in losses_of(model, prepared, first).values()) for first in range(400)]
    z = np.linspace(-8, 8, 2001)
    weight, bias = (
        model.net.weights[f"transposed1.{name}"].reshape(-1).astype(float) for name in ("weight", "bias")
    )
    scores = z[:, None] * weight + bias
    pixels = prepared.reshape(-1).astype(float)
    log_p = -(pixels * np.logaddexp(0, -scores) + (1 - pixels) * np.logaddexp(0, scores)).sum(1)
    evidence = math.log((np.exp(log_p - z**2 / 2) / math.sqrt(2 * math.pi)).sum() * (z[1] - z[0]))
    assert np.mean(bounds) < evidence


@pytest.mark.parametrize("batch", [7, 128])
def test_the_draws_of_evaluation_depend_on_the_number_of_the_sample_alone(batch):
    """Compiled, in any batches, and by the formulas."""
    pytest.importorskip("llvmlite")
    model = ready(VAE, pictures())
    x = model.preparation.prepare(pictures())
    formula = losses_of(model, x)
    model.compile(batch)
    for name, lost in losses_of(model, x).items():
        np.testing.assert_allclose(lost, formula[name], rtol=1e-4)
    for name, lost in losses_of(model, x[10:20], 10).items():
        np.testing.assert_allclose(lost, formula[name][10:20], rtol=1e-4)
    assert (losses_of(model, x[10:20])["image"] != losses_of(model, x[10:20], 10)["image"]).any()


@pytest.mark.parametrize(
    ("line", "loss", "holds"),
    [
        (VAE, None, True),
        (VAE, "sigmoid_cross_entropy, code: gaussian_divergence * 4", True),
        (VAE, "quadratic, code: gaussian_divergence", False),
        (VAE, "sigmoid_cross_entropy, code: absolute", False),
        (PLAIN, None, False),
    ],
    ids=["usual", "weighted", "quadratic", "absolute", "plain"],
)
def test_what_makes_the_bound(line, loss, holds):
    model = Model(line, loss)
    assert is_bound(model.net.graph, model.loss, model.auxiliary) is holds


# -------------------------------------------------------------------------------------------- what is learned


def test_what_a_network_is_trained_to_give_follows_from_it():
    assert [target_of(kitnet.parse(line)) for line in (PLAIN, VAE)] == ["input", "input"]
    assert target_of(kitnet.parse("10 -> fc10")) == "classes"  # ten numbers and ten classes
    assert target_of(kitnet.parse("8x8x1 -> fc64")) == "classes"
    assert target_of(kitnet.parse("8x8x1 -> fc64"), "input") == "input"
    with pytest.raises(KitnetError) as caught:
        target_of(kitnet.parse("8x8x1 -> fc10"), "input")
    assert str(caught.value) == (
        "the network ends in 10 but is to give its input, 8x8x1; end it with as many numbers, such as fc64"
    )
    with pytest.raises(KitnetError) as caught:
        target_of(kitnet.parse(PLAIN), "inputs")
    assert str(caught.value) == "unknown target 'inputs' (did you mean 'input'?); known: classes, input"


@pytest.mark.parametrize(
    ("line", "loss"),
    [
        (PLAIN, "sigmoid_cross_entropy"),
        (f"{PLAIN} -> sigmoid", "sigmoid_cross_entropy"),
        (f"{PLAIN} -> tanh", "quadratic"),
        (VAE, "sigmoid_cross_entropy, code: gaussian_divergence"),
    ],
)
def test_the_usual_losses(line, loss):
    model = Model(line)
    assert write_losses(model.loss, model.auxiliary) == loss and model.classes == ()


def test_targets_are_the_input_and_zeros():
    model = ready(VAE, pictures())
    x = model.preparation.prepare(pictures(5))
    targets = input_targets(model.net.graph, model.losses, x)
    np.testing.assert_array_equal(targets["image"], x)
    np.testing.assert_array_equal(targets["code"], np.zeros((5, 1, 1, 8)))
    flat = Model("8x8x1 -> fc64", target="input")
    assert input_targets(flat.net.graph, flat.losses, x).shape == (5, 64)
    losses = {"image": model.loss, "code": (GaussianDivergence(), 0.5)}
    np.testing.assert_array_equal(
        total(losses, {"image": np.ones(3), "code": np.full(3, 4.0)}), np.full(3, 3.0)
    )


def test_losses_as_a_text():
    graph = kitnet.parse(VAE).graph
    loss, others = read_losses(" huber delta=0.5 , code: gaussian_divergence*0.25", graph)
    assert write_losses(loss, others) == "huber delta=0.5, code: gaussian_divergence * 0.25"
    assert read_losses(write_losses(loss, others), graph) == (loss, others)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("quadratic, absolute", "--loss 'absolute': say which output it is of, such as 'code: absolute'"),
        (
            "quadratic, cod: absolute",
            "--loss: the network has no further output 'cod' (did you mean 'code'?)",
        ),
        ("quadratic, code: absolute, code: huber", "--loss gives code twice; leave one out"),
        ("quadratic, code: absolute * -1", "--loss: '-1' is no weight for code; use a number of 0 or more"),
    ],
    ids=["nameless", "unknown", "twice", "weight"],
)
def test_texts_that_are_refused(text, message):
    with pytest.raises(KitnetError) as caught:
        Model(VAE, text)
    assert str(caught.value) == message


def test_an_output_without_a_usual_loss_is_named():
    with pytest.raises(KitnetError) as caught:
        Model("8x8x1 -> conv3-4/2 same => low -> transposed4-1/2 pad=1")
    assert str(caught.value) == (
        "low: no loss is the usual one of this output of a network that gives its input; name one that holds "
        "it near 0: --loss 'sigmoid_cross_entropy, low: absolute * 0.1'"
    )


def test_a_loss_that_is_not_least_there():
    check_loss(SigmoidCrossEntropy())
    with pytest.raises(KitnetError) as caught:
        check_loss(MulticlassHinge())
    assert str(caught.value) == (
        "the loss multiclass_hinge is not least where the network gives its input; use "
        "sigmoid_cross_entropy, quadratic, absolute, huber"
    )


# ------------------------------------------------------------------------------------------------------ a run


def table(folder):
    with (folder / "results.csv").open() as file:
        return list(csv.DictReader(file))


COLUMNS = [
    *("epoch", "train_loss", "train_loss.image", "train_loss.code"),
    *("val_loss", "val_loss.image", "val_loss.code", "seconds", "images_per_second"),
]


def test_what_a_run_leaves(settings):
    events = list(train(settings(model=VAE, epochs=3, validation=0.2, engine="formula", **ADAM)))
    assert warned(events) == []
    folder, summary = events[-1].folder, events[-1].summary
    rows = table(folder)
    assert [*rows[0]] == COLUMNS and len(rows) == 3
    for part in ("train", "val"):
        for line in rows:
            each = float(line[f"{part}_loss.image"]) + float(line[f"{part}_loss.code"])
            assert float(line[f"{part}_loss"]) == pytest.approx(each, rel=1e-4)
        assert summary[f"{part}_elbo"] == pytest.approx(-summary[f"{part}_loss"], rel=1e-6)
    best = min(rows, key=lambda row: float(row["val_loss"]))
    assert summary["best_epoch"] == int(best["epoch"])
    assert summary["val_loss"] == pytest.approx(float(best["val_loss"]), rel=1e-5)
    assert not [name for name in summary if "accuracy" in name]
    assert (summary["target"], summary["loss"]) == (
        "input",
        "sigmoid_cross_entropy, code: gaussian_divergence",
    )
    told = Settings.read(folder / "args.toml")
    assert (told.target, told.loss) == (summary["target"], summary["loss"])
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert all("accuracy" not in name for line in lines for name in line)
    assert lines[-1]["val_loss.code"] == pytest.approx(float(rows[-1]["val_loss.code"]), rel=1e-5)
    count, difference = Model.verify(folder)
    assert count == 8 and difference == 0


def test_a_network_of_ones_own_learns_by_a_rule_for_sums(settings):
    """The loss is a sum over the numbers of the input: by the usual rate of a line this one diverges."""
    line = "8x8x1 -> conv4-16/2 pad=1 -> relu -> transposed4-1/2 pad=1"
    told = Run.of(settings(model=line, target="input")).settings
    assert (told.optimizer, told.lr) == (FOR_INPUT.optimizer, FOR_INPUT.rate) == ("adam", 1e-3)
    told = Run.of(settings(model=line, target="input", optimizer="sgd")).settings
    assert (told.optimizer, told.lr) == ("sgd", Sgd().rate)
    model = Model(line)
    history = model.fit(pictures(), epochs=3, batch=8, engine="formula")
    assert [row.train_loss for row in history.rows] == sorted(
        (row.train_loss for row in history.rows), reverse=True
    )


def test_the_best_epoch_is_of_the_least_loss(settings):
    """At a rate that rises beyond all measure the last epoch is not the best one."""
    told = settings(model=PLAIN, epochs=4, validation=0.2, engine="formula", **ADAM)
    told = replace(told, schedule="drops at=2 factor=400")
    events = list(train(told))
    losses = [float(row["val_loss"]) for row in table(events[-1].folder)]
    assert events[-1].summary["best_epoch"] == 1 + losses.index(min(losses)) < 4
    test = load(told.data).test
    found = evaluate(Model.load(events[-1].folder), test)
    assert found.loss == pytest.approx(events[-1].summary["test_loss"], rel=1e-6)


def test_pixels_are_given_back_better_than_by_their_mean(settings):
    told = settings(
        model="8x8x1 -> fc16 -> relu -> fc64", target="input", epochs=20, engine="formula", batch=8
    )
    told = replace(told, optimizer="adam", lr=0.01)
    summary = list(train(told))[-1].summary
    test = load(told.data).test.images / 255
    mean = np.clip(test.mean(0), 1e-6, 1 - 1e-6)
    constant = -(test * np.log(mean) + (1 - test) * np.log(1 - mean)).sum((1, 2, 3)).mean()
    assert summary["trouble"] == "" and summary["test_loss"] < 0.97 * constant


@pytest.mark.parametrize("engine", ["formula", "compiled"])
def test_a_run_that_was_stopped_ends_with_the_same_bits(settings, tmp_path, engine):
    """In the midst of an epoch; draws are keyed by seed, path, step and sample."""
    if engine == "compiled":
        pytest.importorskip("llvmlite")
    told = settings(model=VAE, epochs=2, validation=0.2, engine=engine, accumulate=2, **ADAM)
    *_, whole = train(replace(told, runs=str(tmp_path / "whole")))
    stop = threading.Event()
    for event in train(told, stop):
        if isinstance(event, Stepped) and (event.epoch, event.step) == (2, 3):
            stop.set()
    *_, end = resume(event.folder)
    assert isinstance(end, Finished)
    for name in ("best.safetensors", "last.safetensors"):
        assert (end.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    timeless = [{k: v for k, v in row.items() if "second" not in k} for row in table(end.folder)]
    assert timeless == [{k: v for k, v in row.items() if "second" not in k} for row in table(whole.folder)]


def test_a_rate_is_found(settings):
    found = find_rate(settings(model=VAE, engine="formula", optimizer="adam"), steps=24)
    assert len(found.losses) > 1 and found.losses[0] > 20


def test_distributions_that_nothing_holds_are_told(settings):
    line = VAE.replace("=> code ", "")
    text = (
        "gaussiandraw1: no loss holds what it draws from near a prior, so that nothing new can be drawn; "
        "name what it reads as an output: '=> code'"
    )
    assert warned(train(settings(model=line, epochs=1, engine="formula", **ADAM))) == [text]


def test_one_that_gives_the_same_for_all_is_told(settings):
    loss = "sigmoid_cross_entropy, code: gaussian_divergence * 50"
    line = "8x8x1 -> fc4 => code -> gaussiandraw -> fc64 => image"
    told = settings(model=line, target="input", loss=loss, epochs=40, batch=4, engine="formula")
    told = replace(told, optimizer="adam", lr=0.01)
    events = list(train(told))
    (text,) = warned(events)
    assert " the network gives the same for all images: a loss of " in text
    assert text.endswith(
        "; try another --lr than 0.01, or less weight of what holds code: --loss 'sigmoid_cross_entropy, "
        "code: gaussian_divergence * 5'"
    )
    assert " is no less than that of their mean, " in events[-1].summary["trouble"]


def test_a_network_of_as_many_numbers_as_its_input_is_told_of_the_target(settings):
    with pytest.raises(KitnetError) as caught:
        train(settings(model="8x8x1 -> fc64"))
    assert str(caught.value).endswith("; end it with fc10, or let it give its input with --target input")


def test_losses_of_auxiliary_heads_have_weights_too(settings):
    """They learn the same labels; one that is not named has none."""
    line = "8x8x1 -> conv3-4 same -> relu -> side[fc10 => aux] -> maxpool2 -> fc10"
    loss = "softmax_cross_entropy, aux: softmax_cross_entropy * 0.5"
    *_, end = train(settings(model=line, loss=loss, epochs=1, engine="formula"))
    assert end.summary["loss"] == loss and "train_accuracy" in end.summary
    assert Model.load(end.folder).auxiliary["aux"][1] == 0.5
    with pytest.raises(KitnetError) as caught:
        train(settings(model=line.replace("fc10 => aux", "fc5 => aux"), loss=loss))
    assert str(caught.value) == (
        "aux: an auxiliary output learns the same 10 classes but ends in 5; end it with fc10, or train from "
        "Python with losses of its own"
    )


def test_views_are_for_classes(settings):
    with pytest.raises(KitnetError) as caught:
        train(settings(model=PLAIN, views="flip"))
    assert str(caught.value) == (
        "--views is for what is told apart, and this network gives its input; leave it out"
    )


@pytest.mark.slow
def test_the_recipe_for_digits(tmp_path):
    """No warning on the way; the bound on unseen digits as docs/without-pools.md has it."""
    bounds = []
    for seed in range(3):
        events = list(train(Settings(model="vae.digits", seed=seed, runs=str(tmp_path))))
        assert warned(events) == [] and events[-1].summary["trouble"] == ""
        bounds.append(events[-1].summary["test_elbo"])
        assert 2 < events[-1].summary["test_loss.code"] < 5
    assert np.mean(bounds) > -25


# ------------------------------------------------------------------------------------------------ from Python


def test_a_model_in_python(tmp_path):
    x = pictures(60)
    model = Model(VAE)
    history = model.fit(x, validation=0.2, epochs=2, engine="formula", **ADAM)
    assert history["val_loss.code"] == [row.parts["val_loss.code"] for row in history.rows]
    assert "val_loss.image" in repr(history) and "accuracy" not in repr(history)
    score = model.evaluate(pictures(20, 1))
    assert score.accuracy is None and score.loss == pytest.approx(sum(score.parts.values()))
    assert repr(score).startswith("<Score of 20 samples: loss ") and ", image " in repr(score)
    made = model.predict(x[:3])
    assert made.shape == (3, 8, 8, 1) and made.dtype == np.uint8
    scores = model.formula_scores(model.preparation.prepare(x[:3])).reshape(3, 8, 8, 1)
    np.testing.assert_array_equal(made, np.rint(255 / (1 + np.exp(-scores))))
    model.save(tmp_path / "vae.safetensors")
    again = kitnet.load(tmp_path / "vae.safetensors")
    assert (again.target, again.classes) == ("input", ())
    np.testing.assert_array_equal(again.predict(x[:3]), made)
    np.testing.assert_array_equal(again.draw(4, seed=2), model.draw(4, seed=2))
    assert (again.draw(4, seed=3) != model.draw(4, seed=2)).any()
    assert "target its own input" in repr(again)


def test_what_the_decoder_draws():
    """The part of the network behind the code, on numbers of N(0, 1)."""
    model = ready(VAE, pictures())
    decoder = kitnet.parse("1x1x4 -> transposed4-8 -> relu -> transposed4-1/2 pad=1 => image")
    for name, array in decoder.weights.items():
        array[...] = model.net.weights[name]
    codes = kitnet.base.random.stream(5, "codes").standard_normal((6, 1, 1, 4), np.float32)
    want = np.rint(255 / (1 + np.exp(-decoder(codes).astype(float))))
    np.testing.assert_allclose(model.draw(6, seed=5), want, atol=1)


def test_floats_are_given_back_as_they_are():
    x = np.random.default_rng(0).normal(3, 2, (50, 6)).astype(np.float32)
    model = Model("6 -> fc6", "quadratic", target="input")
    model.fit(x, epochs=1, engine="formula", lr=1e-3)
    assert model.preparation.mean == (0.0,) * 6 and model.preparation.std == (1.0,) * 6
    np.testing.assert_allclose(model.predict(x), model.net(x), rtol=1e-6)
    with pytest.raises(DataError) as caught:
        Model("6 -> fc6", target="input").fit(abs(x) * 10)
    assert str(caught.value).startswith(
        "arrays: sigmoid_cross_entropy is for numbers from 0 to 1, and one is "
    )


def test_what_such_a_model_has_not():
    model = ready(PLAIN, pictures())
    for call, message in (
        (lambda: model.probabilities(pictures()), "so that it has no probabilities; use predict(x)"),
        (lambda: model.predict(pictures(), top=3), "so that it has no top; use predict(x)"),
        (lambda: model.fit(pictures(), pictures()), "learns from x alone; leave y out"),
        (lambda: model.draw(3), "and this one has 0; train one such as vae.digits"),
    ):
        with pytest.raises(KitnetError) as caught:
            call()
        assert str(caught.value).endswith(message)


def test_a_decoder_that_reads_more_than_the_code():
    graph = kitnet.Graph()
    image = graph.operand("input", (8, 8, 1))
    code = graph.add("conv1", kitnet.layers.Convolution(8, 4), image)
    z = graph.add("draw", kitnet.layers.GaussianDraw(), code)
    up = graph.add("up", kitnet.layers.TransposedConvolution(8, 1), z)
    graph.output("image", graph.add("sum", kitnet.layers.Add(), up, image))
    graph.output("code", code)
    model = ready(kitnet.Net(graph), pictures())
    with pytest.raises(KitnetError) as caught:
        model.draw(2)
    assert str(caught.value) == (
        "sum: it reads input, which does not come of the code, so that no decoder is there to draw from; "
        "leave that out of the network"
    )


def test_a_file_whose_classes_are_gone(tmp_path):
    """A network that ends in ten scores cannot give its input."""
    x, y = patterns(40, 0)
    model = Model("8x8x1 -> fc10")
    model.fit(x, y, epochs=1, engine="formula")
    model.classes = ()
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(ModelFileError) as caught:
        Model.load(tmp_path / "m.safetensors")
    assert "the network ends in 10 but is to give its input, 8x8x1" in str(caught.value)


def test_a_source_is_given_back_whatever_its_classes():
    images, labels = pictures(30), patterns(30, 0)[1]
    source = Dataset("own", images, labels, tuple("abcdefghij"))
    model = Model(PLAIN)
    model.fit(source, validation=source, epochs=1, engine="formula", **ADAM)
    floats = Arrays("floats", images / 255, labels, tuple("abcdefghij"))
    assert model.evaluate(source).loss == pytest.approx(model.evaluate(images).loss)
    with pytest.raises(DataError):
        model.evaluate(floats)  # it has learned from pictures
