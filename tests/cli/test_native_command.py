"""`kitnet export --native`: the three files, what it says, and what it refuses."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from kitnet.kernels.cpu import levels
from kitnet.train import Model


def test_a_run_as_an_object_file(say, trained):
    said = say("export", trained, "--native", "digits")
    size, weights = len(Path("digits/net.o").read_bytes()), 4 * (9 * 4 + 4 + 64 * 10 + 10)
    assert said == (
        0,
        f"digits/net.o: {size / 1e3:,.0f} kB, of which {weights / 1e3:,.0f} are the weights\n"
        "cc digits/example.c digits/net.o -o example && ./example\n",
        "",
    )
    header = Path("digits/net.h").read_text()
    assert header.startswith("/* net-1: 8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10\n")
    assert re.findall(r"#define (NET_\w+) (\d+)", header)[:3] == [
        ("NET_BATCH", "1"),
        ("NET_INPUT", "64"),
        ("NET_OUTPUT", "10"),
    ]
    if shutil.which("cc") is None:
        pytest.skip("no C compiler is there: apt-get install gcc")
    subprocess.run(said.out.splitlines()[1], shell=True, check=True)
    done = subprocess.run("./example", check=True, capture_output=True, text=True)
    images, _ = Model.golden(trained)
    best = Model.load(trained).predict(images[:1])[0]
    assert done.stdout.startswith(f"{best}, with a score of ")


def test_for_other_processors_and_several_images(say, trained):
    assert say("export", trained, "--native", ".", "--cpu", levels()[-1], "--batch", "3").status == 0
    header = Path("net.h").read_text()
    assert f"processors with all that {levels()[-1]} has. */" in header and "NET_BATCH 3 " in header


def test_what_is_refused(refused, trained):
    assert refused("export", trained, "--html", "page.html", "--native", "digits") == (
        "--html and --native: one form at a time; export twice"
    )
    assert refused("export", trained, "--html", "page.html", "--cpu", "avx2") == (
        "--cpu is of --native; give --native DIR, or leave it out"
    )
    assert refused("export", trained, "--html", "page.html", "--batch", "2") == (
        "--batch is of --native; give --native DIR, or leave it out"
    )
    assert refused("export", trained, "--native", "digits", "--cpu", "z80") == (
        "--cpu z80: the weights are prepared on this processor, which can be this, " + ", ".join(levels())
    )
    assert refused("export", trained, "--native", "digits", "--batch", "0") == (
        "batch 0 is not possible; use 1 to 1048576"
    )
    Path("net.h").write_text("mine")
    assert refused("export", trained, "--native", ".") == (
        "net.h: kitnet did not write it; give another folder, or remove it"
    )
    assert [path.name for path in Path().iterdir()] == ["net.h"]
