"""`kitnet import weights` and `kitnet export --torch`: what they say, write and refuse."""

from pathlib import Path

import numpy as np
import pytest

from kitnet.files import write_tensors
from kitnet.interop.weights import state_dict, write_torch
from kitnet.net import parse
from kitnet.train import Model

LINE = "8x8x3 -> conv3-4 same -> batchnorm -> relu -> maxpool2 -> fc3"
MATCHED = "8 of 8 arrays matched by the names of kitnet\n"
BATCHES = "left in the file: 1 of num_batches_tracked, which nothing here reads\n"


@pytest.fixture
def weights():
    """A network, and its weights in a file of PyTorch."""
    net = parse(LINE).initialise(4)
    write_torch(Path("a.pth"), state_dict(net))
    return net


def test_without_a_file_to_write_it_tells(say, weights):
    assert say("import", "weights", "a.pth", "--model", LINE) == (
        0,
        MATCHED + BATCHES + "nothing is written; name a file with -o\n",
        "",
    )


def test_a_model_that_predicts_as_prepared(say, weights):
    Path("names.txt").write_text("cat\ndog\n\nbird\n")
    said = say(
        *("import", "weights", "a.pth", "--model", LINE, "--classes", "names.txt", "-o", "b.safetensors"),
        *("--mean", "0.5,0.4,0.3", "--deviation", "0.25", "--resize", "10"),
    )
    written = "b.safetensors: 315 parameters, and 2 drawn golden images\n"
    assert said == (0, MATCHED + BATCHES + written, "")
    model = Model.load("b.safetensors")
    assert model.classes == ("cat", "dog", "bird")
    picture = np.random.default_rng(0).integers(0, 256, (1, 10, 10, 3), np.uint8)
    x = (picture[:, 1:9, 1:9] / 255 - [0.5, 0.4, 0.3]) / 0.25
    scores = weights(x.astype(np.float32))
    expected = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(model.probabilities(picture), expected, rtol=1e-4)
    assert say("verify", "b.safetensors").status == 0


def test_weights_for_blue_first(say, weights):
    said = say(*("import", "weights", "a.pth", "--model", LINE, "--prepare", "caffe", "-o", "b.safetensors"))
    assert said.status == 0
    model = Model.load("b.safetensors")
    picture = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), np.uint8)
    blue_first = picture[..., ::-1] - np.array([103.939, 116.779, 123.68])
    scores = weights(blue_first.astype(np.float32))
    found = model.scores(model.preparation.prepare(picture))
    np.testing.assert_allclose(found, scores, rtol=1e-3, atol=1e-3)


def test_json(say_json, weights):
    told = say_json("import", "weights", "a.pth", "--model", LINE, "--prepare", "unit", "-o", "b.safetensors")
    assert (told["arrays"], told["file"], told["golden_images"]) == (8, "b.safetensors", 2)
    assert told["preparation"]["resize"] == [8, 8]


def test_what_is_refused(refused, weights):
    command = ("import", "weights", "a.pth", "--model", LINE)
    write = (*command, "-o", "b.safetensors")
    assert refused(*write) == (
        "the file does not say how pictures are prepared: say --prepare torchvision (torchvision's and "
        "timm's); inception (-1 to 1: of torchvision's Inception and GoogLeNet, of Keras' InceptionV3 and "
        "MobileNetV2); caffe (blue first, less the mean: of Keras' VGG16, VGG19 and ResNet50, of Caffe); "
        "unit (0 to 1); or --mean and --deviation"
    )
    assert refused(*write, "--prepare", "timm") == (
        "--prepare 'timm' is not known; known: torchvision, inception, caffe, unit"
    )
    assert refused(*write, "--prepare", "unit", "--mean", "0") == (
        "--prepare says mean and deviation; leave out --mean and --deviation"
    )
    assert refused(*write, "--mean", "0,x", "--deviation", "1") == (
        "--mean '0,x': expected a number, or 3 with commas between"
    )
    assert refused(*command, "--classes", "0") == "--classes '0' is not possible; use 1 to 1048576"
    assert refused(*command, "--classes", "none.txt") == (
        "--classes 'none.txt': no number, and no text file that can be read; give one name a line"
    )
    assert refused(*command, "-o", "a.pth") == "a.pth: it exists; give another name"
    grey = LINE.replace("8x8x3", "8x8x1")
    write_torch(Path("g.pth"), state_dict(parse(grey)))
    assert refused(
        *("import", "weights", "g.pth", "--model", grey, "--prepare", "unit", "--bgr", "-o", "b.safetensors")
    ) == (
        "conv1: only a convolution of three channels can be turned to red first; leave out --bgr and give "
        "pictures with blue first"
    )
    flat = "12 -> fc3"
    write_torch(Path("f.pth"), state_dict(parse(flat)))
    assert refused(
        *("import", "weights", "f.pth", "--model", flat, "--prepare", "unit", "-o", "b.safetensors")
    ) == ("pictures do not fit an input of 12")
    assert not Path("b.safetensors").exists()
    write_tensors(Path("t.safetensors"), {"a": np.ones(2, np.float32)}, {})
    Path("t.safetensors").write_bytes(Path("t.safetensors").read_bytes()[:-1])
    assert refused("import", "weights", "t.safetensors", "--model", "vgg16") == (
        "t.safetensors: truncated; 7 bytes of its arrays are there, expected 8; take a fresh copy"
    )


def test_export_of_a_run_and_back(say, refused, trained):
    said = say("export", trained, "--torch", "a.pth")
    assert said == (
        0,
        "a.pth: 4 arrays by the names of kitnet, as no library has the network\n",
        "",
    )
    model = Model.load(trained)
    line = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"
    said = say("import", "weights", "a.pth", "--model", line, "--prepare", "unit", "-o", "b.safetensors")
    assert said.status == 0
    back = Model.load("b.safetensors")
    assert all(np.array_equal(back.net.weights[path], one) for path, one in model.net.weights.items())
    assert refused("export", trained, "--torch", "a.txt") == (
        "a.txt: give a name that ends in .safetensors, .pth or .pt"
    )
    assert refused("export", trained, "--torch", ".") == (
        ".: it is a folder; give the name of a file, such as --torch model.pth"
    )
    assert refused("export", trained, "--torch", "a.pth", "--html", "a.html") == (
        "--html and --torch: one form at a time; export twice"
    )
