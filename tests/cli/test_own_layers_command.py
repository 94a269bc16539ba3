"""Layers of one's own on the command line: `--import FILE.py`, and nothing else, runs such a file."""

import re
import sys
from pathlib import Path

import pytest

from kitnet.cli.train import _say_stopped
from kitnet.layers import LAYERS

ISRU = '''
from __future__ import annotations
from dataclasses import dataclass
import numpy as np
from kitnet.layers import Backward, Case, Forward, Layer


@dataclass(frozen=True)
class Isru(Layer):
    """`isru`: y = x / sqrt(1 + alpha x^2)"""

    word = "isru"
    alpha: float = 1.0

    def output_shape(self, *x):
        return x[0]

    def forward(self, w, state, ctx, *x):
        return Forward(x[0] / np.sqrt(1 + self.alpha * x[0] ** 2))

    def backward(self, w, kept, dy):
        return Backward((dy / np.sqrt(1 + self.alpha * kept.x[0] ** 2) ** 3,))

    @classmethod
    def cases(cls):
        yield Case(cls(), ((3, 4, 2),))
'''
LINE = "8x8x1 -> fc16 -> isru -> fc10"


@pytest.fixture
def isru(here, own_layers):
    (here / "my_isru.py").write_text(ISRU)
    yield "my_isru.py"
    sys.modules.pop("my_isru", None)


def test_every_command_that_takes_a_line_or_a_model(say, refused, isru, easy, here):
    said = say("train", LINE, "--import", isru, "--data", easy, "--epochs", "1", "--engine", "formula")
    assert said.status == 0, said.err
    del LAYERS["isru"]  # as in another process
    run = "runs/net-1"
    unknown = (
        f"{run}/best.safetensors: uses the layer 'isru', which is not known here; import the module that "
        "defines it, with the command: --import FILE.py"
    )
    assert refused("verify", run) == unknown
    for words in (
        ("verify", run),
        ("show", run),
        ("explain", LINE),
        ("check", LINE),
        ("evaluate", run, "--engine", "formula"),
        ("diff", LINE, "8x8x1 -> fc16 -> relu -> fc10"),
        ("train", "--resume", run, "--epochs", "2"),
    ):
        LAYERS.defined.pop("isru", None)
        said = say(*words, f"--import={isru}")
        assert said.status in (0, 1), (words, said.err)
        assert "isru" not in said.err


def test_the_layer_of_the_readme_in_a_file_of_its_own(say, here, own_layers, easy):
    """As it is printed: a word, every check, training on kernels and a plan, without an edit elsewhere."""
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    (block,) = (text for text in re.findall(r"```python\n(.*?)```", readme, re.S) if "class Isru" in text)
    (definition,) = re.findall(r"^@dataclass.*?(?=^check_layer)", block, re.S | re.M)
    assert len([line for line in definition.splitlines() if line.strip()]) <= 25
    (here / "my_layers.py").write_text(block)
    words = ("--import", "my_layers.py")
    said = say("train", "8x8x1 -> fc32 -> isru alpha=0.5 -> fc10", "--data", easy, "--epochs", "1", *words)
    assert said.status == 0, said.err
    assert "isru alpha=0.5" in say("show", "runs/net-1", *words).out
    assert "formula" in say("explain", "8x8x1 -> fc32 -> isru -> fc10", *words).out
    sys.modules.pop("my_layers", None)


def test_commands_to_type_import_the_same_files(say, isru, easy):
    words = ("--data", easy, "--epochs", "1", "--engine", "formula")
    advice = "try: kitnet predict runs/net-1 IMAGE.png"
    assert (
        say("train", LINE, "--import", isru, *words)
        .out.splitlines()[-1]
        .endswith(f"{advice} --import my_isru.py")
    )
    said = say("train", "8x8x1 -> fc10", *words)
    assert said.out.splitlines()[-1].endswith(advice.replace("net-1", "net-2"))
    found = say("lr-find", LINE, "--import", isru, "--data", easy, "--steps", "40", "--engine", "formula")
    assert found.out.splitlines()[-1].startswith("try: kitnet train '8x8x1 -> fc16 -> isru -> fc10' --data ")
    assert found.out.splitlines()[-1].endswith(" --import my_isru.py")


def test_a_stopped_run_goes_on_with_the_same_files(say, isru, easy, monkeypatch):
    def stopped(show, events):
        _say_stopped("there", Path("runs/net-1"))
        return 130

    monkeypatch.setattr("kitnet.cli.train._Show.all", stopped)
    assert say("train", LINE, "--import", isru, "--data", easy).err == (
        "kitnet: stopped there; go on with: kitnet train --resume runs/net-1 --import my_isru.py\n"
    )


def test_a_file_that_is_imported_twice_replaces_its_layers(say, isru):
    for _ in range(2):
        assert say("show", LINE, "--import", isru, "--import", isru).status == 0


def test_a_layer_that_is_not_whole(refused, here, own_layers):
    (here / "half.py").write_text(ISRU[: ISRU.index("    @classmethod")])
    assert refused("show", LINE, "--import", "half.py", lines=3).splitlines()[0] == (
        "isru: its class Isru lacks cases, which every layer has"
    )


def test_what_cannot_be_imported(refused, here, own_layers):
    (here / "broken.py").write_text("x = 1\nraise OSError('no disk')\n")
    (here / "odd.py").write_text("x = = 1\n")
    (here / "end.py").write_text("import sys\nsys.exit(3)\n")
    told = {
        ("--import", "none.py"): "--import none.py: there is no such file",
        ("--import=layers.txt",): "--import layers.txt: expected a file with layers of your own, such as "
        "--import my_layers.py",
        ("--import",): "--import : expected a file with layers of your own, such as --import my_layers.py",
        ("--import", "broken.py"): "--import broken.py, line 2: OSError: no disk",
        ("--import", "odd.py"): "--import odd.py, line 1: SyntaxError: invalid syntax (odd.py, line 1)",
        ("--import", "end.py"): "--import end.py, line 2: SystemExit: 3",
    }
    for words, text in told.items():
        assert refused("show", "lenet5", *words) == text


def test_a_model_does_not_name_what_is_imported(say, isru, easy, here):
    """What a run keeps mentions the word of the layer, and no file of Python."""
    words = ("--import", isru, "--data", easy, "--epochs", "1", "--engine", "formula")
    assert say("train", LINE, *words).status == 0
    for path in (here / "runs" / "net-1").iterdir():
        assert b"my_isru" not in path.read_bytes()
