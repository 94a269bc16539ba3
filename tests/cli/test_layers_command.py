"""`kitnet layers` prints a table of all words, and of one word all that is known."""

import re

import pytest
from catalogue import row

from kitnet.engine.lower import IMPLEMENTATIONS
from kitnet.layers import LAYERS, Loss
from kitnet.net import parse


@pytest.fixture
def table(say):
    """The cells of each row by its word: kind, parameters, hyperparameters."""
    lines = say("layers").out.splitlines()
    heads = lines[0]
    starts = [heads.index(name) for name in ("word", "kind", "parameters", "hyperparameters")]
    ends = [*starts[1:], None]
    cells = [[line[a:b].strip() for a, b in zip(starts, ends, strict=True)] for line in lines[1:-1]]
    return {word: rest for word, *rest in cells}


@row(138)
def test_which_layers_have_parameters_and_which_hyperparameters(table):
    assert list(table) == sorted(LAYERS)
    assert table["conv"] == [
        "layer", "weight bias", "window filters stride pad dilation groups table bias on_misfit init",
    ]  # fmt: skip
    assert table["fc"] == ["layer", "weight bias", "units bias init"]
    assert table["maxpool"] == ["layer", "", "window stride pad on_misfit"]
    assert table["relu"] == ["layer", "", ""]
    assert table["subsample"][1] == "coefficient bias"
    assert table["quadratic"][0] == "loss" and table["add"][0] == "block"


@pytest.mark.parametrize("columns", [60, 80])
def test_the_table_fits_the_terminal(say, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = say("layers").out.splitlines()
    assert max(map(len, lines)) <= columns
    words = [line.split()[0] for line in lines[1:] if not line.startswith(" ")]
    assert words[: len(LAYERS)] == sorted(LAYERS)
    text = re.sub(r"\s+", " ", " ".join(lines))
    assert "window filters stride pad dilation" in text or columns == 60


def test_one_word(say):
    said = say("layers", "maxpool")
    assert (said.status, said.err) == (0, "")
    assert said.out == (
        "maxpool (layer)  `maxpool2`: y = the largest value of each window, 2x2 and side by side; "
        "`maxpool3/2`: "
        "windows of 3x3, two apart.\n"
        "\n"
        "    Max pooling: y = the largest value of each window, map by map; the winner's index in its "
        "window is "
        "kept.\n"
        "\n"
        "    The gradient dy goes to the winner alone; where windows overlap, dx is the sum of what they "
        "send.\n"
        "    Padding never wins, not even over minus infinity, and of equal values the first wins. "
        "Overlapping "
        "pooling:\n"
        "    Krizhevsky et al. 2012, section 3.4.\n"
        "    (kitnet/layers/max_pool.py)\n"
        "\n"
        "Hyperparameters\n"
        "    window: a size such as 3 or 3x5, always given\n"
        "    stride: a size such as 3 or 3x5, usually none\n"
        "    pad: valid, same, full, a number, or one an axis such as 1x2 or 0:1x1:2, usually valid\n"
        "    on_misfit: error or floor or ceil or pad or crop, usually error\n"
        "\n"
        "Parameters\n"
        "    none\n"
        "\n"
        "Example\n"
        "    4x6x3 -> maxpool2\n"
        "    from 4x6x3 to 2x3x3\n"
        "    the way back reads indices\n"
        "\n"
        "Implementations\n"
        "    maxpool.images: largest values and their indices\n"
        "    maxpool.channels: largest values and their indices\n"
        "    formula.images: formula\n"
        "    formula.channels: formula\n"
    )


def test_one_word_as_json(say_json):
    found = say_json("layers", "conv")
    assert (found["parameters"], found["numbers"]) == (["weight", "bias"], ["window", "filters"])
    usual = {one["name"]: one["default"] for one in found["arguments"]}
    assert (usual["stride"], usual["pad"], usual["window"]) == ("1", "valid", "")
    assert "dx[n, i, c] = sum over k, and over o, r" in found["formulas"]
    assert "LeCun et al. 1998" in found["formulas"]
    assert found["module"] == "kitnet.layers.convolution"
    assert found["example"] == {
        "line": "5x6x3 -> conv3-4",
        "inputs": ["5x6x3"],
        "output": "3x4x4",
        "parameters": {"weight": "3x3x3x4", "bias": "4"},
        "state": {},
        "kept": ["x"],
    }
    ids = [one["implementation"] for one in found["implementations"]]
    assert {"conv.winograd4.images", "conv.direct.channels", "conv.fourier.images"} <= set(ids)
    assert ids[-2:] == ["formula.images", "formula.channels"]


@pytest.mark.parametrize("word", LAYERS)
def test_every_word_has_formulas_both_ways_a_source_and_an_example(say_json, word):
    found = say_json("layers", word)
    assert re.search(r"\b(y|y_i|y\[.*?\]|C) = ", found["about"])
    text = found["formulas"]
    assert re.search(r"\bd[xyza](_\w)?\b|gradient", text), "no way back"
    line = found["example"]["line"]
    if not issubclass(LAYERS[word], Loss):
        made = parse(line)
        assert "x".join(map(str, made.output_shape)) == found["example"]["output"]
    known = {one.id for one in IMPLEMENTATIONS} | {"formula.images", "formula.channels"}
    assert {one["implementation"] for one in found["implementations"]} <= known


def test_an_unknown_word(refused):
    assert refused("layers", "pool") == (
        "unknown layer 'pool' (did you mean 'maxpool'?); `kitnet layers` prints all of them"
    )


def test_every_entry_begins_with_a_formula(say_json):
    rows = say_json("layers")
    assert [entry["word"] for entry in rows] == sorted(LAYERS)
    for entry in rows:
        about = entry["about"]
        if entry["kind"] == "loss":
            assert re.match("C = ", about), about
        else:
            assert re.match(rf"`{entry['word']}.*?`:.*? (y|y_i|y\[.*?\]) = ", about), about


@pytest.mark.parametrize(
    ("word", "formula"),
    [
        ("relu", "y = max(x, 0)"),
        ("tanh", "y = tanh x"),
        ("sigmoid", "y = 1 / (1 + e^-x)"),
        ("softmax", "y_i = e^x_i / sum_j e^x_j"),
        ("add", "y = a + b + ..."),
        ("quadratic", "C = 1/2 sum_i (y_i - t_i)^2"),
    ],
)
def test_it_is_printed_in_the_words_line(say, word, formula):
    kind = "loss" if issubclass(LAYERS[word], Loss) else "block" if word == "add" else "layer"
    line = say("layers", word).out.splitlines()[0]
    assert line.startswith(f"{word} ({kind})") and formula in line
