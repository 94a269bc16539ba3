"""What the room of filters and attribution is told, beside the functions that find it."""

import base64
import io
import threading

import numpy as np
import pytest
from driven import MODEL, until
from PIL import Image

from kitnet.base.error import KitnetError
from kitnet.layers import Context
from kitnet.look import Probe, attribution, filters_of
from kitnet.net import Tape
from kitnet.studio.asking.attribution import Attributing
from kitnet.studio.asking.body import BodyError
from kitnet.studio.training import Training
from kitnet.train import Settings

USUAL = {"of": None, "layer": None, "map": None, "window": None, "stride": None, "file": "", "picture": 3}


def pixels_of(address):
    content = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(content)))


@pytest.fixture
def room(make):
    """The room of a paused training, and how to ask it."""
    training = make(engine="formula")
    attributing = Attributing(training)

    def ask(method, **more):
        return attributing.attribute(USUAL | {"method": method, "asked": 1} | more)

    ask.training, ask.room = training, attributing
    return ask


@pytest.fixture
def probe(room):
    return Probe(room.training.loop.run.model, engine="formula")


@pytest.fixture
def pixels(room):
    images, _ = room.training.loop.run.parts.test.read(np.array([3]))
    return images[0]


def test_the_filters_of_each_layer(room):
    net = room.training.loop.run.model.net
    told = room.room.filters({"layer": ""})
    assert [(one["path"], one["filters"]) for one in told["layers"]] == [
        ("conv1", True),
        ("relu1", False),
        ("maxpool1", False),
        ("fc1", True),
    ]
    assert told["classes"] == [str(k) for k in range(10)]
    assert told["methods"] == {name: list(takes) for name, (_, takes) in attribution.METHODS.items()} | {
        "patches": ["layer", "map"]
    }
    for path in ("conv1", "fc1"):
        told, made = room.room.filters({"layer": path}), filters_of(net, path, 128)
        assert (told["largest"], told["planes"], told["left_out"]) == (
            made.largest,
            made.planes,
            made.left_out,
        )
        assert len(told["images"]) == len(made.images)
        for address, image in zip(told["images"], made.images, strict=True):
            assert np.array_equal(pixels_of(address), image[..., 0])
    with pytest.raises(
        KitnetError, match=r"^relu1: relu has no filters of pictures; conv, transposed and fc"
    ):
        room.room.filters({"layer": "relu1"})


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("saliency", {"of": "4"}),
        ("guided", {"layer": "relu1", "map": 2}),
        ("deconvnet", {}),
        ("gradcam", {"layer": "relu1"}),
        ("occlusion", {"window": 3, "stride": 2}),
        ("dense", {"of": "1", "stride": 2}),
    ],
)
def test_every_method(room, probe, pixels, method, more):
    told = room(method, **more)
    made = attribution.attribute(probe, pixels, method, attribution.Asked(**more))
    assert np.array_equal(pixels_of(told["picture"]), made.picture[..., 0])
    assert np.array_equal(pixels_of(told["drawn"]), np.squeeze(made.drawn))
    assert (told["least"], told["largest"]) == (made.values.min(), made.values.max())
    assert told["facts"] == made.facts
    assert np.array_equal(np.array(told["values"], np.float32), made.values.reshape(made.values.shape[:2]))


def test_saliency_is_the_gradient_of_the_score(room, pixels):
    model = room.training.loop.run.model
    net, x = model.net, model.preparation.prepare(pixels[None])
    tape = Tape(net.graph, net.weights, net.state, Context(), {"input": x})
    back = tape.backward({"fc1": np.eye(10, dtype=np.float32)[[4]]})["input"][0]
    assert np.allclose(room("saliency", of="4")["values"], np.abs(back).max(-1), rtol=1e-5, atol=1e-7)


def test_it_is_the_network_of_now(room):
    before = room("saliency")["values"]
    room.training.step()
    done = room.training.loop.progress
    until(lambda: done.step == 1 and room.training.state == "paused")
    after = room("saliency")["values"]
    assert before != after
    probe = Probe(room.training.loop.run.model, engine="formula")
    image = room.training.loop.run.parts.test.read(np.array([3]))[0][0]
    assert np.array_equal(np.array(after, np.float32), attribution.saliency(probe, image))


def test_a_file_of_ones_own(room, probe):
    pixels = np.arange(20 * 30, dtype=np.uint32).reshape(20, 30).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    told = room("saliency", of="2", file=base64.b64encode(file.getvalue()).decode())
    expected = attribution.saliency(probe, pixels[..., None], "2")
    assert np.array_equal(np.array(told["values"], np.float32), expected)


def test_patches_of_the_training_images(room, probe):
    told = room("patches", layer="conv1", map=1)
    (expected,) = attribution.patches(probe, room.training.loop.run.parts.train, "conv1", [1])
    (one,) = told["maps"]
    assert (one["map"], one["numbers"]) == (1, expected.numbers.tolist())
    assert one["pictures"] == expected.pictures.tolist() and len(one["images"]) == 9
    assert np.array_equal(pixels_of(one["images"][0]), expected.images[0][..., 0])


@pytest.mark.parametrize(
    ("method", "more", "line"),
    [
        ("saliency", {"layer": "conv1"}, "method saliency takes no layer; leave it out"),
        (
            "gradcam",
            {"layer": "fc1"},
            "fc1 has no positions; Grad-CAM is for layers of maps, such as convolutions",
        ),
        ("occlusion", {"window": 9}, "a window of 9 pixels is larger than the 8x8 input; use a smaller one"),
        ("guided", {"layer": "conv1", "map": 4}, "conv1 has 4 maps and no map 4; the first one is 0"),
        ("guided", {"layer": "conv1", "of": "1"}, "a class and a layer are two beginnings; name one of them"),
        ("patches", {}, "patches are about the maps of a layer; choose one"),
        ("saliency", {"picture": 40}, "there is no picture 40; the first one is 0"),
        ("saliency", {"file": "!"}, "the picture did not arrive whole; choose it again"),
        (
            "magic",
            {},
            "unknown method 'magic'; known: deconvnet, guided, saliency, gradcam, occlusion, dense, patches",
        ),
    ],
)
def test_what_is_refused(room, method, more, line):
    with pytest.raises(KitnetError) as error:
        room(method, **more)
    assert str(error.value) == line


def test_a_network_without_relu(make):
    room = Attributing(make(model="8x8x1 -> conv3-4 -> tanh -> fc10", engine="formula"))
    with pytest.raises(KitnetError) as error:
        room.attribute(USUAL | {"method": "guided", "asked": 1})
    assert str(error.value) == (
        "the network has no relu, whose way back deconvnet and guided change; ask for saliency instead"
    )


def test_before_a_network_is_there():
    room = Attributing(Training.of(Settings(model=MODEL)))
    with pytest.raises(KitnetError) as error:
        room.filters({"layer": ""})
    assert str(error.value) == "there is no network in training here: it is not ready yet"


def test_who_waits_no_longer_stops_the_work(room):
    """A question that is asked, and one that waits for its turn."""
    batches, begun = [], threading.Event()
    probe = room.room._copied.take()[0]
    usual = Probe.batch

    def slow(self, x, path=None):
        batches.append(len(x))
        begun.set()
        until(room.room._stop.is_set)
        return usual(self, x, path)

    answers = {}

    def ask(number):
        try:
            answers[number] = room("occlusion", window=1, stride=1, asked=number)
        except KitnetError as error:
            answers[number] = str(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Probe, "batch", slow)
        first = threading.Thread(target=ask, args=(7,))
        first.start()
        begun.wait(30)
        second = threading.Thread(target=ask, args=(8,))
        second.start()
        room.room.stop({"asked": 8})
        room.room.stop({"asked": 7})
        first.join(30)
        second.join(30)
    assert answers == {7: "stopped", 8: "stopped"}
    assert batches == [64]  # the second batch, of the whole picture alone, is not begun
    assert room.room._copied.take()[0] is probe
    assert room("saliency", asked=9)["values"]


def test_bodies_that_no_page_sends(room):
    for body in ({}, USUAL, USUAL | {"method": "saliency", "asked": "1"}):
        with pytest.raises(BodyError):
            room.room.attribute(body)
