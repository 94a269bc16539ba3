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
from kitnet.studio.asking.inside import MOST, Looking
from kitnet.studio.columns import plane, planes_of, reduced
from kitnet.studio.looked import Networks
from kitnet.studio.training import Training
from kitnet.train import Settings

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
    assert dict(told["best"]) == pytest.approx({str(i): float(p) for i, p in enumerate(scores)}, rel=RTOL)
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
    assert part["reads"] == [{"path": "input", "rows": [0, 1], "columns": [6, 7], "maps": [0]}]
    found = idle.trace({"look": told["look"], "path": "conv2", "backward": False, "index": [1, 1, 0]})
    grids = found["steps"][0]["parts"][0]["grids"]
    assert [grid["share"] for grid in grids] == sorted((grid["share"] for grid in grids), reverse=True)


def test_the_smaller_channels_are_summed_up(idle):
    told = idle.look(
        wish("4x4x1 -> conv1-6 -> conv2-2 -> fc2", {"file": png(drawn(side=4)), "invert": False})
    )
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
    reads = found["steps"][0]["parts"][0]["reads"]  # the window, not its winner alone
    assert reads == [{"path": "relu1", "rows": [2, 3], "columns": [4, 5], "maps": [1]}]


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


# A network that trains


def samples_of(training):
    images, labels = training.loop.run.parts.test.read(np.arange(40))
    return training.loop.run.model.preparation.prepare(images), labels


def test_the_network_that_trains_as_it_is_now(make):
    training = make(model=MODEL.replace("relu", "batchnorm -> relu"))
    looking = Looking(Networks(training))
    for done in range(3):
        told = looking.look(wish("", {"sample": 5}, {}))
        assert told["done"] == done and told["part"] == "test" and told["samples"] == 40
        x, labels = samples_of(training)
        net = training.loop.run.model.net
        tape = Tape(net.graph, net.weights, net.state, Context(), {"input": x[5:6]})
        inside = looking._looks[told["look"]].inside
        assert told["label"] == labels[5] and told["gradients"] == {"target": labels[5]}
        np.testing.assert_allclose(inside.scores, tape.output[0], rtol=1e-3, atol=1e-5)
        assert looking._networks.find("").probe.net is not net
        training.step()
        until(lambda steps=done: training.loop.run.steps_done(training.loop.progress) == steps + 1)
        until(lambda: is_at_rest(training))
    assert [column["path"] for column in told["columns"]] == [
        *("input", "conv1", "batchnorm1", "relu1", "maxpool1", "fc1"),
    ]


def test_a_look_while_it_trains_waits_for_the_end_of_a_step(make):
    training = make(epochs=100000)
    looking = Looking(Networks(training))
    training.start()
    done = [looking.look(wish("", {"sample": 0}))["done"] for _ in range(4)]
    assert done == sorted(done) and training.state == "running"
    training.pause()


def test_a_run_and_its_model_file(make, tmp_path):
    training = make(epochs=1)
    training.start()
    until(lambda: training.state == "ended")
    looking = Looking(Networks(training))
    folder = str(training.folder)
    now = looking.look(wish("", {"sample": 1}))
    saved = looking.look(wish(f"{folder}/last.safetensors", {"sample": 1}))
    assert saved["best"] == now["best"] and saved["label"] == now["label"]
    assert looking.look(wish(folder, {"sample": 1}))["line"] == MODEL


def test_what_a_person_mistakes(make, idle):
    picture = {"file": png(drawn()), "invert": False}
    training = make()
    looking = Looking(Networks(training))
    last = looking.look(wish("", {"sample": 0}))["look"]
    lines = [
        (looking, ("", {"sample": 40}), "sample 40 is not there; use a number from 0 to 39"),
        (looking, ("", {"sample": -1}), "sample -1 is not there; use a number from 0 to 39"),
        (looking, ("", {"file": "?", "invert": False}), "the picture did not arrive whole; choose it again"),
        (
            looking,
            ("8x8x1 -> fc3", picture, {"target": 3}),
            "no class 3 (there are '0', '1' and '2'); give a name, or a number from 0 to 2",
        ),
        (
            idle,
            ("", {"sample": 0}),
            "there is no network in training here: it is not ready yet",
        ),
        (
            idle,
            ("8x8x1 -> fc3", {"sample": 0}),
            "there are no data to take a sample of yet; open a file, or draw",
        ),
    ]
    for asked, wished, line in lines:
        with pytest.raises(KitnetError) as caught:
            asked.look(wish(*wished))
        assert str(caught.value) == line
    for _ in range(MOST):
        looking.look(wish("", {"sample": 0}, every=False))
    with pytest.raises(KitnetError) as caught:
        looking.plane({"look": last, "path": "conv1", "backward": False, "plane": 0})
    assert str(caught.value) == "this look is no longer kept; look again"
    training.loop.run.model.net.weights.flat[0] = np.nan
    with pytest.raises(KitnetError) as caught:
        looking.look(wish("", {"sample": 0}))
    line = "the weights are no longer finite; go back to the checkpoint, with a lower learning rate"
    assert str(caught.value) == line


def test_light_and_dark_are_exchanged(idle):
    pixels = drawn()
    dark = idle.look(wish(GREY, {"file": png(pixels), "invert": True}))
    light = idle.look(wish(GREY, {"file": png(255 - pixels), "invert": False}))
    assert dark["best"] == light["best"]


ASKED = {
    "/inside/look": wish(GREY, {"file": png(drawn()), "invert": False}, {}),
    "/inside/plane": {"look": 0, "path": "conv1", "backward": False, "plane": 0},
    "/inside/trace": {"look": 0, "path": "conv1", "backward": True, "index": [0, 0, 0]},
    "/inside/convolution": {"look": 0, "path": "conv1", "map": 0, "channel": 0},
}
WRONG = {
    "/inside/look": [{"picture": {}}, {"picture": {"file": 1, "invert": False}}, {"gradients": {"of": 1}}],
    "/inside/plane": [{"plane": 3}, {"plane": -1}, {"plane": True}],
    "/inside/trace": [{"index": ["0"]}, {"index": [0], "backward": False, "path": "input"}],
    "/inside/convolution": [{"path": "fc1"}, {"path": "?"}, {"map": 3}, {"channel": -1}],
}


def test_the_routes():
    guard = studio(Training.of(Settings(model=MODEL)), 18081)
    client = TestClient(guard, base_url=guard.origin)
    client.get(f"/?token={guard.token}")
    headers = {"origin": guard.origin}
    for path, body in ASKED.items():
        answer = client.post(path, json=body, headers=headers)
        assert answer.status_code == 200 and "error" not in answer.json(), path
        for wrong in WRONG[path]:
            answer = client.post(path, json={**body, **wrong}, headers=headers)
            assert answer.status_code == 400 and answer.json()["error"], (path, wrong)
    for index in ([9, 0, 0], [0]):
        answer = client.post("/inside/trace", json=ASKED["/inside/trace"] | {"index": index}, headers=headers)
        assert answer.status_code == 200 and answer.json()["error"].startswith(
            "d conv1 has the shape (8,8,3)"
        )


def test_a_layer_of_ones_own_can_be_opened(idle):
    """Its terms are found by asking its formulas."""
    from dataclasses import dataclass
    from typing import ClassVar

    from kitnet.layers import Backward, Case, Forward, Layer

    @dataclass(frozen=True)
    class Doubled(Layer):
        word: ClassVar[str] = "doubled"
        keeps: ClassVar[frozenset[str]] = frozenset()

        def output_shape(self, *x):
            return x[0]

        def forward(self, w, state, ctx, *x):
            return Forward(2 * x[0])

        def backward(self, w, kept, dy):
            return Backward((2 * dy,), {})

        def definition(self, w, state, ctx, *x):
            return x[0] + x[0]

        @classmethod
        def cases(cls):
            yield Case(cls(), ((2, 3, 4),))

    told = idle.look(wish("8x8x1 -> conv3-2 -> doubled -> fc2", {"file": png(drawn()), "invert": False}, {}))
    asked = {"look": told["look"], "path": "doubled1", "index": [1, 2, 1]}
    forward = idle.trace(asked | {"backward": False})["steps"][-1]
    assert forward["value"] == pytest.approx(forward["number"], rel=1e-5)
    (term,) = forward["parts"][0]["terms"]
    assert term["times"] == 2 and term["factors"][0]["path"] == "conv1"
    before = idle.trace(asked | {"backward": False})["steps"][0]  # it is followed on to what made its input
    assert (before["path"], before["index"], before["number"]) == ("conv1", [1, 2, 1], forward["number"] / 2)
    assert before["parts"][0]["count"] == 10
    back = idle.trace(asked | {"path": "conv1", "backward": True})["steps"][-1]
    assert back["parts"][0]["terms"][0]["factors"][0]["path"] == "d doubled1"


def test_a_window_of_a_layer_of_ones_own_has_its_slopes(idle):
    """Which no parameter holds: y is 1, 2, 1 times the row of x around it."""
    from dataclasses import dataclass
    from typing import ClassVar

    from kitnet.layers import Backward, Case, Forward, Layer

    @dataclass(frozen=True)
    class Smeared(Layer):
        word: ClassVar[str] = "smeared"
        keeps: ClassVar[frozenset[str]] = frozenset()

        def output_shape(self, *x):
            return x[0]

        def forward(self, w, state, ctx, *x):
            return Forward(2 * x[0] + np.roll(x[0], 1, 2) + np.roll(x[0], -1, 2))

        def backward(self, w, kept, dy):
            return Backward((self.forward(w, {}, None, dy).y,), {})

        def definition(self, w, state, ctx, *x):
            return self.forward(w, state, ctx, *x).y

        @classmethod
        def cases(cls):
            yield Case(cls(), ((2, 3, 4),))

    told = idle.look(wish("8x8x1 -> conv3-2 -> smeared -> fc2", {"file": png(drawn()), "invert": False}))
    asked = {"look": told["look"], "path": "smeared1", "index": [1, 2, 1], "backward": False}
    (step,) = idle.trace(asked)["steps"]
    (shown,) = step["parts"][0]["grids"]
    assert (shown["slopes"], shown["times"], shown["rows"], shown["columns"]) == (
        [[1, 2, 1]],
        None,
        [1],
        [1, 2, 3],
    )
    (factor,) = shown["factors"]
    assert factor["path"] == "conv1" and shown["products"] == [
        [value * slope for value, slope in zip(factor["values"][0], shown["slopes"][0], strict=True)]
    ]


def test_a_long_sum_lists_its_largest_products_alone(idle):
    """Of 32,768 the twelve largest, and the rest in one number, as quick as a hover needs it."""
    told = idle.look(wish("64x64x1 -> conv3-8 same -> fc3", {"file": png(drawn(side=64)), "invert": False}))
    inside = idle._looks[told["look"]].inside
    asked = {"look": told["look"], "path": "fc1", "index": [2], "backward": False}
    idle.trace(asked)
    begun = time.process_time()
    (step,) = idle.trace(asked)["steps"]
    assert time.process_time() - begun < 0.1
    (part,) = step["parts"]
    products = inside.value("conv1").reshape(-1).astype(float) * inside.weights["fc1.weight"][:, 2].astype(
        float
    )
    shown = [term["value"] for term in part["terms"] if len(term["factors"]) == 2]
    largest = np.sort(np.abs(products))[::-1]
    assert (part["count"], part["rest"]["terms"], part["grids"]) == (32_769, 32_769 - len(part["terms"]), [])
    assert np.sort(np.abs(shown))[::-1] == pytest.approx(largest[: len(shown)])
    assert len(shown) >= 11 and part["total"] == pytest.approx(products.sum(), abs=1e-9)
    assert step["value"] == pytest.approx(step["number"], abs=1e-4 * largest.sum())
    assert part["reads"] == [{"path": "conv1", "rows": [0, 63], "columns": [0, 63], "maps": [*range(8)]}]


def test_answers_are_quick_once_a_look_is_warm(idle):
    """Of LeNet, as a hover needs them."""
    told = idle.look(wish("lenet5", {"file": png(drawn()), "invert": False}, every=False))
    until(lambda: not any(thread.name == "passes" for thread in threading.enumerate()))
    begun = time.process_time()
    for column in told["columns"][1:]:
        asked = {"look": told["look"], "path": column["path"], "backward": False}
        idle.trace(asked | {"index": [0 for _ in column["shape"]]})
    assert (time.process_time() - begun) / len(told["columns"]) < 0.1
