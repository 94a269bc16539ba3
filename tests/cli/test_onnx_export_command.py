"""`kitnet export --onnx`: what it writes, what it says, and what it refuses."""

import re
import shutil
from pathlib import Path

import numpy as np
import onnx

from kitnet.files import write_whole
from kitnet.interop.onnx.writing import returned
from kitnet.interop.onnx.writing.registry import writers
from kitnet.train import Model

WEIGHTS = 4 * (9 * 4 + 4 + 64 * 10 + 10)  # bytes


def test_a_run_as_pictures_in_and_probabilities_out(say, trained):
    said = say("export", trained, "--onnx", "digits.onnx")
    content = Path("digits.onnx").read_bytes()
    assert (said.status, said.err) == (0, "")
    told = f"digits.onnx: {len(content) / 1e3:,.0f} kB, of which {WEIGHTS / 1e3:,.0f} are the weights; "
    told += "onnxruntime gives the scores of 8 samples to "
    assert re.fullmatch(re.escape(told) + r"\de-0\d of the largest\n", said.out)
    model, back = Model.load(trained), returned(onnx.load("digits.onnx"))
    assert back.classes == model.classes
    assert np.array_equal(back.net.weights.flat, model.net.weights.flat)
    assert onnx.load("digits.onnx").opset_import[0].version == 18


def test_a_model_file_as_the_bare_network(say, trained):
    shutil.copy(Path(trained) / "best.safetensors", "digits.safetensors")
    assert say("export", "digits.safetensors", "--onnx", "bare.onnx", "--opset", "16", "--raw").status == 0
    made = onnx.load("bare.onnx")
    assert made.opset_import[0].version == 16
    assert [one.name for one in made.graph.output] == ["scores"]
    assert say("export", trained, "--onnx", "again.onnx", "--opset", "16", "--raw").status == 0
    assert Path("again.onnx").read_bytes() == Path("bare.onnx").read_bytes()


def test_what_is_refused(refused, trained, tmp_path):
    assert refused("export", trained, "--onnx", "m.onnx", "--html", "page.html") == (
        "--html and --onnx: one form at a time; export twice"
    )
    assert refused("export", trained, "--onnx", tmp_path) == (
        f"{tmp_path}: it is a folder; give the name of a file, such as --onnx model.onnx"
    )
    assert refused("export", trained, "--html", "page.html", "--raw") == (
        "--raw is of --onnx; give --onnx model.onnx, or leave it out"
    )
    assert refused("export", trained, "--html", "page.html", "--opset", "18") == (
        "--opset is of --onnx; give --onnx model.onnx, or leave it out"
    )
    assert refused("export", trained, "--onnx", "m.onnx", "--opset", "7") == (
        "opset 7: kitnet writes 16 to 23; use such as --opset 18"
    )
    assert refused("export", trained, "--onnx", "no/where.onnx") == (
        "no/where.onnx: cannot be written (No such file or directory); choose another folder"
    )
    assert not Path("m.onnx").exists()


def test_a_file_that_would_be_wrong_is_not_written(refused, trained, monkeypatch):
    monkeypatch.setitem(writers(), "tanh", lambda here: here.to.op("Softsign", here.x[0]))
    write_whole(Path("old.onnx"), "old")
    assert refused("export", trained, "--onnx", "old.onnx").startswith(
        "the ONNX file would not be right, and is not written: scores: onnxruntime gives numbers that differ "
    )
    assert Path("old.onnx").read_text() == "old"
