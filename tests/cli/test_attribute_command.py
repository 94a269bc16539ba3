"""`kitnet attribute`: a picture for each method."""

import numpy as np
import pytest
from PIL import Image

from kitnet.cli import run
from kitnet.data import open_image
from kitnet.look import Probe
from kitnet.look.attribution import grad_cam
from kitnet.train import Model

LINE = "8x8x1 -> conv3-4 same -> relu -> maxpool2 -> fc10"


@pytest.fixture(scope="module")
def rectified(tmp_path_factory, easy):
    """The run folder of a network with a ReLU."""
    runs = tmp_path_factory.mktemp("rectified")
    line = ["train", LINE, "--data", easy, "--epochs", "6", "--batch", "16", "--engine", "formula"]
    assert run([*line, "--runs", str(runs)]) == 0
    return str(runs / "net-1")


@pytest.fixture
def digit(picture):
    return picture("digit.png", 3)


FORMULA = ("--engine", "formula")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("deconvnet", "--class", "2"), "deconvnet of fc1[2] = "),
        (("guided", "--layer", "relu1", "--map", "1"), "guided back-propagation of relu1["),
        (("saliency", "--class", "2"), "saliency of the score of 2"),
        (("gradcam", "--class", "2", "--layer", "relu1"), "Grad-CAM of 2 at relu1"),
        (("occlusion", "--class", "2", "--window", "3"), "2 while a 3x3 square covers the picture, "),
        (("dense", "--class", "2", "--stride", "2"), "2 at 9x9 crops"),
    ],
)
def test_every_method_draws(say, rectified, digit, here, words, told):
    said = say("attribute", rectified, digit, "--method", *words, "-o", "a.png", *FORMULA)
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(f"a.png: {told}")
    pixels = np.asarray(Image.open(here / "a.png"))
    assert pixels.shape[2] == 3 and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 8


def test_numbers_as_json(say_json, rectified, digit):
    words = ["--method", "gradcam", "--layer", "relu1", "--class", "4", *FORMULA]
    told = say_json("attribute", rectified, digit, *words)
    expected = grad_cam(Probe(Model.load(rectified), engine="formula"), open_image(digit), 4, "relu1")
    assert np.array_equal(np.array(told["values"], np.float32), expected)
    assert (told["method"], told["file"]) == ("gradcam", "attribution.png")


def test_patches_of_the_runs_own_data(say, rectified, easy):
    said = say("attribute", rectified, "--method", "patches", "--layer", "conv1", *FORMULA)
    assert said == (0, f"attribution.png: patches of {easy} that conv1 answers to most\n", "")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (
            ("x.png", "--method", "grad-cam"),
            "unknown method 'grad-cam' (did you mean 'gradcam'?); known: deconvnet, guided, saliency, "
            "gradcam, occlusion, dense, patches",
        ),
        (
            ("x.png", "--method", "saliency", "--layer", "conv1"),
            "--method saliency takes no --layer; leave it out",
        ),
        (
            ("--method", "patches", "--layer", "conv1", "--class", "3"),
            "--method patches takes no --class; leave it out",
        ),
        (
            ("x.png", "--method", "patches", "--layer", "conv1"),
            "--method patches looks through a data set; leave the picture out",
        ),
        (
            ("--method", "patches"),
            "--method patches is about the maps of a layer; name one, as in --layer conv1",
        ),
        (("--method", "guided"), "--method guided is about a picture; name one, such as digit.png"),
        (
            ("x.png", "--method", "guided", "--data", "digits"),
            "--method guided is about one picture; leave --data out",
        ),
        (
            ("x.png", "--method", "guided", "-o", "a"),
            "-o a: pictures are written as PNG; give a name such as maps.png",
        ),
        (("x.png", "--method", "guided"), "x.png: No such file or directory"),
    ],
)  # fmt: skip
def test_mistakes(refused, rectified, words, text):
    assert refused("attribute", rectified, *words) == text


def test_a_network_without_relu(refused, trained, digit):
    assert refused("attribute", trained, digit, "--method", "deconvnet", *FORMULA) == (
        "the network has no relu, whose way back deconvnet and guided change; ask for saliency instead"
    )
