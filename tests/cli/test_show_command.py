"""`kitnet show` for people, as a page, and measured; `kitnet check`; `kitnet models`."""

import html.parser
import json
import re

import pytest
from catalogue import row

from kitnet.cli.columns import COLUMNS
from kitnet.cli.screen import say_bytes

VGG16 = (
    "224x224x3 -> [conv3-64 same -> relu]*2 -> maxpool2 -> [conv3-128 same -> relu]*2 -> maxpool2 -> "
    "[conv3-256 same -> relu]*3 -> maxpool2 -> [[conv3-512 same -> relu]*3 -> maxpool2]*2 -> "
    "[fc4096 -> relu]*2 -> fc1000"
)
SMALL = "8x8x1 -> conv3-4 same -> relu -> maxpool2 -> fc10"


# ---------------------------------------------------------------------------------------------------- show


@row(88, 89, 91)
def test_the_table_of_vgg16(say):
    said = say("show", VGG16, "--columns", "layer,output,values,weights")
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    table = [line.split() for line in lines[2:41] if "relu" not in line]
    assert table[0] == ["layer", "output", "values", "weights"]
    assert table[1:7] == [
        ["input", "224x224x3", "150,528"],
        ["conv1", "224x224x64", "3,211,264", "1,728"],
        ["conv2", "224x224x64", "3,211,264", "36,864"],
        ["maxpool1", "112x112x64", "802,816"],
        ["conv3", "112x112x128", "1,605,632", "73,728"],
        ["conv4", "112x112x128", "1,605,632", "147,456"],
    ]
    assert table[-4:] == [
        ["fc1", "4096", "4,096", "102,760,448"],
        ["fc2", "4096", "4,096", "16,777,216"],
        ["fc3", "1000", "1,000", "4,096,000"],
        ["total", "15,237,608", "138,344,128"],
    ]
    assert "fc1 has 74% of the parameters: 102,764,544 of 138,357,544" in lines
    assert (
        "the first 5 of 22 volumes, up to conv3, hold 59% of the values of an image: 8,981,504 of 15,237,608"
    ) in lines


@row(90)
def test_the_memory_of_vgg16(say):
    lines = say("show", VGG16).out.splitlines()
    assert lines[-2:] == [
        "a training step of one image takes 1.66 GiB: parameters 528 MiB, gradients of the parameters 528 "
        "MiB, "
        "the optimiser's memory 528 MiB, values that the way back reads 59.6 MiB, gradients of the values "
        "57.6 MiB (optimizer sgd, float32)",
        "scores of one image take 552 MiB: parameters 528 MiB, values at once 24.5 MiB",
    ]
    lines = say("show", VGG16, "--batch", "64", "--dtype", "float64").out.splitlines()
    assert lines[-1] == "scores of 64 images take 4.09 GiB: parameters 1.03 GiB, values at once 3.06 GiB"


def test_the_whole_text_of_a_small_network(say, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert say("show", SMALL, "--batch", "2").out == (
        "8x8x1 -> conv3-4 same -> relu -> maxpool2 -> fc10\n"
        "\n"
        "layer     kind     output  parameters  multiply-adds  activation bytes  field\n"
        "input     input     8x8x1                                                   1\n"
        "conv1     conv      8x8x4          40          2,304             2,048      3\n"
        "relu1     relu      8x8x4                                        2,048      3\n"
        "maxpool1  maxpool   4x4x4                                          512      4\n"
        "fc1       fc           10         650            640                80     10\n"
        "total                             690          2,944             4,688\n"
        "(the terminal is too narrow for: values, weights, biases, connections,\n"
        "  multiplications, training bytes, inference bytes, gradient bytes, optimiser\n"
        "  bytes, jump, offset)\n"
        "\n"
        "kind     layers  values  parameters  multiply-adds\n"
        "fc            1      10         650            640\n"
        "conv          1     256          40          2,304\n"
        "relu          1\n"
        "maxpool       1      64\n"
        "fc1 has 94% of the parameters: 650 of 690\n"
        "the first 2 of 4 volumes, up to conv1, hold 81% of the values of an image: 320\n"
        "  of 394\n"
        "a training step of 2 images takes 13.9 KiB: parameters 2.70 KiB, gradients of\n"
        "  the parameters 2.70 KiB, the optimiser's memory 2.70 KiB, values that the way\n"
        "  back reads 3.20 KiB, gradients of the values 2.58 KiB (optimizer sgd, float32)\n"
        "scores of 2 images take 5.20 KiB: parameters 2.70 KiB, values at once 2.50 KiB\n"
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("--columns layer --json", "--json prints all there is; leave out --columns"),
        ("--html --depth 0 --json", "--json prints all there is; leave out --depth and --html"),
        ("--verify --html", "--verify prints the memory of a plan; leave out --html"),
        ("--verify --json --depth 1", "--verify prints the memory of a plan; leave out --depth"),
        (
            "--train --memory 9",
            "only --verify has use for --train and --memory; add --verify, or leave out --train and --memory",
        ),
        ("--columns layer,output,layer", "--columns has layer twice; leave one out"),
        ("--threads 1", "only --verify has use for --threads; add --verify, or leave out --threads"),
        ("--set CONV=", "--set CONV= has no value; write one behind it, or leave it out"),
        ("--set=", "an empty word follows --set, as where a variable is not set; fill it in or leave it out"),
    ],
)
def test_flags_that_would_do_nothing(refused, words, text):
    assert refused("show", "lenet5", *words.split()) == text


@pytest.mark.parametrize(
    ("words", "before"),
    [
        (("show", ""), "show"),
        (("train", "lenet5", "--data", ""), "--data"),
        (("train", "lenet5", "--runs", " "), "--runs"),
        (("surgery", "lenet5", "--fold", "-o", ""), "-o"),
        (("",), "kitnet"),
    ],
)
def test_empty_words(refused, here, words, before):
    """An empty path would be the folder that one is in."""
    assert refused(*words) == (
        f"an empty word follows {before}, as where a variable is not set; fill it in or leave it out"
    )
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("command", ["show", "check", "explain"])
def test_paths_that_do_not_exist(refused, command):
    assert refused(command, "runs/nope") == (
        "'runs/nope': no such run folder or model file, no name of `kitnet models`, and no line such as "
        "'28x28x1 -> conv5-6 -> tanh -> maxpool2 -> fc10'"
    )


def test_all_columns(say):
    lines = say("show", SMALL).out.splitlines()
    heads = "  ".join(column.name for column, _ in COLUMNS.values()).split()
    assert lines[2].split() == heads
    conv = lines[4].split()
    assert conv[:3] == ["conv1", "conv", "8x8x4"]
    assert conv[-3:] == ["3", "1", "-1"]  # field, jump, offset
    assert [line.split()[0] for line in lines[2:9]] == [
        *("layer", "input", "conv1", "relu1", "maxpool1", "fc1", "total"),
    ]


def test_columns_that_are_asked_for(say, refused, monkeypatch):
    lines = say("show", "9x11x1 -> conv3x5-2/2x1", "--columns", "offset,layer,field,jump").out.splitlines()
    assert lines[2:6] == [
        "offset  layer  field  jump",
        "     0  input      1     1",
        "     0  conv1    3x5   2x1",
        "        total",
    ]
    assert refused("show", "lenet5", "--columns", "layer,weight") == (
        f"--columns has no 'weight' (did you mean 'weights'?); known: {', '.join(COLUMNS)}"
    )
    assert refused("show", "lenet5", "--columns", "layer,,kind") == (
        "--columns layer,,kind: a name is missing beside a comma"
    )
    assert "layer  kind\n" in say("show", "8x8x1 -> relu", "--columns", "layer, kind").out
    monkeypatch.setenv("COLUMNS", "30")
    assert "too narrow" not in say("show", "lenet5", "--columns", "layer,output,connections,weights").out


@pytest.mark.parametrize(
    ("words", "left_out"),
    [
        (("claims", "alexnet:paper"), "expected"),
        (("diff", "resnet20", "resnet20:projection"), "name, activation bytes"),
        (("show", "resnet20"), None),
    ],
)
def test_tables_fit_a_terminal_of_60_columns(say, monkeypatch, words, left_out):
    monkeypatch.setenv("COLUMNS", "60")
    out = say(*words).out
    assert max(map(len, out.splitlines())) <= 60
    assert left_out is None or f"(the terminal is too narrow for: {left_out})\n" in out


def test_parameters_and_multiply_adds_are_the_last_columns_to_go(say, monkeypatch):
    for width, heads in ((65, "layer output parameters multiply-adds"), (50, "layer output parameters")):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = say("show", "resnet20").out.splitlines()
        assert next(line for line in lines if line.startswith("layer ")).split() == heads.split()


def test_deep_networks_are_shown_by_blocks(say):
    line = "8x8x4 -> s:[residual[conv3-4 same -> relu -> conv3-4 same] -> relu]*12 -> meanpool8 -> fc2"

    def paths(*words):
        lines = say("show", line, "--columns", "layer,kind", *words).out.splitlines()[4:]
        return [text.split() for text in lines[: lines.index("total")]]

    assert paths("--depth", "0") == [["s", "block"], ["meanpool1", "meanpool"], ["fc1", "fc"]]
    assert paths("--depth", "1") == [["s", "block"], ["meanpool1", "meanpool"], ["fc1", "fc"]]
    assert paths("--depth", "2")[:2] == [["s.0", "block"], ["s.1", "block"]]
    assert len(paths("--depth", "9")) == 62
    assert len(paths()) == 38
    assert len(paths("--depth", "3")) == 26


def test_numbers_that_are_none(refused):
    assert refused("show", SMALL, "--depth", "-1") == "--depth -1 is not possible; use 0 or more"
    assert refused("show", SMALL, "--dtype", "float16") == (
        "unknown dtype 'float16' (did you mean 'float64'?); known: float32, float64"
    )
    assert refused("show", SMALL, "--optimizer", "lion") == (
        "unknown optimizer 'lion' (did you mean 'muon'?); known: sgd, nesterov, adagrad, rmsprop, adam, "
        "adamw, muon"
    )
    assert refused("show", SMALL, "--on-misfit", "flor") == (
        "unknown on_misfit 'flor' (did you mean 'floor'?); known: error, floor, ceil, pad, crop"
    )
    assert refused("show", SMALL, "--verify", "--dtype", "float64") == (
        "--verify runs the compiled engine, which computes in float32; leave --dtype out"
    )


@row(103)
def test_another_way_to_treat_the_rest(say, say_json, refused):
    line = "224x224x3 -> conv11-96/4"
    assert refused("show", line).startswith(
        "conv1: a stride of 4 does not divide: (224 - 11 + 2*0) / 4 + 1 = 54.25 positions "
    )
    sizes = {"floor": 54, "ceil": 55, "pad": 55, "crop": 54}
    for word, size in sizes.items():
        shown = say_json("show", line, "--on-misfit", word)
        assert shown["layers"][0]["output"] == f"{size}x{size}x96"
        assert shown["network"] == f"{line} {word}"


@pytest.mark.parametrize(("size", "text"), [
    (0, "0 bytes"), (1023, "1,023 bytes"), (1024, "1.00 KiB"), (60_950_432, "58.1 MiB"),
    (1 << 30, "1.00 GiB"), (int(9.996 * 1024), "10.0 KiB"), (int(1023.9 * 1024), "1,024 KiB"),
    (5000 << 30, "5,000 GiB"),
])  # fmt: skip
def test_units_are_powers_of_1024(size, text):
    assert say_bytes(size) == text


# ---------------------------------------------------------------------------------------------------- page


class Page(html.parser.HTMLParser):
    """The texts of a page's cells, and its tags."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self.open[-1], data))


def test_a_page(say):
    said = say("show", "lenet5-rbf", "--html")
    assert (said.status, said.err) == (0, "")
    page = Page(said.out)
    assert said.out.startswith("<!doctype html>\n")
    cells = [text for tag, text in page.texts if tag == "td"]
    heads = [text for tag, text in page.texts if tag == "th"]
    assert heads[: len(COLUMNS)] == [column.name for column, _ in COLUMNS.values()]
    assert cells[cells.index("C3") + 1 :][:2] == ["conv", "10x10x16"]
    assert "340,908" in cells and "60,000" in cells
    assert ("h1", "LeNet-5 of 1998 with its radial basis output") in page.texts
    assert not re.search(r"(src|href)=|<script|url\(|@import", said.out)  # nothing from elsewhere


def test_a_page_shows_what_it_is_given_as_text(say):
    text = say("show", "8x8x1 -> concat[relu | tanh] -> fc2", "--html", "--columns", "layer").out
    assert "<code>8x8x1 -&gt; concat[relu | tanh] -&gt; fc2</code>" in text
    page = Page(text)
    assert ("code", "8x8x1 -> concat[relu | tanh] -> fc2") in page.texts


# ------------------------------------------------------------------------------------------------ measured


def test_what_a_plan_really_takes(say_json):
    found = say_json("show", SMALL, "--batch", "16", "--verify", "--threads", "2")
    measured, estimate = found["measured"], found["estimate"]
    assert (found["mode"], found["batch"], measured["threads"]) == ("infer", 16, 2)
    assert measured["parameters"] >= estimate["parameters"] == 4 * (40 + 650)
    assert (measured["gradients"], measured["optimiser"]) == (0, 0)
    assert measured["in_flight"] == 16 * 64 * 4 + 16 * 10 * 4  # images and scores
    assert estimate == {"parameters": 2760, "state": 0, "arena": 16 * 1280, "total": 2760 + 16 * 1280}
    assert measured["code"] > 1000
    assert measured["total"] == sum(v for k, v in measured.items() if k not in ("total", "threads"))


def test_what_a_training_step_really_takes(say_json, say):
    found = say_json("show", SMALL, "--batch", "16", "--verify", "--train", "--threads", "2")
    measured, estimate = found["measured"], found["estimate"]
    assert found["mode"] == "train"
    assert measured["parameters"] == measured["gradients"] == measured["optimiser"]
    assert estimate["parameters"] == estimate["gradients"] == estimate["optimiser"] == 4 * 690
    assert measured["arena"] + measured["workspace"] > 0
    read_again = (
        64 * 4 * 4 + 16 * 4 * 4 + 16 * 4 + 10 * 4
    )  # of the ReLU, the pool and its indices, the scores
    gradients = (64 * 4 + 16 * 4 + 10) * 4
    assert estimate["arena"] == 16 * (read_again + gradients)
    assert estimate["in_flight"] == 16 * 64 * 4
    said = say("show", SMALL, "--batch", "16", "--verify", "--train", "--threads", "2")
    lines = said.out.splitlines()
    assert lines[:2] == [SMALL, "a training step of 16 images, 2 threads"]
    assert lines[3].split() == ["memory", "estimate", "measured", "bytes"]
    assert next(line for line in lines if line.startswith("total")).split()[-1] == f"{measured['total']:,}"


def test_a_network_that_does_not_fit_in_memory_is_not_tried(refused):
    assert refused("show", SMALL, "--verify", "--memory", "1000") == (
        "running it needs at least 4,040 bytes, more than the 1,000 that are allowed; allow more with "
        "--memory"
    )


# --------------------------------------------------------------------------------------------------- check


@row(85, 86)
def test_check_says_nothing_of_a_network_that_keeps_the_rules(say):
    line = "32x32x3 -> [conv3-8 same -> relu -> maxpool2]*2 -> fc10"
    assert say("check", line) == (0, "", "")
    assert say("check", line, "--json") == (0, "[]\n", "")


@row(85, 86)
def test_check_warns(say):
    line = "31x31x3 -> conv4-8 -> maxpool5 floor -> fc10"
    said = say("check", line)
    assert said == (
        1,
        "input: a size of 31 is not divisible by 5, the stride of a layer; use 30 or 35 (input)\n"
        "conv1: a 4x4 filter has no middle, so that no padding keeps the size; use an odd one (filter)\n"
        "maxpool1: a 5x5 window drops too much; use 2x2 or 3x3 with stride 2 (pooling)\n",
        "",
    )
    said = say("check", line, "--json")
    assert said.status == 1
    assert json.loads(said.out)[1] == {
        "path": "conv1",
        "rule": "filter",
        "text": "a 4x4 filter has no middle, so that no padding keeps the size; use an odd one",
    }


def test_check_refuses_sizes_that_do_not_fit(refused):
    assert refused("check", "5x5x1 -> conv7-2") == (
        "conv1: a 7x7 filter does not fit its 5x5x1 input: (5 - 7 + 2*0) / 1 + 1 = -1; use pad=1, a 7x7x1 "
        "input, or a 5x5 filter"
    )


# -------------------------------------------------------------------------------------------------- models


def test_where_a_stride_does_not_divide(say, say_json):
    line = "10x10x1 -> conv3-2/2 ceil -> fc2"
    text = "(10 - 3 + 2*0) / 2 + 1 = 4.5 positions; by ceil 5: the last window hangs over the end by 1"
    assert say("show", line).out.endswith(f"\n\nWhere a stride does not divide:\n- conv1: {text}\n")
    assert say_json("show", line)["misfits"] == {"conv1": text}
    assert say_json("show", "9x9x1 -> conv3-2/2")["misfits"] == {}


def test_what_this_machine_cannot_run_is_told(say, monkeypatch):
    monkeypatch.setattr("kitnet.cli.show.free_bytes", lambda: 3 << 30)
    text = "this machine has 3.00 GiB free: too little even for the scores\n"
    assert text in say("show", "100000x100000x3 -> conv3-4 -> relu").out
    assert "this machine" not in say("show", "lenet5").out
    monkeypatch.setattr("kitnet.cli.show.free_bytes", lambda: None)  # where the system does not tell
    assert "this machine" not in say("show", "100000x100000x3 -> conv3-4 -> relu").out


def test_an_image_without_its_channel_is_told(say, refused):
    lines = say("show", "28x28 -> conv5-6 -> fc10").out.splitlines()
    assert lines[:3] == [
        "28x28 -> conv5-6 -> fc10",
        "input: 28x28 is one axis: 28 places of 28 channels; for grey images write 28x28x1",
        "",
    ]
    assert say("show", "28x28x1 -> conv5-6 -> fc10").out.splitlines()[1] == ""
    for command in ("show", "train"):
        assert refused(command, "28x28") == (
            "28x28 is an input volume without layers (28x28 is one axis: 28 places of 28 channels); write a "
            "line such as '28x28x1 -> fc10'"
        )
