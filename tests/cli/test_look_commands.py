"""`kitnet trace` and `kitnet look`: what is inside a network, as arithmetic and as pictures."""

import re

import numpy as np
import pytest
from PIL import Image

from kitnet.data import open_image
from kitnet.look import Probe, maps_of, maps_sheet
from kitnet.train import Model


@pytest.fixture
def digit(picture):
    return picture("digit.png", 3)


def test_trace_prints_window_products_sum_and_activation(say, trained, digit):
    said = say("trace", trained, "--image", digit, "--at", "tanh1[2, 3, 1]", "--engine", "formula")
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0].startswith("conv1[2,3,1] = ") and lines[1] == "conv1: conv3-4 same"
    names = re.fullmatch(r"  input\[:,:,0\] +conv1.weight\[:,:,0,1\] +products, sum (\S+)", lines[2])
    assert lines[3].split() == ["2", "3", "4", "0", "1", "2", "2", "3", "4"]  # columns
    rows = [re.sub("[*=]", "", line).split() for line in lines[4:7]]
    assert [(row[0], row[4], row[8]) for row in rows] == [("1", "0", "1"), ("2", "1", "2"), ("3", "2", "3")]
    inside = Probe(Model.load(trained), engine="formula")(open_image(digit))
    for i, row in enumerate(rows):
        for j in range(3):
            x, w, product = (float(row[4 * block + 1 + j]) for block in range(3))
            assert x == pytest.approx(inside.values["input"][1 + i, 2 + j, 0], rel=1e-3)
            assert w == pytest.approx(inside.weights["conv1.weight"][i, j, 0, 1], rel=1e-3)
            assert x * w == pytest.approx(product, rel=2e-3)
    (bias,) = re.findall(r"^  conv1.bias\[1\] \S+ +(\S+)$", said.out, re.M)
    assert float(names[1]) + float(bias) == pytest.approx(float(lines[0].split(" = ")[1]), rel=1e-4)
    total = float(lines[0].split(" = ")[1])
    assert lines[-2].split() == ["sum", "of", "10", "terms", f"{total:.6g}"]
    made = re.fullmatch(r"tanh1\[2,3,1\] = tanh\(conv1\[2,3,1\] (\S+)\) = (\S+)    tanh", lines[-1])
    assert float(made[2]) == pytest.approx(np.tanh(total), rel=1e-4)


def test_a_window_that_is_too_wide_or_too_large_is_rows(say, trained, digit, monkeypatch):
    asked = ("trace", trained, "--image", digit, "--at", "conv1[2,3,1]", "--engine", "formula")
    row = re.compile(r"^  input\[\d,\d,0\] \S+ \* conv1.weight\[\d,\d,0,1\] \S+ +\S+$", re.M)
    assert row.findall(say(*asked).out) == []
    assert len(row.findall(say(*asked, "--terms", 8).out)) == 7  # and the bias
    monkeypatch.setenv("COLUMNS", "60")
    assert len(row.findall(say(*asked).out)) == 9


def test_trace_back(say, say_json, trained, digit):
    said = say(
        "trace", trained, "--image", digit, "--at", "conv1.weight[0,1,0,2]", "--backward", "--terms", 5
    )
    lines = said.out.splitlines()
    assert lines[0] == f"gradients of the score of the class {Model.load(trained).predict(digit)[0]}"
    assert lines[1].startswith("d conv1.weight[0,1,0,2] = ") and lines[2] == "conv1: conv3-4 same"
    rest = [
        re.fullmatch(r"  (\d+|sum of 56) (smaller terms, together|terms of 0|terms) +\S+", line)
        for line in lines[8:]
    ]
    assert [each[2] for each in rest] == ["smaller terms, together", "terms of 0", "terms"]
    assert 5 + int(rest[0][1]) + int(rest[1][1]) == 56  # of 64 places 8 read padding
    back = ["--at", "input[4,4,0]", "--backward"]
    told = say_json("trace", trained, "--image", digit, *back, "--target", "3")
    assert told["gradient_of"] == "the loss softmax_cross_entropy for the class 3"
    inside = Probe(Model.load(trained))(open_image(digit), target=3)
    assert told["number"] == float(inside.gradients["input"][4, 4, 0])
    assert told["parts"][0]["value"] == pytest.approx(told["number"], rel=1e-4, abs=1e-8)
    assert {f["path"] for t in told["parts"][0]["terms"] for f in t["factors"]} == {"d conv1", "conv1.weight"}


def test_trace_of_a_line_with_a_layer_of_ones_own(say, digit, here):
    source = """
from dataclasses import dataclass
import numpy as np
from kitnet.layers import Backward, Case, Forward, Layer

@dataclass(frozen=True)
class Cube(Layer):
    word = "cube"
    def output_shape(self, *x): return x[0]
    def forward(self, w, state, ctx, *x): return Forward(x[0] ** 3)
    def backward(self, w, kept, dy): return Backward((3 * kept.x[0] ** 2 * dy,))
    @classmethod
    def cases(cls): yield Case(cls(), ((3,),))
"""
    (here / "cube.py").write_text(source)
    line = ["trace", "8x8x1 -> cube -> fc2", "--import", "cube.py", "--image", digit, "--engine", "formula"]
    said = say(*line, "--at", "cube1[1,1,0]")
    assert said.status == 0 and said.out.startswith("cube1[1,1,0] = ")
    said = say(*line, "--at", "input[1,1,0]", "--backward")
    assert "d cube1[1,1,0]" in said.out


def test_maps_filters_and_strip(say, trained, digit, here):
    said = say("look", trained, "--image", digit, "--layer", "conv1", "-o", "maps.png")
    found = maps_of(Probe(Model.load(trained))(open_image(digit)).values["conv1"])
    assert said == (0, f"maps.png: maps of conv1: 8x8x4; {found.range}\n", "")
    assert np.array_equal(
        np.asarray(Image.open(here / "maps.png")), maps_sheet(found, "maps of conv1: 8x8x4")
    )
    assert say("look", trained, "--filters").out == "look.png: filters of conv1: conv3-4 same\n"
    said = say("look", trained, "--strip", "--image", digit)
    assert said.status == 0 and said.out.startswith("look.png: strip of all layers; the best class is ")
    said = say("look", trained, "--gradient", "--target", 3, "--image", digit, "--layer", "conv1")
    assert said.status == 0 and said.out.startswith("look.png: gradient at conv1: 8x8x4; black ")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("look", "--strip"), "maps are those of a picture; give one, as in --image digit.png"),
        (
            ("look", "--image", "x.png"),
            "name a layer, as in --layer conv1, or ask for --strip or --filters",
        ),
        (
            ("look", "--filters", "--strip"),
            "--filters, --strip and --gradient are three pictures; ask for one of them",
        ),
        (
            ("look", "--filters", "--image", "x.png"),
            "--filters are the same for every picture; leave --image and --target out",
        ),
        (("look", "--strip", "--layer", "conv1"), "--strip shows all layers; leave --layer out"),
        (
            ("look", "--layer", "conv1", "--image", "x.png", "--target", "3"),
            "--gradient and --target go together: the gradient of the loss of a class",
        ),
        (
            ("look", "--filters", "-o", "maps.jpg"),
            "-o maps.jpg: pictures are written as PNG; give a name such as maps.png",
        ),
        (
            ("trace", "--image", "x.png", "--at", "conv1[1,2"),
            "--at 'conv1[1,2' is no place; write a path and whole numbers, such as conv1[3,4,2]",
        ),
        (
            ("trace", "--image", "x.png", "--at", "conv1[1,2,3]", "--target", "3"),
            "--target says what gradients are of; add --backward, or leave it out",
        ),
        (
            ("trace", "--image", "x.png", "--at", "fc1[0]", "--backward", "--target", "3", "--class", "3"),
            "gradients are of the loss of --target or of the score of --class; leave one out",
        ),
        (
            ("trace", "--image", "x.png", "--at", "conv1[1,2,3]", "--terms", "0"),
            "--terms 0 is not possible; use 1 or more",
        ),
        (
            ("trace", "--image", "x.png", "--at", "conv1[1,2,3]"),
            "x.png: No such file or directory",
        ),
    ],
)  # fmt: skip
def test_mistakes(refused, trained, words, text):
    command, *rest = words
    assert refused(command, trained, *rest) == text


def test_mistakes_of_places(refused, trained, digit):
    assert refused("trace", trained, "--image", digit, "--at", "conv2[0,0,0]", "--engine", "formula") == (
        "the network has no value 'conv2' (did you mean 'conv1'?)"
    )
    assert refused("trace", trained, "--image", digit, "--at", "conv1[0,0,4]", "--engine", "formula") == (
        "conv1 has the shape (8,8,4) and no number [0,0,4]; each index counts from 0, as in "
        "conv1[7,7,3], the last one"
    )
