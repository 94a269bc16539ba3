"""`kitnet lab`: the table, the chart, the instructions, the worked examples, and mistakes."""

from __future__ import annotations

import builtins
import re

import pytest
from catalogue import row
from PIL import Image

from kitnet.lab import compare

LINE = "12x4 conv3-5"
QUICK = 0.01


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr("kitnet.lab.comparison.compare.__kwdefaults__", {**DEFAULTS, "seconds": QUICK})


DEFAULTS = {"threads": None, "seed": 0, "progress": None}


CHANNELS = "conv.direct.channels, conv.winograd2.channels, conv.winograd4.channels"


@row(35, 38)
def test_for_people(say, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = say("lab", LINE, "--batch", "2", "--threads", "1")
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "12x4 -> conv3-5 bias=no, 2 images, threads: 1"
    assert lines[2] == "Multiplications forward: direct 1,200; fourier 1,894"
    assert max(map(len, lines)) <= 80
    header = ["algorithm", "ms", "of", "best", "GFLOP/s", "values", "error"]
    assert [line.split() for line in lines].count(header) == 3
    titles = ["Forward", "Gradient of the data", "Gradient of the weights"]
    assert [line for line in lines if line in titles] == titles
    assert f"- {CHANNELS}, conv.tiles.images: only for scores" in " ".join(said.out.split())
    number = r"[0-9,.]+(?:e-[0-9]+)?"
    for name in ("loops", "im2col", "fourier", "matrix", "conv.direct.images"):
        shown = [line for line in lines if re.fullmatch(rf"{re.escape(name)}(\s+{number}){{5}}", line)]
        assert len(shown) == 3, name
    assert sum(line.startswith("The winner is ") for line in lines) == 3
    winner = r"^The winner is [a-z0-9.]+ \(.+\), [0-9.]+ times as fast as [a-z0-9.]+\.$"
    assert len(re.findall(winner, said.out.replace("\n  ", " "), re.M)) == 3
    assert "scaled to the whole" not in said.out
    assert re.fullmatch(
        r"Of the \d+ lanes that \.images algorithms fill with images, 2 are filled\.", lines[-1]
    )


@pytest.fixture(scope="module")
def found():
    """One comparison for several tests."""
    return compare(LINE, 2, threads=1, seconds=QUICK)


def test_a_narrow_terminal_leaves_columns_out(say, monkeypatch, found):
    monkeypatch.setenv("COLUMNS", "46")
    monkeypatch.setattr("kitnet.lab.compare", lambda *given, **options: found)
    lines = say("lab", LINE).out.splitlines()
    assert max(map(len, lines)) <= 46
    assert sum(line.startswith("(the terminal is too narrow for: of best,") for line in lines) == 3
    assert lines[-1] == "  with images, 2 are filled."


def test_a_scaled_time_is_that_of_the_whole(say):
    """The loops take some 100 nanoseconds a multiply-add, and there are 221,184; they do 10,000 of them."""
    out = say("lab", "200x8 conv9-16").out
    assert "\nThe loops computed only a part of a result; their time is scaled to the whole.\n" in out
    milliseconds = re.search(r"^loops +([0-9,.]+)", out, re.M)[1]
    assert 10 < float(milliseconds.replace(",", "")) < 10_000


def test_json(say_json):
    found = say_json("lab", "8x8x1 maxpool2", "--batch", "3")
    assert found["line"] == "8x8x1 -> maxpool2" and found["batch"] == 3
    assert list(found["passes"]) == ["forward", "data"]
    names = [one["name"] for one in found["passes"]["forward"]["algorithms"]]
    assert found["passes"]["forward"]["winner"] in names


def test_an_input_that_was_perhaps_meant_otherwise(say):
    assert (
        "28x28 is one axis: 28 places of 28 channels; for grey images write 28x28x1"
        in say("lab", "28x28 conv3-8", "--code").out.splitlines()
    )
    assert "is one axis" not in say("lab", "28x28x1 conv3-8", "--code").out


def test_code(say, say_json):
    out = say("lab", LINE, "--code").out
    assert out.startswith("12x4 -> conv3-5 bias=no: conv.direct.channels, kernel convolution\n")
    assert re.search(
        r"^The innermost loop has \d+ instructions, of which \d+ multiply and add whole", out, re.M
    )
    found = say_json("lab", LINE, "--code")
    assert found["kernel"] == "convolution" and found["ir"] and found["assembly"]
    loop = "\n".join(line.expandtabs(8) for line in found["loop"])
    assert found["loop"] and out.endswith(f"\n\n{loop}\n")


@pytest.mark.parametrize("line", ["4x4x3 meanpool2", "3x3x8 sumpool3", "4x4x3 maxpool2"])
def test_code_of_a_kernel_without_a_loop(say, line):
    above, code = say("lab", line, "--code").out.split(":\n\n")
    told = re.fullmatch(
        r"The kernel has no loop, and (\d+) instructions, of which \d+ multiply and add whole vectors",
        above.splitlines()[-1],
    )
    assert int(told[1]) == len(code.splitlines()) > 10


@row(13, 14, 15, 25, 32, 48)
@pytest.mark.parametrize(
    ("number", "text"),
    [
        (13, "  full = 0 1 3 1 2 3 0"),
        (14, "  valid = -3  0"),
        (15, "  correlation = 12 12 17"),
        (25, "  V[2, 3, 1] = np.sum(X[4:9, 6:11, :] * W1) + b1 = -5"),
        (32, "Emboss: lit from the lower right; grey where it is even"),
        (48, "  ej = dC/dzj = (d1 uj1 + d2 uj2) hj (1 - hj)"),
    ],
)
def test_examples(say, number, text):
    said = say("lab", "--example", number)
    assert (said.status, said.err) == (0, "")
    assert text in said.out.splitlines()


def test_an_example_as_json(say_json):
    assert say_json("lab", "--example", "13")["results"]["full"] == [0, 1, 3, 1, 2, 3, 0]
    assert say_json("lab", "--example")["14"] == "convolution and correlation in two dimensions"


def test_the_list_of_examples(say):
    lines = say("lab", "--example").out.splitlines()
    assert lines[0].split() == ["row", "example"]
    assert " 48  back-propagation through 3 hidden and 2 output units" in lines


# Charts


def test_a_chart(say, here, monkeypatch, found):
    monkeypatch.setattr("kitnet.lab.compare", lambda *given, **options: found)
    assert say("lab", LINE, "--plot", "a.png").status == 0
    with Image.open(here / "a.png") as image:
        assert image.size[0] == 960


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.jpeg", "a.jpeg: a chart is a .png, .svg or .pdf file; name it so"),
        ("away/a.png", "away/a.png: there is no folder away; make it first"),
        ("folder.png", "folder.png: this is a folder; name a file"),
    ],
)
def test_charts_that_cannot_be_saved(refused, here, path, text):
    (here / "folder.png").mkdir()
    assert refused("lab", LINE, "--plot", path) == text


def test_a_chart_without_matplotlib(refused, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    assert refused("lab", LINE, "--plot", "a.png") == "a chart needs matplotlib; install kitnet[plots]"


# Mistakes


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "lab takes a volume and a layer, as in: kitnet lab '28x28x128 conv3-128 same'"),
        (
            ("8x8x1 relu",),
            "the laboratory takes conv, maxpool, meanpool and sumpool, not relu",
        ),
        (
            ("5x5x1 conv3-4/3",),
            "conv1: a stride of 3 does not divide: (5 - 3 + 2*0) / 3 + 1 = 1.667 positions of a 3x3 filter "
            "on its 5x5x1 input; use stride=2, pad=0:1x0:1, a 3x3x1 or 6x6x1 input, or write floor to drop "
            "the last 2",
        ),
        ((LINE, "--batch", "0"), "--batch 0 is not possible; use 1 to 1048576"),
        (
            (LINE, "--code", "--plot", "a.png"),
            "--code measures nothing that --plot could show; leave one of the two out",
        ),
        ((LINE, "--example", "14"), "--example takes a row and --json alone; leave the rest out"),
        (("--example", "14", "--batch", "2"), "--example takes a row and --json alone; leave the rest out"),
        (("--example", "14", "15"), "--example takes one row; give the others in further calls"),
        (
            ("--example", "2"),
            "there is no worked example of row '2'; there are 1, 13, 14, 15, 17, 25, 30, 31, 32, 34, 35, 36, "
            "37, 48, 51",
        ),
    ],
)
def test_mistakes(refused, words, text):
    assert refused("lab", *words) == text


def test_ctrl_c_is_one_line(say, monkeypatch):
    def interrupted(*given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("kitnet.lab.compare", interrupted)
    said = say("lab", "8x8x3 conv3-4 same")
    assert (said.status, said.out, said.err) == (130, "", "kitnet: stopped by Ctrl-C\n")
