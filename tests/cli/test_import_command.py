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
            "--classes 'nothing': no number, and no text file that can be read; give one name a line",
        ),
        (
            ["show", "none.onnx"],
            "none.onnx: no such file; give a run folder such as runs/lenet5-1, or a model file",
        ),
    ],
)
def test_what_is_wrong_is_said(file, refused, words, told):
    assert refused(*words) == told


@pytest.fixture
def opened(file):
    """The same with height and width left open."""
    made = onnx.load(file)
    for axis, name in ((2, "height"), (3, "width")):
        made.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    del made.graph.value_info[:]
    onnx.save(made, "open.onnx")


def test_open_sizes_are_said_once(opened, say, refused):
    assert refused("show", "open.onnx") == (
        "open.onnx: input 'input' leaves its sizes open; say them once, such as: kitnet import F.onnx "
        "--input 224x224x3 -o net.safetensors"
    )
    told = say("import", "open.onnx", "--input", "8x8x1", "-o", "net.safetensors").out
    assert told == "net.safetensors: 235 parameters, a network alone\n"
    assert say("show", "net.safetensors").out == say("show", "net.onnx").out != ""
    command = ("import", "open.onnx", "-o", "other.safetensors", "--input")
    assert refused(*command, "8x8x3") == (
        "open.onnx: input 'input' is ?x?x1 in the file, which 8x8x3 does not fit"
    )
    assert refused(*command, "eight") == "--input 'eight' is no volume; write it like 224x224x3"


PROTOTXT = """layer { name: "d" type: "Data" top: "data" top: "label" }
layer { name: "ip" type: "InnerProduct" bottom: "data" top: "ip" inner_product_param { num_output: 3 } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip" bottom: "label" top: "loss" }
"""


def test_a_network_of_caffe(here, say, say_json, refused):
    (here / "a.prototxt").write_text(PROTOTXT)
    told = "8x8x1 -> ip:fc3\nSoftmaxWithLoss loss is the loss softmax_cross_entropy here\n"
    assert say("import", "a.prototxt", "--input", "8x8x1").out == (
        f"{told}195 parameters; nothing is written; name a file with -o\n"
    )
    assert say("import", "a.prototxt", "--input", "8x8x1", "-o", "a.safetensors").out == (
        f"{told}a.safetensors: 195 parameters, drawn anew, since a .prototxt has none\n"
    )
    assert say("show", "a.safetensors").out == say("show", "8x8x1 -> ip:fc3").out
    found = say_json("import", "a.prototxt", "--input", "8x8x1")
    assert (found["network"], found["loss"]) == ("8x8x1 -> ip:fc3", "softmax_cross_entropy")
    assert refused("import", "a.prototxt") == (
        "a.prototxt: line 1: it does not say how large the pictures of 'data' are; say it with --input, such "
        "as 28x28x1"
    )
    assert refused("import", "a.prototxt", "--mean", "0", "--deviation", "1") == (
        "a .prototxt has no weights; leave out what is said of pictures, classes and external tensors"
    )
    assert refused("import", "b.prototxt") == (
        "b.prototxt: cannot be read (No such file or directory); check the file"
    )
    assert refused("import", "a.prototxt", "-o", "a.safetensors", "--input", "8x8x1") == (
        "a.safetensors: it exists; give another name"
    )
