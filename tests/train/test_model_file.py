"""The model file: what goes in comes out, bit by bit, and anything else is refused."""

import json
import pickle
import re

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import kitnet
from kitnet.base.error import ModelFileError
from kitnet.data import Preparation
from kitnet.net import usual_loss
from kitnet.train import Model
from kitnet.train.model import CLOSE, _digest

LINE = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"
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
    model.save(tmp_path / "model.safetensors", images)
    return tmp_path / "model.safetensors"


def parts(path):
    with safe_open(path, framework="numpy") as file:
        return load_file(path), dict(file.metadata())


def forge(path, arrays, metadata):
    """A file whose checksum is right, whatever is in it."""
    metadata = {name: text for name, text in metadata.items() if name != "sha256"}
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    save_file(arrays, path, {**metadata, "sha256": _digest(arrays, metadata)})


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
    assert set(arrays) == {*model.net.weights, "golden/images", "golden/scores"}
    assert set(metadata) == {
        *("format", "network", "input", "loss", "classes", "preparation", "sha256"),
    }
    assert (metadata["network"], metadata["input"]) == (LINE, "8x8x1")
    assert json.loads(metadata["classes"]) == list(NAMES)
    assert json.loads(metadata["preparation"]) == {
        "input": [8, 8, 1],
        "resize": [9, 10],
        "mean": [0.1],
        "std": [0.3],
    }
    np.testing.assert_array_equal(arrays["golden/images"], images[:8])
    np.testing.assert_array_equal(arrays["golden/scores"], model.net(model.preparation.prepare(images[:8])))
    for name, array in model.net.weights.items():
        np.testing.assert_array_equal(arrays[name], array, strict=True)


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
        f"{tmp_path}: holds no model.safetensors; give a finished run folder, or a model file"
    )


@pytest.mark.parametrize("left", [0, 3, 8, 100, 0.5, -1])
def test_a_truncated_file(path, left):
    content = path.read_bytes()
    size = int(len(content) * left) if isinstance(left, float) else left
    path.write_bytes(content[:size])
    # what stands in brackets is the library's own word for it
    assert re.fullmatch(
        re.escape(f"{path}: truncated, or not a model file (") + r"[^\n]+\); take a fresh copy", refusal(path)
    )


def test_a_file_with_more_behind_its_end(path):
    path.write_bytes(path.read_bytes() + b"\0")
    assert refusal(path).startswith(f"{path}: truncated, or not a model file (")


@pytest.mark.parametrize(
    "content",
    [b"hello, this is no model file at all", b"\x80\x04.", b"\xff" * 100, b"PK\x03\x04" + b"\0" * 60],
    ids=["text", "pickle", "ones", "zip"],
)
def test_a_file_of_another_kind(path, content):
    path.write_bytes(content)
    assert re.fullmatch(
        re.escape(f"{path}: truncated, or not a model file (") + r"[^\n]+\); take a fresh copy", refusal(path)
    )


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}, {"format": "kitnet model 2"}])
def test_a_safetensors_file_that_is_not_kitnets(path, metadata):
    save_file({"w": np.zeros(3)}, path, metadata)
    assert refusal(path) == (
        f"{path}: a safetensors file, but not a model of kitnet; give a file that kitnet wrote"
    )


def test_arrays_of_a_type_that_numpy_has_not(path):
    header = {
        "__metadata__": {"format": "kitnet model 1"},
        "w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]},
    }
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"\0" * 4)
    assert refusal(path).startswith(f"{path}: ")


def flipped(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


MISFIT = "conv1: a 9x9 filter does not fit its 8x8x1 input; use pad=1 or a smaller filter"
NINE = '{"input": [9, 8, 1], "resize": [8, 8], "mean": [0], "std": [1]}'
TURNED = "conv1.weight is float32 (4, 1, 3, 3), expected float32 (3, 3, 1, 4)"
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


@pytest.mark.parametrize("word", [b"conv3-4", b"[0.3]", b"seven", b"softmax_cross", b"8x8x1 "])
def test_a_flipped_bit_in_the_metadata(path, word):
    flipped(path, path.read_bytes().index(word) + len(word) - 2)
    assert refusal(path).startswith(f"{path}: ")


def test_other_classes_do_not_go_unseen(path):
    arrays, metadata = parts(path)
    metadata["classes"] = json.dumps(list(reversed(NAMES)))
    save_file(arrays, path, metadata)
    assert refusal(path) == f"{path}: {WRONG}"


def test_no_checksum_at_all(path):
    arrays, metadata = parts(path)
    del metadata["sha256"]
    save_file(arrays, path, metadata)
    assert refusal(path) == f"{path}: {WRONG}"


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("network", "8x8x1 -> cnv3-4", "unknown layer 'cnv' (did you mean 'conv'?)"),
        ("network", "8x8x1 -> conv9-4 -> fc10", MISFIT),
        ("network", None, "no 'network'"),
        ("network", "8x8x1 -> F:fc10", "no 'F.weight'"),
        ("network", LINE.replace("3-4", "3-5"), None),
        ("network", LINE.replace("8x8x1", "10x8x1"), None),
        ("classes", '["a", "b"]', "2 classes for an output of 10"),
        ("classes", "3", "its classes are no list of names"),
        ("classes", '{"a": 1}', "its classes are no list of names"),
        ("classes", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", "its classes are no list of names"),
        ("classes", "[" * 100_000, None),
        ("classes", "", "Expecting value: line 1 column 1 (char 0)"),
        ("loss", "softmax", None),
        ("loss", None, "no 'loss'"),
        ("preparation", "[]", "preparation: it is []; expected a mapping with input, resize, mean, std"),
        ("preparation", None, "no 'preparation'"),
        ("preparation", NINE, "images are prepared as 9x8x1 for a 8x8x1 input"),
    ],
)  # fmt: skip
def test_metadata_that_is_wrong(path, name, text, reason):
    arrays, metadata = parts(path)
    if text is None:
        del metadata[name]
    else:
        metadata[name] = text
    forge(path, arrays, metadata)
    found = refusal(path)
    assert found.startswith(f"{path}: not a whole model of kitnet (") and found.endswith(
        "); take a fresh copy"
    )
    if reason is not None:
        assert found == f"{path}: not a whole model of kitnet ({reason}); take a fresh copy"


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        ("conv1.weight", None, "no 'conv1.weight'"),
        ("fc1.bias", np.zeros(11, np.float32), "fc1.bias is float32 (11,), expected float32 (10,)"),
        ("fc1.bias", np.zeros(10), "fc1.bias is float64 (10,), expected float32 (10,)"),
        ("conv1.weight", np.zeros((4, 1, 3, 3), np.float32), TURNED),
        ("golden/images", None, "no 'golden/images'"),
        ("golden/scores", None, "no 'golden/scores'"),
        ("golden/scores", np.zeros((8, 1), np.float32), "its golden images and scores do not fit each other"),
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
    for name in ("network", "classes", "preparation", "loss"):
        forge(path, arrays, {**metadata, name: call})
        refusal(path)
    path.write_bytes(pickle.dumps(Trap(mark)))
    refusal(path)
    with path.open("wb") as file:
        np.save(file, np.array([Trap(mark)], dtype=object), allow_pickle=True)
    refusal(path)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Trap(mark))).close()  # the trap itself works
    assert mark.exists()
