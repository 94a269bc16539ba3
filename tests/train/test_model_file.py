"""The model file: what goes in comes out, bit by bit, and anything else is refused."""

import json
import pickle
import re
import shutil
import subprocess
import sys
import tracemalloc
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import kitnet
from kitnet.base.error import ModelFileError
from kitnet.data import Preparation
from kitnet.files import write_tensors
from kitnet.layers import (
    LAYERS,
    Add,
    Backward,
    BatchNorm,
    Convolution,
    Forward,
    Layer,
    Linear,
    Quadratic,
    Relu,
    SoftmaxCrossEntropy,
)
from kitnet.net import Chain, Graph, block, language, usual_loss
from kitnet.net.block import Block
from kitnet.train import Model, load_network, save_network
from kitnet.train.model import CLOSE
from kitnet.train.model_format1 import digest
from kitnet.train.network_parts import graph_data

LINE = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"
PARTS = ("graph", "weights", "state", "loss", "classes", "preparation", "golden")
NAMES = tuple("zéro один two 三 four|five [six] seven 8 9".replace("|", " ").split())


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (20, 11, 9, 1), np.uint8)


@pytest.fixture
def model():
    net = kitnet.parse(LINE).initialise(5)
    return Model(net, usual_loss(net.graph), NAMES, Preparation((8, 8, 1), (9, 10), (0.1,), (0.3,)))


@pytest.fixture
def path(model, images, tmp_path):
    model.save(tmp_path / "best.safetensors", images)
    return tmp_path / "best.safetensors"


def parts(path):
    with safe_open(path, framework="numpy") as file:
        return load_file(path), dict(file.metadata())


def forge(path, arrays, metadata):
    """A file whose checksum is right, whatever is in it."""
    write_tensors(path, arrays, {name: text for name, text in metadata.items() if name != "sha256"})


def graph(line):
    """A graph's data."""
    return graph_data(kitnet.parse(line))


def changed_graph(number=1, line=None, **fields):
    """That of the model with other fields of one value, and another line or none."""
    data = graph(LINE)
    data["values"][number] |= fields
    return {**{key: data[key] for key in ("values", "outputs")}, **({} if line is None else {"line": line})}


def part(data, version=1):
    """A part's text in the metadata."""
    return json.dumps({"version": version, "data": data})


def refusal(path, load=Model.load):
    with pytest.raises(ModelFileError) as caught:
        load(path)
    assert (
        caught.value.__cause__ is None and caught.value.__suppress_context__
    ) or not caught.value.__context__
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --------------------------------------------------------------------------------------------- round trip


def test_what_is_loaded_is_what_was_saved(model, path):
    loaded = Model.load(path)
    assert loaded.net == model.net
    assert (loaded.loss, loaded.classes, loaded.preparation) == (model.loss, NAMES, model.preparation)
    assert loaded.net.weights.flat.tobytes() == model.net.weights.flat.tobytes()


def test_predictions_are_the_same_bit_by_bit(model, path, images):
    assert Model.load(path).predict(images, 10) == model.predict(images, 10)
    assert Model.load(path.parent).predict(images, 10) == model.predict(images, 10)


def test_predictions_are_the_largest_probabilities_in_order(model, images):
    z = model.net(model.preparation.prepare(images)).astype(np.float64)
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    for found, row in zip(model.predict(images, 3), p, strict=True):
        order = np.argsort(-row)[:3]
        assert [name for name, _ in found.classes] == [NAMES[k] for k in order]
        np.testing.assert_allclose([one for _, one in found.classes], row[order], rtol=1e-5)


def test_any_other_safetensors_reader_can_read_it(model, path, images):
    arrays, metadata = parts(path)
    weights = {f"weights/{name}": array for name, array in model.net.weights.items()}
    assert set(arrays) == {*weights, "golden/images", "golden/scores"}
    assert set(metadata) == {*("format", "sha256"), *PARTS}
    assert metadata["format"] == "kitnet model 2"
    told = {name: json.loads(metadata[name]) for name in PARTS}
    assert {one["version"] for one in told.values()} == {1}
    assert told["classes"]["data"] == list(NAMES)
    assert told["loss"]["data"] == {"main": "softmax_cross_entropy", "auxiliary": []}
    assert told["graph"]["data"] == {**model.net.graph.to_json(), "line": LINE}
    assert told["preparation"]["data"] == {
        "input": [8, 8, 1],
        "resize": [9, 10],
        "mean": [0.1],
        "std": [0.3],
    }
    np.testing.assert_array_equal(arrays["golden/images"], images[:8])
    scores = model.net(model.preparation.prepare(images[:8]))
    np.testing.assert_allclose(arrays["golden/scores"], scores, rtol=1e-5, atol=1e-5)
    for name, array in weights.items():
        np.testing.assert_array_equal(arrays[name], array, strict=True)


def test_equal_models_are_equal_bytes(model, path, images, tmp_path):
    model.save(tmp_path / "again", images)
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_the_state_is_kept(images, tmp_path):
    net = kitnet.parse("8x8x1 -> conv3-4 -> batchnorm -> relu -> fc10")
    for buffer in net.initialise().state["batchnorm1"].values():
        buffer[...] = [1, 2, 3, 4]
    model = Model(net, usual_loss(net.graph), NAMES, Preparation((8, 8, 1), (9, 10), (0.1,), (0.3,)))
    model.save(tmp_path / "m", images)
    for name, buffer in Model.load(tmp_path / "m").net.state["batchnorm1"].items():
        assert buffer.tolist() == [1, 2, 3, 4], name


SAVING = """
import resource
from pathlib import Path
import numpy as np
import kitnet
from kitnet.data import Preparation
from kitnet.net import usual_loss
from kitnet.train import Model

def most():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

net = kitnet.parse("112x112x3 -> [conv3-32 same -> relu]*2 -> meanpool112 -> fc10")
size = Preparation((112, 112, 3), (112, 112), (0.0,) * 3, (1.0,) * 3)
model = Model(net, usual_loss(net.graph), tuple("0123456789"), size)
images = np.zeros((8, 112, 112, 3), np.uint8)
model.formula_scores(size.prepare(images[:1]))
before = most()
model.save(Path("m"), images)
print(most() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the unit of ru_maxrss is another one")
def test_saving_needs_no_more_memory_than_one_image(tmp_path):
    """Megabytes above what the formulas took for one image; all eight at once would take 150."""
    done = subprocess.run(
        [sys.executable, "-c", SAVING], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 20


# ----------------------------------------------------------------------------------------------- format 1


OLD = Path(__file__).parent / "data" / "format1.safetensors"


def test_a_model_of_format_1_loads(tmp_path):
    """Written by kitnet before parts had names, with state, and eight golden images."""
    number, difference = Model.verify(OLD)
    assert number == 8 and difference < 1e-4
    arrays, loaded = load_file(OLD), Model.load(OLD)
    assert str(loaded.net) == "8x8x1 -> conv3-4 same bias=no -> batchnorm -> relu -> maxpool2 -> fc10"
    assert loaded.classes[:3] == ("zero", "one", "two")
    for name, array in loaded.net.weights.items():
        np.testing.assert_array_equal(arrays[name], array, strict=True)
    for name, array in loaded.net.state["batchnorm1"].items():
        np.testing.assert_array_equal(arrays[f"batchnorm1.{name}"], array, strict=True)
    shutil.copy(OLD, tmp_path / "model.safetensors")  # as the run folders of that time hold it
    assert Model.verify(tmp_path)[0] == 8


def test_flipped_bits_of_format_1(tmp_path):
    whole = OLD.read_bytes()
    for place in range(0, len(whole), 97):
        (tmp_path / "m").write_bytes(whole)
        flipped(tmp_path / "m", place)
        refusal(tmp_path / "m")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"network": None}, "no 'network'"),
        ({"classes": "["}, "its metadata are no JSON"),
        ({"network": "8x8x1 -> fc10"}, "no 'fc1.bias'"),
    ],
)  # fmt: skip
def test_format_1_that_is_wrong(tmp_path, change, reason):
    arrays, metadata = parts(OLD)
    metadata = {k: v for k, v in {**metadata, **change}.items() if v is not None and k != "sha256"}
    if "8x8x1 -> fc10" in metadata.get("network", ""):
        del arrays["fc1.bias"]
    save_file(arrays, tmp_path / "m", {**metadata, "sha256": digest(arrays, metadata)})
    assert refusal(tmp_path / "m") == (
        f"{tmp_path / 'm'}: not a whole model of kitnet ({reason}); take a fresh copy"
    )


# --------------------------------------------------------------------------------- what cannot be in a file


def test_a_network_of_float64_is_not_saved(model, images, tmp_path):
    model.net.initialise(0, np.float64)
    with pytest.raises(ModelFileError) as caught:
        model.save(tmp_path / "m", images)
    assert str(caught.value) == (
        f"{tmp_path / 'm'}: files hold networks of float32, but this one is float64; "
        "initialise and train it in float32"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_layer_that_is_not_imported(images, tmp_path, own_layers):
    @dataclass(frozen=True)
    class Bend(Layer):
        word = "bend"

        def output_shape(self, *x):
            return x[0]

        def forward(self, w, state, ctx, x):
            return Forward(x / (1 + abs(x)))

        def backward(self, w, kept, dy):
            return Backward((dy / (1 + abs(kept.x[0])) ** 2,))

        @classmethod
        def cases(cls):
            return iter(())

    net = kitnet.parse("8x8x1 -> conv3-4 -> bend -> fc10")
    size = Preparation((8, 8, 1), (9, 10), (0.1,), (0.3,))
    Model(net, usual_loss(net.graph), NAMES, size).save(tmp_path / "m", images)
    assert Model.load(tmp_path / "m").net == net
    del LAYERS["bend"]
    assert refusal(tmp_path / "m") == (
        f"{tmp_path / 'm'}: uses the layer 'bend', which is not known here; import the module that defines "
        "it, with the command: --import FILE.py"
    )


def test_a_small_file_of_a_network_that_needs_gigabytes(path, tmp_path):
    """A maximum over 268 million pixels, a file of 3 KB: refused before anything is made of it."""
    huge = "16384x16384x1 -> maxpool16384 -> fc10"
    arrays, metadata = parts(path)
    arrays = {name: array for name, array in arrays.items() if name.startswith("golden/")}
    arrays |= {
        "weights/fc1.weight": np.zeros((1, 10), np.float32),
        "weights/fc1.bias": np.zeros(10, np.float32),
    }
    size = {"input": [16384, 16384, 1], "resize": [16384, 16384], "mean": [0], "std": [1]}
    forge(path, arrays, {**metadata, "graph": part(graph(huge)), "preparation": part(size)})
    need = 4 * (2**28 + 1 + 10) + 4 * 20 + 4 + 2**28  # values, weights, the switch, the picture
    text = (
        f"{path}: running it needs at least {need:,} bytes, more than the 1,000,000,000 that are allowed; "
        "allow more with --memory"
    )
    tracemalloc.start()
    for load in (Model.load, Model.verify):
        assert refusal(path, lambda where, load=load: load(where, memory=10**9)) == text
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**20
    assert str(Model.load(path, memory=need).net) == huge


# ------------------------------------------------------------------------------------------------- graphs


def crossing():
    """Two inputs, weights that two layers share, and two outputs; with state."""
    g = Graph()
    x, t = g.operand("image", (6, 6, 1)), g.operand("depth", (6, 6, 1))
    a = g.add("conv1", Convolution(3, 4), x)
    b = g.add("again", Convolution(3, 4), t, owner="conv1")
    norm = g.add("norm", BatchNorm(), g.add("sum", Add(), a, b))
    g.output("zoo", g.add("fc1", Linear(3), norm))
    g.output("all", g.add("fc2", Linear(2), a))
    return kitnet.Net(g)


def test_a_network_that_no_line_describes(tmp_path):
    net = crossing().initialise(3)
    net.state["norm"]["mean"][...] = [1, 2, 3, 4]
    save_network(tmp_path / "n", net)
    loaded = load_network(tmp_path / "n")
    assert loaded == net and list(loaded.outputs) == ["zoo", "all"] and loaded.line is None
    x = np.random.default_rng(0).standard_normal((2, 2, 6, 6, 1)).astype(np.float32)
    given = {"image": x[0], "depth": x[1]}
    found, expected = loaded(given), net(given)
    for name in ("zoo", "all"):
        assert found[name].tobytes() == expected[name].tobytes()
    assert refusal(tmp_path / "n") == (
        f"{tmp_path / 'n'}: holds a network alone, not a model of images; "
        "read it with kitnet.train.load_network"
    )


def test_a_block_that_is_not_imported_is_not_needed(tmp_path, monkeypatch):
    """Its layers are in the graph; only the line, which names it, cannot be read."""
    monkeypatch.setattr(block, "BLOCKS", dict(block.BLOCKS))
    monkeypatch.setattr(language, "BLOCKS", block.BLOCKS)

    @dataclass(frozen=True)
    class Behind(Block):
        word = "behind"
        form = "behind[body]"
        chains = (1, 1)
        body: Chain

        def wire(self, scope, path, x):
            return scope.graph.add(path, Relu(), self.body.wire(scope.inner(path), f"{path}.body", x))

    net = kitnet.parse("8x8x1 -> behind[conv3-4] -> fc10")
    save_network(tmp_path / "n", net)
    assert load_network(tmp_path / "n").line == net.line
    del block.BLOCKS["behind"]
    loaded = load_network(tmp_path / "n")
    assert loaded == net and loaded.line is None


def test_the_network_of_a_model(model, path):
    for where, net in ((path, model.net), (OLD, Model.load(OLD).net)):
        assert load_network(where) == net
        assert load_network(where).weights.flat.tobytes() == net.weights.flat.tobytes()


def test_losses_of_further_outputs_are_kept(images, tmp_path):
    """And not the line of a network without one; the main output stays the first."""
    g = Graph()
    a = g.add("conv1", Convolution(3, 4), g.operand("photo", (8, 8, 1)))
    g.output("b", g.add("fc1", Linear(10), a))
    g.output("a", g.add("fc2", Linear(3), a))
    size = Preparation((8, 8, 1), (9, 10), (0.1,), (0.3,))
    auxiliary = {"a": (SoftmaxCrossEntropy(), 0.3)}
    Model(kitnet.Net(g), Quadratic(), NAMES, size, auxiliary).save(tmp_path / "m", images)
    loaded = Model.load(tmp_path / "m")
    assert (loaded.loss, loaded.auxiliary) == (Quadratic(), auxiliary)
    assert list(loaded.losses.items()) == [("b", Quadratic()), ("a", (SoftmaxCrossEntropy(), 0.3))]
    assert Model.verify(tmp_path / "m") == (8, 0.0)


def test_a_model_of_images_has_one_input(path):
    arrays, metadata = parts(path)
    two = graph(LINE)
    two["values"].insert(1, {"path": "other", "shape": [3]})
    del two["line"]
    forge(path, arrays, {**metadata, "graph": part(two)})
    assert refusal(path) == (
        f"{path}: not a whole model of kitnet (a network of 2 inputs; a model of images has one); "
        "take a fresh copy"
    )


# -------------------------------------------------------------------------------------------------- golden


def test_fewer_images_than_eight_are_enough(model, images, tmp_path):
    model.save(tmp_path / "m", images[:3])
    assert Model.verify(tmp_path / "m") == (3, 0.0)


def test_verify_replays_eight(path):
    assert Model.verify(path) == (8, 0.0)
    assert Model.verify(path.parent) == (8, 0.0)


# ---------------------------------------------------------------------------------------- damaged, foreign


def test_a_file_that_is_missing(tmp_path):
    assert refusal(tmp_path / "x") == (
        f"{tmp_path / 'x'}: no such file; give a run folder such as runs/lenet5-1, or a model file"
    )


def test_a_folder_without_a_model(tmp_path):
    assert refusal(tmp_path) == (
        f"{tmp_path}: holds no best.safetensors; give a run folder that has one, or a model file"
    )


NO_FILE = "truncated, or not a safetensors file; take a fresh copy"


@pytest.mark.parametrize("left", [0, 3, 8, 100])
def test_a_truncated_file(path, left):
    path.write_bytes(path.read_bytes()[:left])
    assert refusal(path) == f"{path}: {NO_FILE}"


def test_a_file_with_one_byte_more_or_less(path):
    content = path.read_bytes()
    data = len(content) - 8 - int.from_bytes(content[:8], "little")
    less = f"truncated; {data - 1} bytes of its arrays are there, expected {data}"
    for changed, reason in ((content + b"\0", "1 bytes stand behind its last array"), (content[:-1], less)):
        path.write_bytes(changed)
        assert refusal(path) == f"{path}: {reason}; take a fresh copy"


@pytest.mark.parametrize(
    "content",
    [b"hello, this is no model file at all", b"\x80\x04.", b"\xff" * 100, b"PK\x03\x04" + b"\0" * 60],
    ids=["text", "pickle", "ones", "zip"],
)
def test_a_file_of_another_kind(path, content):
    path.write_bytes(content)
    assert refusal(path) == f"{path}: {NO_FILE}"


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_a_safetensors_file_that_is_not_kitnets(path, metadata):
    save_file({"w": np.zeros(3)}, path, metadata)
    assert refusal(path) == (
        f"{path}: a safetensors file, but not one of kitnet; give a file that kitnet wrote"
    )


def test_another_file_of_kitnets(path):
    save_file({"w": np.zeros(3)}, path, {"format": "kitnet checkpoint 2"})
    assert refusal(path) == (
        f"{path}: its format is 'kitnet checkpoint 2', expected 'kitnet model 2'; take a fresh copy"
    )


def test_a_part_of_a_newer_kitnet(path):
    arrays, metadata = parts(path)
    forge(path, arrays, {**metadata, "schedule": part([])})
    assert refusal(path) == f"{path}: its part 'schedule' is not known here; use a newer kitnet"
    forge(path, arrays, {**metadata, "loss": part({}, 2)})
    assert refusal(path) == (
        f"{path}: its part 'loss' is of version 2; version 1 is read here; use a newer kitnet"
    )


def flipped(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


MISFIT = (
    "conv1: a 9x9 filter does not fit its 8x8x1 input: (8 - 9 + 2*0) / 1 + 1 = 0; use pad=0:1x0:1, a "
    "9x9x1 input, "
    "or an 8x8 filter"
)
NINE = {"input": [9, 8, 1], "resize": [8, 8], "mean": [0], "std": [1]}
TURNED = "conv1.weight is float32 (4, 1, 3, 3), expected float32 (3, 3, 1, 4)"
MAIN = "softmax_cross_entropy"
ENTRY = "an auxiliary loss needs an output, a loss and a weight"
FIVE = "conv1.weight is float32 (3, 3, 1, 4), expected float32 (3, 3, 1, 5)"
SIXTEEN = "fc1.weight is float32 (64, 10), expected float32 (16, 10)"
EMPTY = "it is empty (0x8x8x1); expected at least one picture of at least one pixel"
FLOATS = "pixels of type float32; pictures must be unsigned bytes, 0 to 255"
WRONG = "not as it was written (wrong checksum); take a fresh copy"


def test_a_flipped_bit_in_the_arrays(path):
    header = 8 + int.from_bytes(path.read_bytes()[:8], "little")
    for place in (header, (header + path.stat().st_size) // 2, -1):
        flipped(path, place)
        assert refusal(path) == refusal(path, Model.verify) == f"{path}: {WRONG}"
        flipped(path, place)
    Model.load(path)


@pytest.mark.parametrize("word", [b"conv3-4", b"0.3", b"seven", b"softmax_cross", b"[8, 8, 1]"])
def test_a_flipped_bit_in_the_metadata(path, word):
    flipped(path, path.read_bytes().index(word) + len(word) - 2)
    assert refusal(path).startswith(f"{path}: ")


def test_other_classes_do_not_go_unseen(path):
    arrays, metadata = parts(path)
    metadata["classes"] = part(list(reversed(NAMES)))
    save_file(arrays, path, metadata)
    assert refusal(path) == f"{path}: {WRONG}"


def test_no_checksum_at_all(path):
    arrays, metadata = parts(path)
    del metadata["sha256"]
    save_file(arrays, path, metadata)
    assert refusal(path) == f"{path}: {WRONG}"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("graph", changed_graph(layer="conv9-4"), MISFIT),
        ("graph", changed_graph(layer="conv3"), "conv needs filters, such as conv5-6"),
        ("graph", changed_graph(layer=""), None),
        ("graph", changed_graph(layer="conv99999999999-4"), None),
        ("graph", changed_graph(layer="conv3/0-4"), None),
        ("graph", changed_graph(inputs=[]), None),
        ("graph", changed_graph(inputs=["image", "input"]), None),
        ("graph", changed_graph(inputs=[[]]), None),
        ("graph", changed_graph(inputs="input"), None),
        ("graph", changed_graph(path="a b"), None),
        ("graph", changed_graph(path=["a"]), None),
        ("graph", changed_graph(owner="fc1"), None),
        ("graph", changed_graph(owner=[]), None),
        ("graph", changed_graph(0, shape=[8, 8]), None),
        ("graph", changed_graph(0, shape=[8, 8, "1"]), None),
        ("graph", changed_graph(0, shape=[8, 8, -1]), None),
        ("graph", {**graph(LINE), "outputs": [1]}, None),
        ("graph", {**graph(LINE), "outputs": {"a": "b"}}, None),
        ("graph", {**graph(LINE), "values": []}, None),
        ("graph", {"values": [], "outputs": {}}, None),
        ("graph", changed_graph(-1, inputs=[]), None),
        ("graph", changed_graph(line=LINE.replace("tanh", "relu")), "its line is not that of its graph"),
        ("graph", changed_graph(line=3), "its line is no text"),
        ("graph", changed_graph(line="8x8x1 -> conv9-4"), MISFIT),
        ("graph", graph("8x8x1 -> F:fc10"), "no 'F.weight'"),
        ("graph", graph(LINE.replace("3-4", "3-5")), FIVE),
        ("graph", graph(LINE.replace("8x8x1", "10x8x1")), "images are prepared as 8x8x1 for a 10x8x1 input"),
        ("graph", graph(LINE.replace("conv3-4 same -> tanh -> ", "")), SIXTEEN),
        ("graph", {}, None),
        ("graph", [], None),
        ("graph", 3, None),
        ("classes", ["a", "b"], "2 classes for an output of 10"),
        ("classes", 3, "its classes are no list of names"),
        ("classes", {"a": 1}, "its classes are no list of names"),
        ("classes", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "its classes are no list of names"),
        ("loss", 3, "its loss needs main and auxiliary"),
        ("loss", {"main": "relu", "auxiliary": []}, "its loss is none"),
        ("loss", {"main": 3, "auxiliary": []}, "its loss is none"),
        ("loss", {"main": "", "auxiliary": []}, None),
        ("loss", {"main": MAIN, "auxiliary": {}}, "its auxiliary losses are no list"),
        ("loss", {"main": MAIN, "auxiliary": [["x", MAIN, 1.0]]}, ENTRY),
        ("loss", {"main": MAIN, "auxiliary": [["output", MAIN, "1"]]}, ENTRY),
        ("loss", {"main": MAIN, "auxiliary": [["output", MAIN, -1.0]]}, None),
        ("preparation", [], "preparation: it is []; expected a mapping with input, resize, mean, std"),
        ("preparation", NINE, "images are prepared as 9x8x1 for a 8x8x1 input"),
    ],
)  # fmt: skip
def test_data_that_are_wrong(path, name, data, reason):
    arrays, metadata = parts(path)
    forge(path, arrays, {**metadata, name: part(data)})
    found = refusal(path)
    assert found.startswith(f"{path}: not a whole model of kitnet (") and found.endswith(
        "); take a fresh copy"
    )
    if reason is not None:
        assert found == f"{path}: not a whole model of kitnet ({reason}); take a fresh copy"


def test_a_loss_that_is_not_imported(path):
    arrays, metadata = parts(path)
    forge(path, arrays, {**metadata, "loss": part({"main": "focal", "auxiliary": []})})
    assert refusal(path) == (
        f"{path}: uses the loss 'focal', which is not known here; import the module that defines it, "
        "with the command: --import FILE.py"
    )


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        ("weights/conv1.weight", None, "no 'conv1.weight'"),
        ("weights/fc1.bias", np.zeros(11, np.float32), "fc1.bias is float32 (11,), expected float32 (10,)"),
        ("weights/fc1.bias", np.zeros(1, np.float32), "fc1.bias is float32 (1,), expected float32 (10,)"),
        ("weights/fc1.bias", np.zeros(10), "fc1.bias is float64 (10,), expected float32 (10,)"),
        ("weights/conv1.weight", np.zeros((4, 1, 3, 3), np.float32), TURNED),
        ("weights/fc2.bias", np.zeros(1), "an array 'fc2.bias', which the network has not"),
        ("state/fc2.mean", np.zeros(1), "an array 'fc2.mean', which the network has not"),
        ("golden/images", None, "no 'golden/images'"),
        ("golden/scores", None, "no 'golden/scores'"),
        ("golden/scores", np.zeros((8, 1), np.float32), "its golden images and scores do not fit each other"),
        ("golden/scores", np.zeros((8, 10)), "its golden images and scores do not fit each other"),
        ("golden/images", np.zeros((0, 8, 8, 1), np.uint8), EMPTY),
        ("golden/images", np.zeros((8, 8, 8, 1), np.float32), FLOATS),
    ],
)  # fmt: skip
def test_arrays_that_are_wrong(path, name, array, reason):
    arrays, metadata = parts(path)
    if array is None:
        del arrays[name]
    else:
        arrays[name] = array
    forge(path, arrays, metadata)
    for load in (Model.load, Model.verify):
        assert refusal(path, load) == f"{path}: not a whole model of kitnet ({reason}); take a fresh copy"


def test_golden_scores_that_are_not_reached(path):
    arrays, metadata = parts(path)
    largest = float(np.abs(arrays["golden/scores"]).max())
    arrays["golden/scores"][3, 4] += 3 * CLOSE * largest
    forge(path, arrays, metadata)
    Model.load(path)  # the weights themselves are whole
    found = re.fullmatch(
        re.escape(f"{path}: its golden images give scores that differ by ")
        + r"(\S+) from the recorded ones; train or export it again",
        refusal(path, Model.verify),
    )
    assert float(found[1]) == pytest.approx(3 * CLOSE * largest, rel=0.05)


def test_golden_scores_that_are_no_numbers(path):
    arrays, metadata = parts(path)
    arrays["golden/scores"][0, 0] = np.nan
    forge(path, arrays, metadata)
    assert refusal(path, Model.verify) == (
        f"{path}: its golden images give scores that differ by nan from the recorded ones; "
        "train or export it again"
    )


def test_rounding_is_no_damage(path):
    arrays, metadata = parts(path)
    largest = float(np.abs(arrays["golden/scores"]).max())
    arrays["golden/scores"] += np.float32(CLOSE * largest / 10)
    forge(path, arrays, metadata)
    number, difference = Model.verify(path)
    assert number == 8 and difference == pytest.approx(CLOSE * largest / 10, rel=0.1)


# ------------------------------------------------------------------------------------ nothing is executed


class Trap:
    """Pickle would run what this gives."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


def test_nothing_of_a_file_is_run(path, tmp_path):
    mark = tmp_path / "trapped"
    arrays, metadata = parts(path)
    call = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    for name in PARTS:
        for text in (call, part(call)):
            forge(path, arrays, {**metadata, name: text})
            if name not in ("weights", "state", "golden") or text == call:  # which have arrays alone
                refusal(path)
    path.write_bytes(pickle.dumps(Trap(mark)))
    refusal(path)
    with path.open("wb") as file:
        np.save(file, np.array([Trap(mark)], dtype=object), allow_pickle=True)
    refusal(path)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Trap(mark))).close()  # the trap itself works
    assert mark.exists()
