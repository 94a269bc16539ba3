"""The command line in this process and in one of its own, and small data for it."""

import json
import os
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from patterns import patterns, write_folder
from PIL import Image

import kitnet
from kitnet.cli import run

Said = namedtuple("Said", "status out err")
LINE = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every command runs in an empty folder of its own, and prints lines of any length, but none because this
    machine is slow; training draws no pictures."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("kitnet.cli.screen.PATIENCE", 600.0)
    monkeypatch.setattr("kitnet.cli.train._leave_pictures", lambda folder: None)
    return tmp_path / "here"


@pytest.fixture(scope="session")
def many(tmp_path_factory):
    """As easy, but enough of it that an epoch takes a while."""
    return str(write_folder(tmp_path_factory.mktemp("data") / "many", patterns(3000, 0), patterns(40, 1)))


@pytest.fixture(scope="session")
def trained(tmp_path_factory, easy):
    """The run folder of a network that knows all ten patterns."""
    runs = tmp_path_factory.mktemp("trained")
    line = ["train", LINE, "--data", easy, "--epochs", "15", "--batch", "16", "--runs", str(runs)]
    assert run(line) == 0
    return str(runs / "net-1")


@pytest.fixture
def say(capsys):
    """say("show", "lenet5") -> status, standard output, standard error."""

    def command(*words):
        capsys.readouterr()
        status = run([str(word) for word in words])
        return Said(status, *capsys.readouterr())

    return command


@pytest.fixture
def say_json(say):
    """The one JSON document that a command printed."""

    def command(*words):
        said = say(*words, "--json")
        assert (said.status, said.err) == (0, "")
        return json.loads(said.out)  # fails on anything before or behind it

    return command


@pytest.fixture
def refused(say):
    """The error's text, after checking that there is nothing else: status 2, one line, no output."""

    def command(*words, lines=1):
        said = say(*words)
        assert (said.status, said.out) == (2, "")
        assert said.err.startswith("kitnet: ") and said.err.endswith("\n")
        assert said.err.count("\n") == lines
        return said.err.removeprefix("kitnet: ").removesuffix("\n")

    return command


@pytest.fixture
def start(here):
    """A process of its own: start("train") is `python -m kitnet train`."""
    source = str(Path(kitnet.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": source, "PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8"}
    environment.pop("PYTHONUNBUFFERED", None)  # as most people have it
    running = []

    def command(*words, program=("-m", "kitnet"), **options):
        process = subprocess.Popen(
            [sys.executable, *program, *words],
            **{
                "cwd": here,
                "env": environment,
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                **options,
            },
        )
        running.append(process)
        return process

    yield command
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def picture(tmp_path):
    """Saves pattern k as a picture file: picture("a.png", 3, scale=5, colour=True)."""

    def save(name, k, scale=1, colour=False, invert=False):
        pixels = patterns(k + 1, 2)[0][k].repeat(scale, 0).repeat(scale, 1)
        pixels = 255 - pixels if invert else pixels
        path = tmp_path / name
        Image.fromarray(np.stack([pixels] * 3, 2) if colour else pixels).save(path)
        return str(path)

    return save
