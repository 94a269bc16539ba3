"""What bad input gets: one line on standard error, exit status 2, and nothing half-written."""

import gzip
import os
import re
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from kitnet.data import NAMES, write_idx
from kitnet.data.kind import known

LINE = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"
KNOWN = "`kitnet models` lists all, or write a line such as '28x28x1 -> conv5-6 -> tanh -> maxpool2 -> fc10'"


def names(folder):
    """What lies in a folder, hidden files too."""
    return sorted(path.name for path in Path(folder).iterdir())


# ------------------------------------------------------------------------------------------------ network


@pytest.mark.parametrize("command", ["show", "train"])
def test_an_unknown_model(refused, here, command):
    assert refused(command, "lenet6") == f"unknown model 'lenet6' (did you mean 'lenet5'?); {KNOWN}"
    assert refused(command, "zzz") == f"unknown model 'zzz'; {KNOWN}"
    assert names(here) == []


@pytest.mark.parametrize("command", ["show", "train"])
@pytest.mark.parametrize(
    ("line", "text", "column"),
    [
        ("28x28x1 -> conw5-6 -> fc10", "unknown layer 'conw' (did you mean 'conv'?)", 11),
        ("28x28x1 -> conv5-6 -> zzz", "unknown layer 'zzz'; kitnet layers lists them all", 22),
        ("28x28x1 -> conv5 -> fc10", "conv needs filters, such as conv5-6", 11),
        ("28x28x1 -> [relu -> fc10", "this bracket is not closed", 11),
        ("28x28x1 -> relu ->", "the line ends where a layer should follow", 19),
        ("28x28x1 -> conv5-6 strid=2 -> fc10", "conv has no 'strid' (did you mean 'stride'?)", 19),
        ("conv5-6 -> fc10", "a line begins with its input volume, such as 28x28x1, not 'conv5-6'", 0),
        ("INPUT -> fc10", "the size of INPUT is not given; write 28x28x1, or say --input 28x28x1", 0),
        (
            "28x28x1 -> __import__('os') -> fc10",
            "unknown layer \"__import__('os')\"; kitnet layers lists them all",
            11,
        ),
    ],
)
def test_a_line_with_a_mistake_gets_a_caret(refused, here, command, line, text, column):
    found = refused(command, line, lines=3)
    assert found.split("\n") == [text, f"  {line}", f"  {' ' * column}^"]
    assert names(here) == []


@pytest.mark.parametrize("command", ["show", "train"])
def test_sizes_that_do_not_fit(refused, here, command):
    assert refused(command, "32x32x1 -> maxpool4/7 -> conv7-6 -> fc10") == (
        "conv1: a 7x7 filter does not fit its 5x5x1 input: (5 - 7 + 2*0) / 1 + 1 = -1 (so far: 32x32x1 -> "
        "maxpool1 "
        "5x5x1); use pad=1, a 5x5 filter, or a 46x46x1 input of the network"
    )
    assert refused(command, "28x28x1 -> conv5-6/2 -> fc10") == (
        "conv1: a stride of 2 does not divide: (28 - 5 + 2*0) / 2 + 1 = 12.5 positions of a 5x5 filter on "
        "its "
        "28x28x1 input; use stride=1, pad=0:1x0:1, a 27x27x1 or 29x29x1 input, or write floor to drop the "
        "last 1"
    )
    assert names(here) == []


def test_floor_is_the_way_out(say_json):
    shown = say_json("show", "28x28x1 -> conv5-6/2 floor -> fc10")
    assert shown["layers"][0]["output"] == "12x12x6"


def test_a_network_that_does_not_fit_the_data(refused, here, easy):
    assert refused("train", "8x8x1 -> fc3", "--data", easy) == (
        f"the network ends in 3 but {easy} has 10 classes; end it with fc10"
    )
    assert names(here) == []


def test_impossible_input_and_batch(refused):
    for text in ("28x28x0", "28x", "-3", "1x2x3x4x5", "a"):
        assert refused("show", "lenet5", f"--input={text}") == (
            f"--input {text!r} is no volume; write it like 32x32x3"
        )
    assert refused("show", "lenet5", "--batch", "0") == ("--batch 0 is not possible; use 1 to 1048576")
    assert refused("show", "lenet5", "--input", "28x28x1") == (
        "C5: a 5x5 filter does not fit its 4x4x16 input: (4 - 5 + 2*0) / 1 + 1 = 0 (so far: 28x28x1 -> C1 "
        "24x24x6 "
        "-> S2 12x12x6 -> C3 8x8x16 -> S4 4x4x16 -> lecuntanh4 4x4x16); use a 32x32x1 "
        "input of the network"
    )


# --------------------------------------------------------------------------------------------------- data


@pytest.fixture
def copied(easy, tmp_path):
    """A copy of the easy data that a test may spoil."""
    shutil.copytree(easy, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def spoilt(refused, copied, here):
    """Trains on the spoilt data; the error's text without the file's name."""

    def command(file):
        found = refused("train", LINE, "--data", str(copied))
        assert names(here) == []
        assert found.startswith(f"{copied / file}: ")
        return found.removeprefix(f"{copied / file}: ")

    return command


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
FRESH = "take a fresh copy of the file"


def test_a_wrong_magic(copied, spoilt):
    (copied / IMAGES).write_bytes(b"\x89PNG" + b"\0" * 100)
    assert spoilt(IMAGES) == (
        "it is not an idx file: it begins with 89 50 4e 47; expected 00 00, the type, the number of axes"
    )
    (copied / IMAGES).write_bytes(b"")
    assert spoilt(IMAGES) == (
        "it is not an idx file: it begins with nothing; expected 00 00, the type, the number of axes"
    )


def test_a_lying_count(copied, spoilt):
    content = (copied / IMAGES).read_bytes()
    (copied / IMAGES).write_bytes(content[:4] + (101).to_bytes(4, "big") + content[8:])
    assert spoilt(IMAGES) == (
        f"its header promises {101 * 64} bytes (101x8x8 ubyte) but only 6400 follow; {FRESH}"
    )
    (copied / IMAGES).write_bytes(content[:4] + b"\xff" * 12 + content[16:])  # 2^96 bytes: no memory for it
    assert spoilt(IMAGES).endswith(f"but only 6400 follow; {FRESH}")
    (copied / IMAGES).write_bytes(content[:4] + (99).to_bytes(4, "big") + content[8:])
    assert spoilt(IMAGES) == f"its header promises 6336 bytes (99x8x8 ubyte) but more follow; {FRESH}"


def test_a_truncated_body(copied, spoilt):
    content = (copied / IMAGES).read_bytes()
    (copied / IMAGES).write_bytes(content[:-1])
    assert spoilt(IMAGES) == f"its header promises 6400 bytes (100x8x8 ubyte) but only 6399 follow; {FRESH}"
    (copied / IMAGES).write_bytes(content[:10])
    assert spoilt(IMAGES) == f"it ends inside its header, which promises 3 axes; {FRESH}"
    (copied / IMAGES).write_bytes(gzip.compress(content)[:-20])
    assert spoilt(IMAGES) == f"the gzip stream is truncated; {FRESH}"


def test_fewer_labels_than_images(copied, spoilt):
    write_idx(copied / LABELS, np.zeros(99, np.uint8))
    assert spoilt(LABELS) == "99 labels for 100 pictures; expected one label a picture"


def test_labels_outside_the_classes(copied, spoilt):
    labels = np.zeros(40, np.uint8)
    labels[17] = 10
    write_idx(copied / "t10k-labels-idx1-ubyte", labels)
    assert spoilt("t10k-labels-idx1-ubyte") == (
        "label 10 of sample 17 is outside the 10 classes; expected 0 to 9"
    )


def test_nan_in_the_data(copied, spoilt):
    images = np.zeros((100, 8, 8), np.float32)
    images[3, 4, 5] = np.nan
    write_idx(copied / IMAGES, images)
    assert spoilt(IMAGES) == ("NaN in the data, first in sample 3; pictures must be unsigned bytes, 0 to 255")
    write_idx(copied / IMAGES, np.zeros((100, 8, 8), np.float64))
    assert spoilt(IMAGES) == "pixels of type float64; pictures must be unsigned bytes, 0 to 255"


def test_an_empty_folder(refused, here, tmp_path):
    (tmp_path / "empty").mkdir()
    text = (
        f"{tmp_path / 'empty'}: this folder has no train-images-idx3-ubyte, no train-labels-idx1-ubyte, "
        "no t10k-images-idx3-ubyte, no t10k-labels-idx1-ubyte; looked for these names, also with .idx "
        "instead of -idx and with .gz at the end"
    )
    expected = f"{tmp_path / 'empty'}: it is no data set; expected {known()}"
    assert refused("train", LINE, "--data", tmp_path / "empty") == expected
    assert refused("train", LINE, "--data", "mnist", "--data-dir", tmp_path / "empty") == text
    assert names(here) == []


def test_one_file_is_missing(copied, refused):
    (copied / LABELS).unlink()
    assert refused("train", LINE, "--data", copied) == (
        f"{copied}: this folder has no {LABELS}; looked for these names, also with .idx instead of -idx and "
        "with .gz at the end"
    )


def test_a_data_set_that_is_none(refused, here):
    assert refused("train", LINE, "--data", "mnits") == (
        f"unknown data set 'mnits' (did you mean 'mnist'?); known: {known(*NAMES)}"
    )
    assert refused("train", LINE, "--data", "no/where") == "no/where: there is no such folder or file"
    assert refused("train", LINE, "--data", "digits", "--data-dir", ".") == (
        "digits: --data-dir is for mnist, fashion-mnist, kmnist, cifar10, cifar100 only; leave it out, or "
        "name one of these"
    )
    assert refused("train", LINE, "--data", "mnist", "--data-dir", "no") == "no: there is no such folder"
    assert names(here) == []


# ------------------------------------------------------------------------------------------------- images


def bomb(path, width, height):
    """A PNG of which only the header is there; it promises more pixels than memory holds."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = b"IDAT" + zlib.compress(b"\0" * 100)
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, body)]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


@pytest.mark.parametrize("json", [(), ("--json",)], ids=["people", "json"])
def test_images_that_are_none(say, refused, trained, tmp_path, picture, json):
    good = picture("good.png", 1)
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    whole = Path(picture("whole.png", 1, 9)).read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    none = "it is no picture, or its beginning is damaged; expected BMP, GIF, JPEG, PNG, PPM, TIFF, WEBP"
    for file, text in {
        tmp_path / "text.png": none,
        tmp_path / "empty.png": none,
        tmp_path / "half.png": f"the PNG picture is truncated or damaged; {FRESH}",
        bomb(tmp_path / "bomb.png", 60_000, 60_000): "it has more than 40 million pixels; make it smaller",
        bomb(tmp_path / "bomb2.png", 12_000, 8_000): "it has 12000x8000, more than 40 million pixels; "
        "make it smaller",
        tmp_path: "it is not a file; expected a picture",
        tmp_path / "missing.png": "No such file or directory",
    }.items():
        assert refused("predict", trained, file, *json) == f"{file}: {text}"
        said = say("predict", trained, good, file, good, *json)
        assert (said.status, said.err) == (2, f"kitnet: {file}: {text}\n")
        assert said.out == say("predict", trained, good, good, *json).out  # the others are answered


def test_predict_without_images(refused, trained):
    assert refused("predict", trained) == (
        "predict needs one image file or more, such as: kitnet predict runs/lenet5-1 digit.png"
    )
    assert refused("predict", trained, "a.png", "--top", "0") == "--top 0 is not possible; use 1 or more"


# ------------------------------------------------------------------------------------------------- models


USES = [("verify",), ("evaluate", "--data", "digits"), ("predict", "a.png")]


@pytest.mark.parametrize("use", USES, ids=lambda use: use[0])
def test_models_that_are_none(refused, trained, tmp_path, use):
    command, *rest = use
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("hello, hello, hello")
    content = Path(trained, "best.safetensors").read_bytes()
    (tmp_path / "half").write_bytes(content[: len(content) // 2])
    (tmp_path / "flipped").write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    save_file({"w": np.zeros(3, np.float32)}, tmp_path / "foreign", {"format": "pt"})

    def found(name):
        text = refused(command, tmp_path / name, *rest)
        assert text.startswith(f"{tmp_path / name}: ")
        return text.removeprefix(f"{tmp_path / name}: ")

    assert found("missing") == "no such file; give a run folder such as runs/lenet5-1, or a model file"
    assert found("folder") == ("holds no best.safetensors; give a run folder that has one, or a model file")
    assert found("text") == "truncated, or not a safetensors file; take a fresh copy"
    assert re.fullmatch(
        r"truncated; \d+ bytes of its arrays are there, expected \d+; take a fresh copy", found("half")
    )
    assert found("flipped") == "not as it was written (wrong checksum); take a fresh copy"
    assert found("foreign") == ("a safetensors file, but not one of kitnet; give a file that kitnet wrote")


def test_data_with_other_classes(refused, trained, tmp_path):
    images, labels = np.zeros((3, 8, 8), np.uint8), np.array([0, 1, 2], np.uint8)
    for part in ("train", "t10k"):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", images)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", labels)
    assert refused("evaluate", trained, "--data", tmp_path) == (
        f"{tmp_path}: its classes are ('0', '1', '2'), but the model's ('0', '1', '2', '3', '4', '5', '6', "
        "'7', '8', '9'); give the data that it was trained for"
    )


# --------------------------------------------------------------------------------------------------- runs


def test_a_run_folder_that_exists(say, refused, easy, here):
    words = ("train", LINE, "--data", easy, "--epochs", "1", "--name", "best-1")
    assert say(*words).status == 0
    before = {path.name: path.read_bytes() for path in (here / "runs" / "best-1").iterdir()}
    assert refused(*words) == (
        "runs/best-1: exists already; choose another --name, or go on with kitnet train --resume runs/best-1"
    )
    assert {path.name: path.read_bytes() for path in (here / "runs" / "best-1").iterdir()} == before
    assert names(here / "runs") == ["best-1", "latest"]


def test_a_place_that_cannot_be_written(refused, easy, here, monkeypatch):
    (here / "file").write_text("")
    words = ("train", LINE, "--data", easy, "--runs")
    assert refused(*words, "file") == (
        "file: a run folder cannot be made there (File exists); choose another place with --runs"
    )
    assert refused(*words, "file/runs") == (
        "file/runs: a run folder cannot be made there (Not a directory); choose another place with --runs"
    )

    def refuse(path, *arguments, **options):
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)  # root may write everywhere, so the system's answer is played
        assert refused(*words, "locked") == (
            "locked: a run folder cannot be made there (Permission denied); choose another place with --runs"
        )
    assert names(here) == ["file"]


def test_a_name_that_is_none(refused, here):
    assert refused("train", "--name", "a/b") == (
        "--name 'a/b' is no name for a folder; use letters, digits, '.', '-' and '_'"
    )
    assert names(here) == []


def test_runs_that_cannot_go_on(say, refused, easy, here):
    assert refused("train", "--resume", "no-1") == (
        "no-1: no such run folder; give one such as runs/lenet5-1"
    )
    assert refused("train", "--resume", easy) == (
        f"{easy}/args.toml: cannot be read (No such file or directory); give a run folder of kitnet"
    )
    say("train", LINE, "--data", easy, "--epochs", "1")
    assert refused("train", "--resume", "runs/net-1") == (
        "runs/net-1: all 1 epochs are done; ask for more with --epochs"
    )
    assert refused("train", "lenet5", "--resume", "runs/net-1", "--data-dir", "x", "--lr", "1") == (
        "--resume goes on with the run's own arguments; leave out MODEL, --data-dir, --lr"
    )


def test_a_loss_that_becomes_nan(say, easy, here):
    """Training has begun, so that what it said before stays; the error is one line all the same."""
    said = say(
        "train", "8x8x1 -> fc10", "--data", easy, "--loss", "quadratic", "--lr", "1e25", "--batch", "25"
    )
    assert said.status == 2
    assert said.err == (
        "kitnet: the loss became inf at step 2 of epoch 1; no epoch had ended, so that only the start is "
        "kept, in runs/net-1/checkpoint-00000000.safetensors; try a smaller --lr than 1e+25\n"
    )
    assert len(said.out.splitlines()) == 3  # the network, the data and the memory
    assert names(here / "runs" / "net-1") == [
        "args.toml",
        "checkpoint-00000000.safetensors",
        "env.json",
        "metrics.jsonl",
    ]


def test_too_little_memory(refused, monkeypatch):
    def refuse(*arguments, **options):
        raise MemoryError

    monkeypatch.setattr("kitnet.cli.network.parse", refuse)
    assert refused("show", "lenet5") == (
        "there is not enough memory for this; use a smaller network or batch"
    )


# -------------------------------------------------------------------------------------------------- words


COMMANDS = "Available commands: train, launch, studio, evaluate, predict, serve, verify, show, ..."
MOST_THREADS = max(64, 4 * os.cpu_count())
LOSSES = (
    "known: absolute, huber, gaussian_divergence, hinge, multiclass_hinge, quadratic, rbf_penalty, "
    "sigmoid_cross_entropy, softmax_cross_entropy"
)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("trian", f'Unknown command "trian". Did you mean "train"? {COMMANDS}'),
        ("train --epoch 3", "Unknown option: --epoch. Did you mean --epochs?"),
        ("train --bach 3", "Unknown option: --bach. Did you mean --batch?"),
        ("show lenet5 --inpt 3", "Unknown option: --inpt. Did you mean --input?"),
        ("models --jsn", "Unknown option: --jsn. Did you mean --json?"),
        ("show", 'Command "show" parameter MODEL requires an argument.'),
        ("predict", 'Command "predict" parameter RUN requires an argument.'),
        ("evaluate x --data", 'Command "evaluate" parameter --data requires an argument.'),
        ("train --batch", 'Command "train" parameter --batch requires an argument.'),
        ("show a b c", "too many words: b c"),
        ("train --epochs x", "Invalid value for --epochs: 'x' is no whole number"),
        ("train --epochs 2.5", "Invalid value for --epochs: '2.5' is no whole number"),
        ("train --seed 1e3", "Invalid value for --seed: '1e3' is no whole number"),
        ("show lenet5 --batch 1.5", "Invalid value for --batch: '1.5' is no whole number"),
        ("predict x y --top 1.5", "Invalid value for --top: '1.5' is no whole number"),
        ("train --lr x", 'Invalid value for --lr: unable to convert "x" into float.'),
        ("train --epochs 0", "--epochs 0 is not possible; use 1 or more"),
        ("train --epochs -1", "--epochs -1 is not possible; use 1 or more"),
        ("train --batch 0", "--batch 0 is not possible; use 1 to 1048576"),
        ("train --threads 0", f"--threads 0 is not possible; use 1 to {MOST_THREADS}"),
        ("train --threads 100000", f"--threads 100000 is not possible; use 1 to {MOST_THREADS}"),
        ("evaluate x --data digits --threads -1", f"--threads -1 is not possible; use 1 to {MOST_THREADS}"),
        (f"train --batch {10**21}", f"--batch {10**21} is not possible; use 1 to 1048576"),
        (f"explain lenet5 --batch {10**12}", f"--batch {10**12} is not possible; use 1 to 1048576"),
        ("train --lr 0", "a learning rate of 0 is not possible; use a number above 0"),
        ("train --lr nan", "a learning rate of nan is not possible; use a number above 0"),
        ("train --momentum 1", "a momentum of 1 is not possible; use 0 or more, and less than 1"),
        ("train --decay -1", "a weight decay of -1 is not possible; use 0 or more"),
        ("train --optimizer adam --momentum 0.9", "adam has no momentum; leave out --momentum; it has rate, "
         "beta1, beta2, decay, eps"),
        ("train --schedule cosin", "unknown schedule 'cosin' (did you mean 'cosine'?); known: constant, "
         "linear, cosine, onecycle, drops"),
        ("train --seed -1", "--seed -1 is not possible; use 0 or more, below 2**63"),
        ("train --loss quadratik", f"unknown loss 'quadratik' (did you mean 'quadratic'?); {LOSSES}"),
    ],
)  # fmt: skip
def test_wrong_words_and_values(refused, here, words, text):
    assert refused(*words.split()) == text
    assert names(here) == []


def test_messages_cut_what_they_repeat(refused, here):
    x, digits = "x" * 100_000, "9" * 5000  # more digits than Python turns into a number
    for words, text in (
        ((x,), f'Unknown command "{x[:80]}...". {COMMANDS}'),
        (("models", x), f"too many words: {x[:80]}..."),
        (("show", x), f"unknown model {x[:80]!r}...; {KNOWN}"),
        (("show", "lenet5", "--input", x), f"--input {x[:80]!r}... is no volume; write it like 32x32x3"),
        (("train", "--batch", x), f"Invalid value for --batch: {x[:80]!r}... is no whole number"),
        (("train", "--batch", digits), f"Invalid value for --batch: {digits[:80]!r}... is too large"),
        (("train", "--lr", x), f'Invalid value for --lr: unable to convert "{x[:80]}..." into float.'),
        (("train", f"--lr={x}"), f'Invalid value for --lr: unable to convert "{x[:80]}..." into float.'),
        (
            ("train", "--name", f"/{x}"),
            f"--name {'/' + x[:79]!r}... is no name for a folder; use letters, digits, '.', '-' and '_'",
        ),
        (("train", "--loss", x), f"unknown loss {x[:80]!r}...; {LOSSES}"),
        (("train", "--engine", x), f"unknown engine {x[:80]!r}...; known: compiled, formula"),
    ):
        assert refused(*words) == text
    assert names(here) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{} -> relu", "a line begins with its input volume, such as 28x28x1, not {}"),
        ("8x8x1 {} -> relu", "expected -> after the input volume, not {}"),
        ("8x8x1 -> {}", "unknown layer {}; kitnet layers lists them all"),
        ("8x8x1 -> conv3-6 {}", "conv does not know {}; layers are separated by ->"),
        ("8x8x1 -> fc3 {}=1", "fc has no {}; it has units, bias, init"),
        ("8x8x1 -> conv3-6 bias={}", "bias of conv is yes or no, not {}"),
        ("8x8x1 -> relu*{}", "expected a number of repetitions after *, not {}"),
    ],
)
def test_a_long_line_is_cut(refused, line, reason):
    found, part, caret = refused("show", line.format("x" * 5000), lines=3).split("\n")
    assert found == reason.format(f"{'x' * 80!r}...")
    assert len(part) <= 2 + 3 + 80 + 3 and len(caret) <= len(part)
