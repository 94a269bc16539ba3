"""`kitnet layers` prints a table of all words, and of one word all that is known."""

import re

import pytest
from catalogue import row

from kitnet.engine.lower import implementations
from kitnet.layers import LAYERS, Loss
from kitnet.net import parse
from kitnet.zoo.errata import ERRATA


@pytest.fixture
def table(say):
    """The cells of each row by its word: kind, parameters, hyperparameters."""
    lines = say("layers").out.splitlines()
    heads = lines[0]
    starts = [heads.index(name) for name in ("word", "kind", "parameters", "hyperparameters")]
    ends = [*starts[1:], None]
    found, last = {}, ""
    for line in lines[1:-1]:
        word, *rest = (line[a:b].strip() for a, b in zip(starts, ends, strict=True))
        if word:
            found[word] = rest
        else:  # the hyperparameters go on
            found[last][-1] += f" {rest[-1]}"
        last = word or last
    return found


@row(138)
def test_which_layers_have_parameters_and_which_hyperparameters(table):
    assert list(table) == sorted(LAYERS)
    words = {word: [set(cell.split()) for cell in cells[1:]] for word, cells in table.items()}
    assert words["conv"][0] == {"weight", "bias"}
    assert words["conv"][1] >= {"window", "filters", "stride", "pad", "dilation", "groups", "table", "init"}
    assert words["fc"] == [{"weight", "bias"}, {"units", "bias", "init"}]
    assert words["maxpool"][0] == set() and words["maxpool"][1] >= {"window", "stride", "pad", "on_misfit"}
    assert words["relu"] == [set(), {"cap"}]
    assert words["tanh"] == [set(), set()]
    assert table["subsample"][1] == "coefficient bias"
    assert table["quadratic"][0] == "loss" and table["add"][0] == "block"


@pytest.mark.parametrize("columns", [60, 80, None])
def test_the_table_fits_the_terminal(say, monkeypatch, columns):
    """And 80 columns in a pipe, which has no width."""
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", str(columns))
    lines = say("layers").out.splitlines()
    assert max(map(len, lines)) <= (columns or 80)
    words = [line.split()[0] for line in lines[1:] if not line.startswith(" ")]
    assert words[: len(LAYERS)] == sorted(LAYERS)
    text = re.sub(r"\s+", " ", " ".join(lines))
    assert "window filters stride pad dilation" in text or columns == 60


def test_one_word(say):
    said = say("layers", "fc")
    assert (said.status, said.err) == (0, "")
    assert said.out == (
        "fc (layer)  `fc120`: y[k] = b[k] + sum over j of x[j] * w[j, k]: 120 units, each connected with "
        "every value of an input of any shape, taken row by row, channels innermost: j = (h * W + w) * C + "
        "c.\n"
        "\n"
        "    The fully connected layer: y[n, k] = b[k] + sum over j of x[n, j] * w[j, k], x taken as one "
        "long row.\n"
        "\n"
        "    It is a convolution whose window covers the whole input: w (inputs, units) is the filters "
        "(*sizes, C, units)\n"
        "    in one block.\n"
        "\n"
        "        dx[n, j] = sum over k of dy[n, k] * w[j, k]\n"
        "        dw[j, k] = sum over n of x[n, j] * dy[n, k]\n"
        "        db[k]    = sum over n of dy[n, k]\n"
        "\n"
        '    (Rumelhart, Hinton & Williams, "Learning representations by back-propagating errors", 1986.)\n'
        "    (kitnet/layers/linear.py)\n"
        "\n"
        "Hyperparameters\n"
        "    units: a whole number, always given\n"
        "    bias: yes or no, usually yes\n"
        "    init: zeros or ones or mean or quarter or lecun1998 or lecun or glorot or he or gaussian or "
        "orthogonal or dirac, "
        "usually he\n"
        "\n"
        "Parameters\n"
        "    weight bias\n"
        "\n"
        "Example\n"
        "    7 -> fc5\n"
        "    from 7 to 5 with weight 7x5; bias 5\n"
        "    the way back reads x\n"
        "\n"
        "Implementations\n"
        "    conv.direct.images: direct\n"
        "    linear.channels: weights as they lie\n"
        "    conv.direct.channels: direct\n"
        "    formula.images: formula\n"
        "    formula.channels: formula\n"
        "\n"
        "Texts print\n"
        "    - z_j = sum over k of w_kj a_k + b_k. The bias is the unit's own, b_j.\n"
        "    - delta(l) = delta(l + 1) W f' where z = W a + b. The shapes of that do not fit. It is (W^T "
        "delta) f', place by place; kitnet's z = a W + b goes back by delta W^T.\n"
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
    assert found["errata"] == [
        {"printed": one.printed, "note": one.note} for one in ERRATA if one.word == "conv"
    ]
    assert len(found["errata"]) == 14


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
    known = {one.id for one in implementations()} | {"formula.images", "formula.channels"}
    assert {one["implementation"] for one in found["implementations"]} <= known


def test_an_unknown_word(refused):
    assert refused("layers", "pool") == (
        "unknown layer 'pool' (kitnet calls it 'maxpool'); write maxpool5; `kitnet layers maxpool` tells all "
        "of it"
    )
    assert refused("layers", "cnov") == (
        "unknown layer 'cnov' (did you mean 'conv'?); `kitnet layers` prints all of them"
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


@pytest.mark.parametrize(
    ("name", "word", "written"),
    [
        ("convt", "transposed", "transposed5-6"),
        ("depthwise", "conv", "conv3-16 groups=16, with as many groups as there are channels"),
        ("mse", "quadratic", "quadratic"),
    ],
)
def test_words_of_other_libraries(refused, name, word, written):
    assert refused("layers", name) == (
        f"unknown layer {name!r} (kitnet calls it {word!r}); write {written}; `kitnet layers {word}` tells "
        "all of it"
    )
