"""Model files, checkpoints and arguments with changed bytes: one line that says what is wrong, or what was
written; never a traceback."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from changes import changed, check_changed

import kitnet
from kitnet.base.error import KitnetError
from kitnet.data import Preparation
from kitnet.files import opened
from kitnet.files.tensors import DIGEST, write_tensors
from kitnet.net import usual_loss
from kitnet.optim import Adam, Sgd
from kitnet.train import Model, Settings
from kitnet.train.checkpoint import Progress, Training, load_checkpoint, save_checkpoint
from kitnet.train.events import EpochEnded
from kitnet.train.metrics import Score

FEW, MANY = 40, 2000
LINE = "6x6x1 -> conv3-2 -> batchnorm -> relu -> fc3"


def training(seed: int = 1, rule: Sgd | Adam | None = None) -> Training:
    net = kitnet.parse(LINE).initialise(seed)
    rule = rule or Sgd(0.1)
    return Training(net, rule, {name: net.weights.like() for name in rule.memory}, 7, "digest", {"lr": 0.1})


def save_model(path: Path) -> None:
    net = kitnet.parse(LINE).initialise(1)
    model = Model(net, usual_loss(net.graph), ("a", "b", "c"), Preparation((6, 6, 1), (6, 6), (0.0,), (1.0,)))
    model.save(path, np.zeros((2, 6, 6, 1), np.uint8))


def save_some_checkpoint(path: Path) -> None:
    row = EpochEnded(1, 0.5, 0.25, 0.5, 0.25, 1.5, 100.0)
    save_checkpoint(path, training(), Progress(1, 3, 12.5, 0.75, 2.5, Score(48, 0.5, 13), [row]))


def write_arguments(path: Path) -> None:
    path.write_text(Settings(model=LINE, data="somewhere", lr=0.1, epochs=3, freeze="conv1").to_toml())


def read_checkpoint(path: Path) -> None:
    """A refused one changes nothing."""
    into = training(2)
    before = into.net.weights.flat.tobytes()
    try:
        load_checkpoint(path, into)
    except KitnetError:
        assert into.net.weights.flat.tobytes() == before
        raise


def read_arrays(path: Path) -> None:
    with opened(path) as file:
        file.read()


def signed(path: Path, content: bytes, draw: np.random.Generator) -> None:
    """One of the texts of the file is changed, and its checksum is right again."""
    path.write_bytes(content)
    with opened(path) as file:
        arrays, texts = file.read(), dict(file.metadata)
    texts.pop(DIGEST)
    name = sorted(texts)[draw.integers(len(texts))]
    texts[name] = changed(texts[name].encode(), draw).decode(errors="replace")
    write_tensors(path, arrays, texts)


def plain(path: Path, content: bytes, draw: np.random.Generator) -> None:
    path.write_bytes(changed(content, draw))


def head(path: Path, content: bytes, draw: np.random.Generator) -> None:
    """Its header is changed, which says where the arrays lie."""
    end = 8 + int.from_bytes(content[:8], "little")
    path.write_bytes(changed(content[:end], draw) + content[end:])


Spoil = Callable[[Path, bytes, np.random.Generator], None]
FORMATS: dict[str, tuple[Callable[[Path], None], Spoil, Callable[[Path], object]]] = {
    "model": (save_model, plain, Model.load),
    "model, signed": (save_model, signed, Model.load),
    "checkpoint": (save_some_checkpoint, plain, read_checkpoint),
    "checkpoint, signed": (save_some_checkpoint, signed, read_checkpoint),
    "safetensors": (save_some_checkpoint, head, read_arrays),
    "arguments": (write_arguments, plain, Settings.read),
}
OFTEN = {"checkpoint, signed"}  # in the default run


def check(name: str, number: int, folder: Path) -> None:
    write, spoil, read = FORMATS[name]
    write(folder / "whole")
    content, names = (folder / "whole").read_bytes(), itertools.count()

    def one(draw: np.random.Generator) -> None:
        path = folder / f"{next(names)}.safetensors"
        spoil(path, content, draw)
        try:
            read(path)
        except KitnetError:
            raise
        except Exception as error:
            raise AssertionError(path.read_bytes()) from error

    check_changed(one, number)


@pytest.mark.parametrize(
    "name", [name if name in OFTEN else pytest.param(name, marks=pytest.mark.slow) for name in FORMATS]
)
def test_some_changed_files(name: str, tmp_path: Path) -> None:
    check(name, FEW, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", FORMATS)
def test_many_changed_files(name: str, tmp_path: Path) -> None:
    check(name, MANY, tmp_path)
