"""ONNX files where a model file stands: verified, exported, and as what a new run begins with."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import pytest

import kitnet
from kitnet.interop.onnx.writing.exporting import onnx_of_network
from kitnet.train import Model, Settings, load_network
from kitnet.train.run import Run

LINE = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"


@pytest.fixture(scope="module")
def files(trained, tmp_path_factory):
    """The model of a run with its preparation inside, and bare; and a network that kitnet did not write."""
    folder = tmp_path_factory.mktemp("onnx")
    for name, flags in (("whole.onnx", ()), ("bare.onnx", ("--raw",))):
        assert kitnet.cli.run(["export", trained, "--onnx", str(folder / name), *flags]) == 0
    made = onnx.ModelProto.FromString(onnx_of_network(kitnet.parse(LINE)).content)
    del made.metadata_props[:]
    onnx.save(made, folder / "foreign.onnx")
    return folder


@pytest.mark.parametrize("name", ["whole.onnx", "bare.onnx"])
def test_golden_images_once_more(say, trained, files, name):
    told = say("verify", files / name)
    pattern = r" 8 golden images give the recorded scores \(largest difference \de-\d\d\)\n"
    assert re.fullmatch(re.escape(f"{files / name}:") + pattern, told.out)
    images, scores = Model.golden(files / name)
    expected, others = Model.golden(trained)
    assert np.array_equal(images, expected)
    np.testing.assert_allclose(scores, others, rtol=1e-4, atol=1e-4)


def test_scores_that_are_not_the_recorded_ones(refused, files, monkeypatch):
    def other(model, images):
        return np.zeros((len(images), 10), np.float32)

    monkeypatch.setattr(Model, "_golden_scores", other)
    told = refused("verify", files / "whole.onnx")
    assert re.search(r"its golden images give scores that differ by [\d.]+ from the recorded ones", told)


def test_a_file_of_others_has_no_golden_images(refused, files):
    file = files / "foreign.onnx"
    assert refused("verify", file) == (
        f"{file}: kitnet did not write this model, so that no golden images with scores are inside"
    )


def test_every_form_of_export(say, trained, files):
    for name in ("whole.onnx", "bare.onnx"):
        for flag, path in (("--html", "page.html"), ("--onnx", "again.onnx"), ("--torch", "a.safetensors")):
            assert say("export", files / name, flag, path).status == 0
        assert Path("again.onnx").read_bytes() == (files / "whole.onnx").read_bytes()
    assert say("export", files / "foreign.onnx", "--torch", "b.safetensors").out == (
        "b.safetensors: 4 arrays by the names of kitnet, as no library has the network\n"
    )


@pytest.mark.parametrize("name", ["whole.onnx", "foreign.onnx"])
def test_a_run_begins_with_its_network_and_weights(say, files, easy, name):
    told = say("train", files / name, "--data", easy, "--epochs", "1", "--lr", "1e-30")
    assert (told.status, told.err) == (0, f"kitnet: begins from {files / name}\n")
    old = load_network(files / name)
    for path, one in load_network(best()).weights.items():
        np.testing.assert_allclose(one, old.weights[path], rtol=0, atol=1e-20)
    assert say("train", "--resume", "runs/latest", "--epochs", "2").status == 0


def best():
    return Path("runs/latest").resolve() / "best.safetensors"


def test_a_run_of_a_file_with_other_classes_gets_another_last_layer(files, tmp_path):
    x, y = np.zeros((8, 8, 8, 1), np.uint8), np.arange(8) % 2
    x[::2] += 9
    np.savez(tmp_path / "two.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    file = files / "foreign.onnx"
    run = Run.of(Settings(model=str(file), data=str(tmp_path / "two.npz"), validation=0.0))
    run.begin()
    assert run.notes[0] == (
        f"the network ends in 10 but {tmp_path / 'two.npz'} has 2 classes: fc2 is in the place of its last "
        "layer"
    )
    assert run.notes[-1] == f"begins from {file}; new are fc1.weight, fc1.bias"
    assert np.array_equal(run.model.net.weights["conv1.weight"], load_network(file).weights["conv1.weight"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("no.onnx",), "no.onnx: no such file; give a run folder such as runs/lenet5-1, or a model file"),
        (("{}", "--on-misfit", "floor"), "--on-misfit is for names and lines; '{}' is a saved model"),
        (("{}", "--set", "N=2"), "--set is for names and lines; '{}' is a saved model"),
    ],
)
def test_what_a_run_of_a_file_does_not_take(refused, files, words, told, monkeypatch):
    monkeypatch.chdir(files)
    given = [word.format("bare.onnx") for word in words]
    assert refused("train", *given) == told.format("bare.onnx")
    assert refused("studio", *given) == told.format("bare.onnx")
