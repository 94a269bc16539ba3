"""Each system call of a save fails in turn: an error is told, the last good checkpoint stays, and the run
goes on from it to the same bits."""

from __future__ import annotations

import errno
import os
import tempfile

import pytest
from safetensors.numpy import load_file

from kitnet.base.error import RunError
from kitnet.train import EpochEnded, Finished, Model, Settings, Stepped, resume, train

FULL = OSError(errno.ENOSPC, "No space left on device")
MODULES = {"mkstemp": tempfile, "write": os, "fsync": os, "replace": os}
# In the save at an epoch's end: last and best model, results.csv, the checkpoint.
TIMES = {"mkstemp": 4, "write": 4, "fsync": 8, "replace": 4}


class FullFile:
    """A file on a full disk."""

    def __init__(self, file):
        self._file = file

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._file.close()

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, content):
        raise FULL


def fail(monkeypatch, name, number):
    """The number-th call from now on fails."""
    whole, seen = getattr(MODULES[name], "fdopen" if name == "write" else name), 0

    def call(*given, **named):
        nonlocal seen
        seen += 1
        if seen != number:
            return whole(*given, **named)
        if name == "write":
            return FullFile(whole(*given, **named))
        raise FULL

    monkeypatch.setattr(MODULES[name], "fdopen" if name == "write" else name, call)


def end(folder):
    arrays = load_file(max(folder.glob("checkpoint-*.safetensors")))
    return {name: array.tobytes() for name, array in arrays.items()}


TOLD = {"model": "8x8x1 -> fc10", "epochs": 2, "batch": 50, "engine": "formula", "validation": 0.0}


@pytest.fixture(scope="module")
def whole(easy, tmp_path_factory):
    """What a run ends with in which nothing fails."""
    told = Settings(data=easy, runs=str(tmp_path_factory.mktemp("whole")), **TOLD)
    return end(list(train(told))[-1].folder)


CASES = [(name, number) for name, times in TIMES.items() for number in range(times, 0, -1)]


@pytest.mark.parametrize(("name", "number"), CASES)
@pytest.mark.sample(4)
def test_a_call_that_fails(settings, monkeypatch, whole, name, number):
    running = train(settings(**TOLD))
    folder = next(running).folder
    ended = False
    for event in running:
        ended |= isinstance(event, EpochEnded)
        if ended and isinstance(event, Stepped):  # the first epoch is saved
            break
    kept, before = max(folder.glob("checkpoint-*")), end(folder)
    with monkeypatch.context() as patch:
        fail(patch, name, number)
        with pytest.raises(RunError) as caught:
            list(running)
    path, _, text = str(caught.value).partition(": ")
    assert path.startswith(f"{folder}/") and text == (
        f"cannot be written (No space left on device); everything up to step {int(kept.stem[-8:])} is saved: "
        f"once there is room, go on with kitnet train --resume {folder}"
    )
    assert not (folder / "summary.json").exists()
    assert kept.exists() and Model.verify(folder) == (8, 0.0)
    if number <= TIMES[name] - (name == "fsync"):  # the last one syncs the folder, when the file is there
        assert end(folder) == before
    assert isinstance(list(resume(folder))[-1], Finished)
    assert end(folder) == whole
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_start_that_cannot_be_saved_leaves_nothing(settings, monkeypatch, tmp_path):
    running = train(settings(engine="formula"))
    with monkeypatch.context() as patch:
        fail(patch, "fsync", 1)
        with pytest.raises(RunError):
            next(running)
    assert list((tmp_path / "runs").iterdir()) == []
