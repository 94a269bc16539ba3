"""`kitnet import FILE.onnx`, and ONNX files where a model file stands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import kitnet
from kitnet.interop.onnx.writing.exporting import onnx_of_network

LINE = "8x8x1 -> conv3-4 same -> relu -> maxpool2 -> fc3 -> softmax"


@pytest.fixture
def file(here: Path) -> Path:
    """A file that does not say how pictures are prepared."""
    made = onnx.ModelProto.FromString(onnx_of_network(kitnet.parse(LINE)).content)
    del made.metadata_props[:]
    onnx.save(made, here / "net.onnx")
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(here / "one.png")
    (here / "names.txt").write_text("cat\ndog\nfox\n")
    return here / "net.onnx"


def test_a_model_with_its_preparation(file, say):
    flags = ("--mean", "0.5", "--deviation", "0.25", "--classes", "names.txt")
    told = say("import", "net.onnx", "-o", "net.safetensors", *flags).out
    assert told == "net.safetensors: 235 parameters, a model of 3 classes\n"
    model = kitnet.load("net.safetensors")
    assert model.classes == ("cat", "dog", "fox")
    assert (model.preparation.mean, model.preparation.std) == ((0.5,), (0.25,))
    x = np.arange(64, dtype=np.uint8).reshape(1, 8, 8, 1)
    (best,) = model.predict(x)
    assert say("predict", "net.safetensors", "one.png", "--top", "1").out.startswith(f"one.png: {best} ")
    prepared = (x / 255 - 0.5) / 0.25
    expected = kitnet.parse(LINE)(prepared.astype(np.float32))
    np.testing.assert_allclose(model.probabilities(x), expected, rtol=1e-5)


def test_a_network_alone(file, say):
    assert say("import", "net.onnx", "-o", "net.safetensors").out == (
        "net.safetensors: 235 parameters, a network alone\n"
    )
    assert say("show", "net.safetensors").out == say("show", "net.onnx").out != ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["import", "net.onnx"],
            "say which file to write, such as: kitnet import net.onnx -o model.safetensors",
        ),
        (["import", "net.onnx", "-o", "one.png"], "one.png: it exists; give another name"),
        (
            ["import", "net.onnx", "-o", "new", "--mean", "1"],
            "--mean and --deviation go together; give both",
        ),
        (
            ["import", "net.onnx", "-o", "new", "--mean", "1,2", "--deviation", "1"],
            "--mean '1,2': expected a number, or 1 with commas between",
        ),
        (
            ["import", "net.onnx", "-o", "new", "--classes", "nothing"],
            "--classes nothing: no text file that can be read; give one name a line",
        ),
        (
            ["show", "none.onnx"],
            "none.onnx: no such file; give a run folder such as runs/lenet5-1, or a model file",
        ),
    ],
)
def test_what_is_wrong_is_said(file, refused, words, told):
    assert refused(*words) == told
