"""What the rooms inside and backward are told, beside the formulas."""

import base64
import io
import json
import math
import threading
import time

import numpy as np
import pytest
from driven import MODEL, is_at_rest, until
from PIL import Image
from starlette.testclient import TestClient

import kitnet
from kitnet.base.error import KitnetError
from kitnet.layers import Context
from kitnet.net import Tape
from kitnet.studio.app import studio
from kitnet.studio.columns import plane, planes_of, reduced
from kitnet.studio.asking.inside import MOST, Looking
from kitnet.studio.looked import Networks
from kitnet.studio.training import Training
from kitnet.train import Model, Settings

RTOL = 1e-4


@pytest.fixture(scope="module")
def idle():
    """Without a network that trains."""
    return Looking(Networks(Training.of(Settings(model=MODEL))))


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def wish(network, picture, gradients=None, every=True):
    return {"network": network, "picture": picture, "gradients": gradients, "every": every}


def drawn(seed=0, side=8):
    return np.random.default_rng(seed).integers(0, 256, (side, side), np.uint8)


GREY = "8x8x1 -> conv3-3 same -> batchnorm -> relu -> maxpool2 -> lrn3 -> conv2-4 -> fc3"


@pytest.fixture(scope="module")
def looked(idle):
    """A look at gradients of an untrained line, with what the formulas make of the same picture."""
    pixels = drawn()
    told = idle.look(wish(GREY, {"file": png(pixels), "invert": False}, {"target": 1}))
    net = kitnet.parse(GREY)
    x = (pixels / 255).astype(np.float32)[None, ..., None]
    tape = Tape(net.graph, net.weights, net.state, Context(), {"input": x})
    return idle, told, tape, idle._looks[told["look"]].inside


def test_a_look_at_a_line(looked):
    _, told, tape, inside = looked
    assert told["line"] == GREY and told["gradients"] == {"target": 1} and told["done"] is None
    assert told["classes"] == ["0", "1", "2"] and told["probable"] and told["label"] is None
    assert [value for _, value in told["best"]] == sorted((v for _, v in told["best"]), reverse=True)
    scores = np.exp(tape["fc1"][0]) / np.exp(tape["fc1"][0]).sum()
    assert {name: value for name, value in told["best"]} == pytest.approx(
        {str(i): float(p) for i, p in enumerate(scores)}, rel=RTOL
    )
    assert [one["path"] for one in told["columns"]] == [
        *("input", "conv1", "batchnorm1", "relu1", "maxpool1", "lrn1", "conv2", "fc1"),
    ]
    assert [one["path"] for one in told["columns"][1]["parameters"]] == ["conv1.weight", "conv1.bias"]
    assert told["shapes"]["conv2"] == [3, 3, 4] and told["shapes"]["conv2.weight"] == [2, 2, 3, 4]
    assert told["convolutions"] == ["conv1", "conv2"]
    for column in told["columns"]:
        gradient = inside.gradients[column["path"]]
        assert (column["least"], column["largest"]) == (gradient.min(), gradient.max())


def numbers_of(told):
    return np.frombuffer(base64.b64decode(told["values"]), "<f4").reshape(told["height"], told["width"])


@pytest.mark.parametrize("path", ["input", "conv1", "fc1"])
def test_planes_are_the_plan_s_numbers(looked, path):
    idle, told, tape, _ = looked
    value = tape[path][0]
    for number in range(value.shape[-1] if value.ndim == 3 else 1):
        found = idle.plane({"look": told["look"], "path": path, "backward": False, "plane": number})
        expected = value[..., number] if value.ndim == 3 else value[:, None]
        np.testing.assert_allclose(numbers_of(found), expected, rtol=RTOL, atol=1e-5)


def every_term(part):
    """The values of all terms that are shown, and the rest."""
    cells = [p for grid in part["grids"] for row in grid["products"] for p in row if p is not None]
    return [*cells, *(term["value"] for term in part["terms"]), part["rest"]["value"]]


@pytest.mark.parametrize("backward", [False, True])
def test_what_is_shown_adds_up(looked, backward):
    """Of every layer, and of every parameter's gradient."""
    idle, told, _, inside = looked
    random = np.random.default_rng(1)
    arrays = inside.gradients if backward else inside.values
    layers = [column["path"] for column in told["columns"][1:]]
    asked = ["input", *layers, *told["learned"]] if backward else layers
    assert len(asked) == (16 if backward else 7)
    for path in asked:
        index = [int(random.integers(n)) for n in arrays[path].shape]
        found = idle.trace({"look": told["look"], "path": path, "backward": backward, "index": index})
        json.dumps(found, allow_nan=False)
        last = found["steps"][-1]
        assert last["path"] == path and last["index"] == index
        assert last["number"] == float(arrays[path][tuple(index)])
        assert last["value"] == pytest.approx(last["number"], rel=1e-3, abs=1e-5)
        for part in last["parts"]:
            assert math.fsum(every_term(part)) == pytest.approx(part["total"], rel=1e-9, abs=1e-12)
            for grid in part["grids"]:
                for i, row in enumerate(grid["products"]):
                    for j, product in enumerate(row):
                        if product is not None:
                            factors = [one["values"][i][j] for one in grid["factors"]]
                            assert math.prod(factors) * grid["times"] == pytest.approx(product)


def test_a_window_of_a_convolution(looked):
    """At a corner: the padding is not there, channels stand in the order of their share."""
    idle, told, tape, _ = looked
    net = kitnet.parse(GREY)
    found = idle.trace({"look": told["look"], "path": "conv1", "backward": False, "index": [0, 7, 2]})
    (part,) = found["steps"][0]["parts"]
    (grid,) = part["grids"]
    assert (grid["rows"], grid["columns"], grid["count"]) == ([0, 1], [6, 7], 4)
    assert [one["path"] for one in grid["factors"]] == ["input", "conv1.weight"]
    x, w = (np.array(one["values"]) for one in grid["factors"])
    np.testing.assert_allclose(x, tape["input"][0, :2, 6:, 0])
    np.testing.assert_allclose(w, net.weights["conv1.weight"][1:, :2, 0, 2], rtol=RTOL)
    assert [one["factors"][0]["path"] for one in part["terms"]] == ["conv1.bias"]
    found = idle.trace({"look": told["look"], "path": "conv2", "backward": False, "index": [1, 1, 0]})
    grids = found["steps"][0]["parts"][0]["grids"]
    assert [grid["share"] for grid in grids] == sorted((grid["share"] for grid in grids), reverse=True)


def test_the_smaller_channels_are_summed_up(idle):
    told = idle.look(wish("4x4x1 -> conv1-6 -> conv2-2 -> fc2", {"file": png(drawn(side=4)), "invert": False}))
    found = idle.trace({"look": told["look"], "path": "conv2", "backward": False, "index": [1, 1, 0]})
    (part,) = found["steps"][0]["parts"]
    assert len(part["grids"]) == 3 and part["rest"]["channels"] == 3 and part["rest"]["terms"] == 12
    assert math.fsum(every_term(part)) == pytest.approx(part["total"])


def test_a_pool_has_its_window_and_winner(looked):
    idle, told, tape, _ = looked
    found = idle.trace({"look": told["look"], "path": "maxpool1", "backward": False, "index": [1, 2, 1]})
    window = found["steps"][0]["parts"][0]["window"]
    x = tape["relu1"][0, 2:4, 4:6, 1]
    np.testing.assert_allclose(window["values"], x, rtol=RTOL, atol=1e-6)
    row, column, channel = window["winner"]
    assert (row - 2, column - 4) == np.unravel_index(x.argmax(), (2, 2)) and channel == 1
    assert (window["rows"], window["columns"], window["path"]) == ([2, 3], [4, 5], "relu1")


def test_an_activation_shows_what_it_was_given(looked):
    idle, told, *_ = looked
    found = idle.trace({"look": told["look"], "path": "relu1", "backward": False, "index": [1, 2, 1]})
    assert [step["path"] for step in found["steps"]] == ["batchnorm1", "relu1"]
    assert found["steps"][1]["parts"][0]["close"] == "relu"


def test_what_is_given_or_learned(looked):
    idle, told, tape, _ = looked
    asked = {"look": told["look"], "path": "input", "backward": False, "index": [2, 3, 0]}
    found = idle.trace(asked)
    assert found == {"steps": [], "learned": False, "number": float(tape["input"][0, 2, 3, 0])}
    assert idle.trace(asked | {"path": "conv1.bias", "index": [1]})["learned"]


@pytest.mark.parametrize(
    "line",
    [
        "7x6x1 -> conv3-2 pad=1 stride=2 floor -> fc2",
        "8x8x1 -> conv3-2 dilation=2 same -> conv3-4 groups=2 full -> fc2",
        "6x6x1 -> conv3-2 flip=yes -> fc2",
    ],
)
def test_what_the_player_plays_comes_to_dx(idle, line):
    """dx is the sum over all maps, each as the page computes it."""
    shape = kitnet.parse(line).input_shape
    pixels = np.random.default_rng(3).integers(0, 256, shape[:2], np.uint8)
    told = idle.look(wish(line, {"file": png(pixels), "invert": False}, {"output": 1}))
    inside = idle._looks[told["look"]].inside
    for path in told["convolutions"]:
        found = idle.convolution({"look": told["look"], "path": path, "map": 0, "channel": 0})
        sums = np.zeros((*found["shape"], found["channels"]))
        for k in range(found["maps"]):
            for c in range(found["channels"]):
                one = idle.convolution({"look": told["look"], "path": path, "map": k, "channel": c})
                if one["filter"] is None:
                    continue
                for (p, q), dy in np.ndenumerate(np.array(one["dy"])):
                    for (r, s), w in np.ndenumerate(np.array(one["filter"])):
                        i = p * one["stride"][0] + r * one["dilation"][0] - one["before"][0]
                        j = q * one["stride"][1] + s * one["dilation"][1] - one["before"][1]
                        if 0 <= i < sums.shape[0] and 0 <= j < sums.shape[1]:
                            sums[i, j, c] += dy * w
        np.testing.assert_allclose(sums, inside.gradients[found["input"]], rtol=1e-3, atol=1e-5)


def test_planes():
    array = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    planes = planes_of(array)
    assert planes.shape == (20, 2, 3)
    assert (planes[2 * 5 + 3] == array[:, :, 2, 3]).all()
    vector = planes_of(np.arange(14, dtype=np.float32))
    assert vector.shape == (1, 4, 4) and vector[0, 3, 1] == 13 and np.isnan(vector[0, 3, 2:]).all()
    assert planes_of(np.arange(12.0)).shape == (1, 12, 1)
    told = reduced(np.arange(70 * 3 * 9, dtype=np.float32).reshape(70, 3, 9), 8)
    assert (told["every"], told["shown"], told["planes"]) == (3, 8, 9)
    pixels = np.frombuffer(base64.b64decode(told["pixels"]), np.uint8)
    assert len(pixels) == 8 * 24 * 1 and pixels[0] == 0
    assert pixels[23] == round(255 * 69 * 27 / 1889)  # row 69 of the first plane
    assert plane(array, 13)["values"] == base64.b64encode(array[:, :, 2, 3].tobytes()).decode()
