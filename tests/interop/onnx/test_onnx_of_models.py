"""Models in ONNX: the preparation inside, what the scores become, what the metadata say, and what is
refused."""

import base64
import json

import numpy as np
import onnx
import pytest

from kitnet.base.error import KitnetError
from kitnet.data import Preparation
from kitnet.data.arrays import Arrays, Standardisation
from kitnet.data.views import Views
from kitnet.interop.onnx.writing import onnx_of_model, onnx_of_network, returned
from kitnet.interop.onnx.writing.building import Building
from kitnet.interop.onnx.writing.evaluator import evaluator
from kitnet.interop.onnx.writing.preparing import prepared_input, write_preparation
from kitnet.interop.onnx.writing.proto import Port, proto
from kitnet.interop.onnx.writing.registry import writers
from kitnet.net import parse
from kitnet.train import Model

LINE = "8x8x1 -> conv3-4 same -> relu -> maxpool2 -> fc10"
COLOUR = "12x10x3 -> conv3-4 same -> batchnorm -> relu -> maxpool2 -> fc5 -> softmax"


def session(content):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


@pytest.fixture
def made(noisy):
    """made(line, views="", loss=None, ...): a model that knows its samples, and these."""

    def make(line, views="", loss=None, **given):
        model, images = noisy(line, **given)
        model = Model(model.net, loss, model.classes, model.preparation)
        model.examples, model.views = images, Views.parse(views)
        return model, images

    return make


def metadata(file):
    return {prop.key: prop.value for prop in onnx.load_from_string(file.content).metadata_props}


SIZES = [
    pytest.param(input_shape, resize, picture, id=f"{picture}to{resize}in{input_shape}")
    for input_shape, resize, picture in [
        ((8, 8, 1), (8, 8), (8, 8, 1)),
        ((32, 32, 1), (28, 28), (28, 28, 1)),
        ((9, 7, 1), (9, 7), (31, 5, 3)),
        ((9, 8, 1), (12, 7), (10, 33, 1)),
        ((16, 16, 3), (19, 16), (40, 23, 3)),
        ((16, 14, 3), (9, 16), (3, 4, 1)),
        ((6, 6, 3), (6, 6), (1, 300, 3)),
    ]
]


@pytest.mark.parametrize("program", ["onnxruntime", "reference"])
@pytest.mark.parametrize(("input_shape", "resize", "picture"), SIZES)
def test_the_preparation_is_the_same_to_the_bit(input_shape, resize, picture, program):
    channels = input_shape[2]
    mean, std = (0.4914, 0.48, 0.447)[:channels], (0.247, 0.2, 0.26)[:channels]
    preparation = Preparation(input_shape, resize, mean, std)
    images = np.random.default_rng(3).integers(0, 256, (3, *picture), np.uint8)
    kind, sizes = prepared_input(preparation)
    to = Building(18)
    write_preparation(to, preparation, "images", "x")
    outputs = [Port("x", ["N", channels, *input_shape[:2]])]
    model = proto(to, [Port("images", sizes, kind)], outputs, [], {})
    content = model.SerializeToString()
    run = session(content) if program == "onnxruntime" else evaluator(model)
    (found,) = run.run(None, {"images": images})
    assert found.dtype == np.float32
    assert np.array_equal(found, np.moveaxis(preparation.prepare(images), -1, 1))


LOSSES = ["softmax_cross_entropy", "sigmoid_cross_entropy", "quadratic", "hinge", "multiclass_hinge"]


@pytest.mark.parametrize("loss", LOSSES)
def test_pictures_of_any_size_in_and_probabilities_out(made, loss):
    model, _ = made(LINE, loss=loss)
    file = onnx_of_model(model)
    pictures = np.random.default_rng(1).integers(0, 256, (5, 21, 17, 3), np.uint8)
    run = session(file.content)
    assert [(one.name, one.type, one.shape) for one in run.get_inputs()] == [
        ("images", "tensor(uint8)", ["N", "height", "width", "channels"])
    ]
    assert [(one.name, one.shape) for one in run.get_outputs()] == [("probabilities", ["N", 10])]
    (found,) = run.run(None, {"images": pictures})
    assert np.abs(found - model.probabilities(pictures)).max() <= 1e-5


@pytest.mark.parametrize("views", ["flip", "shift1", "flip,shift2"])
def test_views_are_inside(made, views):
    model, images = made(COLOUR, views)
    (found,) = session(onnx_of_model(model).content).run(None, {"images": images[:3]})
    assert np.abs(found - model.probabilities(images[:3])).max() <= 1e-5
    file = onnx_of_model(model, raw=True)
    assert metadata(file)["kitnet.outside"].endswith(f"; the mean of the views {views}")


def test_distances_and_a_rubbish_class(made):
    model, images = made("8x8x1 -> fc84 -> tanh -> rbf", loss="rbf_penalty rubbish=30")
    (found,) = session(onnx_of_model(model).content).run(None, {"images": images})
    assert np.abs(found - model.probabilities(images)).max() <= 1e-5
    assert (found.sum(1) < 1 - 1e-3).any()


def test_raw_is_the_bare_network(made):
    model, images = made(COLOUR)
    run = session(onnx_of_model(model, raw=True).content)
    assert [(one.name, one.type, one.shape) for one in run.get_inputs()] == [
        ("input", "tensor(float)", ["N", 3, 12, 10])
    ]
    assert [one.name for one in run.get_outputs()] == ["scores"]
    x = model.preparation.prepare(images)
    (found,) = run.run(None, {"input": np.ascontiguousarray(np.moveaxis(x, -1, 1))})
    assert np.abs(found - model.scores(x)).max() <= 1e-5 * np.abs(model.scores(x)).max()  # before the softmax


AUXILIARY = "8x8x1 -> conv3-4 -> side[fc6 -> relu -> fc10 => aux] -> relu -> fc10"


def test_outputs_for_training_alone_are_left_out(made):
    model, images = made(AUXILIARY)
    assert [*model.net.outputs] == ["output", "aux"]
    file = onnx_of_model(model)
    assert not any("aux" in one.name for one in onnx.load_from_string(file.content).graph.initializer)
    assert file.weights == 4 * (9 * 4 + 4 + 144 * 10 + 10)
    (found,) = session(file.content).run(None, {"images": images})
    assert np.abs(found - model.probabilities(images)).max() <= 1e-5
    bare = session(onnx_of_model(model, raw=True).content)
    assert [one.name for one in bare.get_outputs()] == ["scores", "aux"]


def test_a_network_that_gives_its_input_gives_pictures(made):
    model, images = noisy_autoencoder("sigmoid_cross_entropy")
    (found,) = session(onnx_of_model(model).content).run(None, {"images": images})
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - model.predict(images)).max() <= 1
    assert isinstance(returned(onnx.load_from_string(onnx_of_model(model).content)), Model)


def noisy_autoencoder(loss):
    images = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 1), np.uint8)
    net = parse("6x6x1 -> fc9 -> tanh -> fc36 -> sigmoid").initialise(2)
    preparation = Preparation((6, 6, 1), (6, 6), (0.0,), (1.0,))
    model = Model(net, loss, None, preparation, target="input")
    model.examples = images
    return model, images


def test_samples_of_floats():
    values = np.random.default_rng(0).normal(3, 2, (9, 4, 5, 2, 3)).astype(np.float32)
    source = Arrays("noise", values, np.arange(9) % 2, ("even", "odd"))
    net = parse("4x5x2x3 -> conv3-2 same -> relu -> fc2").initialise(1)
    model = Model(net, None, ("even", "odd"), Standardisation.fitted(source, net.input_shape))
    model.examples = values[:8]
    file = onnx_of_model(model)
    run = session(file.content)
    assert [(one.name, one.type, one.shape) for one in run.get_inputs()] == [
        ("samples", "tensor(float)", ["N", 4, 5, 2, 3])
    ]
    (found,) = run.run(None, {"samples": values})
    assert np.abs(found - model.probabilities(values)).max() <= 1e-5
    assert metadata(file)["kitnet.outside"] == "nothing"
    assert np.array_equal(returned(onnx.load_from_string(file.content)).examples, model.examples)


def test_what_the_metadata_say(made):
    model, images = made(LINE, classes=[f"Ziffer {k} é" for k in range(10)])
    file = onnx_of_model(model)
    told = metadata(file)
    assert told["kitnet.format"] == "kitnet onnx 1" and told["kitnet.form"] == "prepared"
    assert told["kitnet.network"] == LINE
    assert json.loads(told["kitnet.classes"]) == [f"Ziffer {k} é" for k in range(10)]
    assert json.loads(told["kitnet.loss"]) == {"main": "softmax_cross_entropy", "auxiliary": []}
    assert json.loads(told["kitnet.preparation"]) == model.preparation.to_json()
    assert told["kitnet.inside"] == (
        "luma where the network is grey, resizing to 8x8 as Pillow does, rim or crop to 8x8, pixel / 255, "
        "mean and deviation, probabilities"
    )
    decoding = (
        "decoding the picture to bytes, red green blue or grey, as it is looked at: turned as its EXIF says, "
        "white behind what is transparent"
    )
    assert told["kitnet.outside"] == f"{decoding}; the pictures of one batch have one size"
    golden = {name: json.loads(told[f"kitnet.golden.{name}"]) for name in ("images", "scores")}
    assert base64.b64decode(golden["images"]["base64"]) == images.tobytes()
    scores = np.frombuffer(base64.b64decode(golden["scores"]["base64"]), "<f4").reshape(8, 10)
    assert np.allclose(scores, model.scores(model.preparation.prepare(images)), rtol=1e-4, atol=1e-5)
    bare = metadata(onnx_of_model(model, raw=True))
    assert bare["kitnet.outside"] == f"{decoding}; all of the preparation: see kitnet.preparation"
    assert bare["kitnet.inside"] == "nothing but the network: numbers in, channels first, scores out"


@pytest.mark.parametrize("raw", [False, True])
def test_export_import_export_gives_the_same_file(made, tmp_path, raw):
    model, _ = made(AUXILIARY, "flip")
    file = onnx_of_model(model, 17, raw)
    back = returned(onnx.load_from_string(file.content))
    assert isinstance(back, Model) and back.classes == model.classes and str(back.views) == "flip"
    back.save(tmp_path / "back.safetensors")
    assert onnx_of_model(Model.load(tmp_path / "back.safetensors"), 17, raw).content == file.content


def test_a_file_that_was_changed_is_not_returned(made):
    file = onnx_of_model(made(LINE)[0])

    def changed(change):
        model = onnx.load_from_string(file.content)
        change(model)
        return returned(model)

    def node(model):
        next(one for one in model.graph.node if one.op_type == "Relu").op_type = "Tanh"

    def weight(model):
        next(one for one in model.graph.initializer if one.name == "conv1.weight").dims[0] = 3

    def told(key, value):
        def change(model):
            next(one for one in model.metadata_props if one.key == key).value = value

        return change

    def bare(model):
        del model.metadata_props[:]

    assert isinstance(changed(lambda model: None), Model)
    later = changed(lambda model: setattr(model, "producer_version", "99"))
    assert isinstance(later, Model)  # by another version
    for change in (
        *(node, weight, bare, told("kitnet.graph", "{}"), told("kitnet.graph", "[" * 99_999)),
        *(told("kitnet.classes", "7"), told("kitnet.golden.images", "{}"), told("kitnet.views", "flop")),
        told("kitnet.loss", '{"main": "hinge", "auxiliary": []}'),
    ):
        assert changed(change) is None


def test_golden_pictures_are_made_smaller(made):
    model, _ = made(LINE)
    model.examples = np.random.default_rng(0).integers(0, 256, (8, 300, 200, 3), np.uint8)
    file = onnx_of_model(model)
    images = json.loads(metadata(file)["kitnet.golden.images"])
    assert images["shape"] == [3, 78, 52, 3]  # of 12,288 bytes at most, in 40,000
    back = returned(onnx.load_from_string(file.content))
    assert onnx_of_model(back).content == file.content


def refused(call, *arguments, **options):
    with pytest.raises(KitnetError) as error:
        call(*arguments, **options)
    return str(error.value)


def test_what_is_refused(made, monkeypatch):
    model, _ = made(LINE)
    assert refused(onnx_of_model, model, 12) == "opset 12: kitnet writes 16 to 23; use such as --opset 18"
    other, _ = made(LINE, loss="huber")
    assert refused(onnx_of_model, other) == (
        "scores trained with huber are no probabilities of classes; export the bare network with --raw"
    )
    assert onnx_of_model(other, raw=True).samples == 8
    model.examples = None
    assert refused(onnx_of_model, model) == (
        "export: the model knows no samples to be checked by; save it with some, and load the file"
    )
    monkeypatch.setattr("kitnet.interop.onnx.writing.proto.MOST", 2000)
    assert refused(onnx_of_network, model.net) == (
        "the weights take 0.0 GB, fc1.weight alone 0.0; an ONNX file holds 2e-06 GB at most, so export a "
        "smaller network"
    )
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    assert refused(onnx_of_network, model.net) == (
        "ONNX needs the package onnx, which is not installed; install it with: pip install 'kitnet[onnx]'"
    )


def test_numbers_that_no_float32_holds(made):
    net = parse("4x4x1 -> fc3 -> square -> square -> square").initialise(0)
    net.weights["fc1.weight"][...] = 1e6
    assert refused(onnx_of_network, net).startswith("output: its numbers reach ")
    assert refused(onnx_of_network, net).endswith(
        ", more than float32 holds, so that the file cannot be checked; train the network first"
    )


FAILED = "the ONNX file would not be right, and is not written: "


def test_a_difference_is_an_error(made, monkeypatch):
    model, _ = made(LINE)
    nearly = 1 + 1e-4
    monkeypatch.setitem(writers(), "relu", lambda here: here.to.times(here.to.op("Relu", here.x[0]), nearly))
    said = refused(onnx_of_model, model)
    assert said.startswith(f"{FAILED}scores: onnxruntime gives numbers that differ by ")
    assert said.endswith("; please report this")
    monkeypatch.setitem(writers(), "relu", lambda here: here.to.reduce("Max", here.x[0], 2))
    assert refused(onnx_of_model, model).startswith(f"{FAILED}onnx does not accept it (")
    monkeypatch.setitem(writers(), "relu", lambda here: here.to.op("Relux", here.x[0]))
    assert refused(onnx_of_model, model).startswith(f"{FAILED}onnx does not accept it (")


def test_probabilities_are_checked_too(made, monkeypatch):
    model, _ = made(LINE)
    monkeypatch.setattr(
        "kitnet.interop.onnx.writing.file.write_probabilities",
        lambda to, loss, scores: to.op("Sigmoid", scores),
    )
    assert refused(onnx_of_model, model).startswith(f"{FAILED}probabilities: onnxruntime gives numbers that ")
