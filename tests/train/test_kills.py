"""A run that is killed goes on to the very bits of one that was not, wherever it was killed.

One process imports kitnet and forks a child for each run, so that a kill costs milliseconds.
"""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from kitnet.base.error import RunError
from kitnet.train import resume

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
LINE = "8x8x1 -> fc10 -> batchnorm -> fc10"
# Of the system, that saves make, and how often a whole run does.
CALLS = {"open": 31, "fsync": 30, "replace": 15, "unlink": 6}

NURSERY = """
import json, os, pathlib, signal, sys, time
from kitnet.train import Settings, resume, train
import kitnet.net.ledger

def die_at(name, number, after):
    whole, seen = getattr(os, name), 0

    def call(*given, **named):
        nonlocal seen
        seen += 1
        if seen == number and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        found = whole(*given, **named)
        if seen == number and after:
            os.kill(os.getpid(), signal.SIGKILL)
        return found

    setattr(os, name, call)

for line in sys.stdin:
    told = json.loads(line)
    child = os.fork()
    if child == 0:
        if told["die"]:
            die_at(*told["die"])
        try:
            list(resume(told["resume"]) if told["resume"] else train(Settings(**told["settings"])))
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    if told["after"] is not None:
        folder = pathlib.Path(told["settings"]["runs"]) / told["settings"]["name"]
        ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
        # the start is saved before the first step
        while not any(folder.glob("checkpoint-*")) and not os.waitid(os.P_PID, child, ended):
            time.sleep(0.001)
        time.sleep(told["after"])
        os.kill(child, signal.SIGKILL)  # until it is waited for, its number stays its own
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Nursery:
    """Runs in processes of their own."""

    def __init__(self, tmp_path: Path, data: str) -> None:
        self.runs = tmp_path / "runs"
        self.settings = {
            **{"model": LINE, "data": data, "epochs": 2, "batch": 34, "runs": str(self.runs), "seed": 3},
            **{"engine": "formula", "optimizer": "adam", "schedule": "cosine", "average": 0.9},
            "save_every": 0.0,
        }
        self._process = subprocess.Popen(
            [sys.executable, "-c", NURSERY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )

    def run(self, name: str, resumed: bool = False, die: Any = None, after: float | None = None) -> int:
        """The exit status of a run, killed so many seconds after its start is saved, or at the number-th call
        of a name."""
        assert self._process.stdin and self._process.stdout
        told = {
            "settings": {**self.settings, "name": name},
            "resume": str(self.runs / name) if resumed else None,
            **{"die": die, "after": after},
        }
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture
def nursery(tmp_path: Path, easy: str) -> Iterator[Nursery]:
    made = Nursery(tmp_path, easy)
    yield made
    made.close()


def end(folder: Path) -> dict[str, bytes]:
    arrays = load_file(max(folder.glob("checkpoint-*.safetensors")))
    models = {name: (folder / name).read_bytes() for name in ("best.safetensors", "last.safetensors")}
    return {**{name: array.tobytes() for name, array in arrays.items()}, **models}


def goes_on(nursery: Nursery, name: str, whole: dict[str, bytes]) -> bool:
    """Whether there was something to go on from; if so it ends with the same bits, and nothing lies about."""
    folder = nursery.runs / name
    if not list(folder.glob("checkpoint-*.safetensors")):
        return False
    if not (folder / "summary.json").exists():
        assert nursery.run(name, resumed=True) == 0
    assert end(folder) == whole
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".") and path.name != ".lock"]
    return True


def kill(nursery: Nursery, kills: int, aimed: int) -> int:
    """So many kills, some of them aimed into a save; how many runs died and had something to go on from."""
    assert nursery.run("whole-0") == 0
    whole, seconds = end(nursery.runs / "whole-0"), math.inf
    for i in range(1, 4):  # other processes only lengthen it
        begun = time.monotonic()
        assert nursery.run(f"whole-{i}") == 0
        seconds = min(seconds, time.monotonic() - begun)
    rng, resumed = np.random.default_rng(1), 0
    for i in range(1, kills + 1):
        if i <= aimed:
            name, calls = [*CALLS.items()][i % len(CALLS)]
            die = name, int(rng.integers(1, calls + 1)), bool(rng.integers(2))
            status = nursery.run(f"killed-{i}", die=die)
            assert status == -signal.SIGKILL
        else:
            status = nursery.run(f"killed-{i}", after=float(rng.uniform(0, seconds)))
            assert status in (-signal.SIGKILL, 0)  # it may have ended before
        resumed += goes_on(nursery, f"killed-{i}", whole) and status != 0
    return resumed


def test_some_kills(nursery: Nursery) -> None:
    assert kill(nursery, 4, 2) >= 2


@pytest.mark.slow
def test_more_kills(nursery: Nursery) -> None:
    assert kill(nursery, 12, 6) >= 6


@pytest.mark.long
def test_two_hundred_kills(nursery: Nursery) -> None:
    assert kill(nursery, 200, 50) >= 100


def test_a_kill_while_it_is_resumed(nursery: Nursery) -> None:
    """Several times, each time a few saves further on."""
    assert nursery.run("whole-0") == 0
    whole = end(nursery.runs / "whole-0")
    assert nursery.run("killed-1", die=("replace", 4, True)) == -signal.SIGKILL
    for _ in range(2):
        assert nursery.run("killed-1", resumed=True, die=("replace", 3, False)) == -signal.SIGKILL
    assert goes_on(nursery, "killed-1", whole)


def test_before_the_start_is_saved_there_is_nothing_to_go_on_from(nursery: Nursery) -> None:
    assert nursery.run("killed-1", die=("replace", 2, False)) == -signal.SIGKILL  # the first is of args.toml
    folder = nursery.runs / "killed-1"
    with pytest.raises(RunError) as caught:
        resume(folder)
    assert str(caught.value) == f"{folder}: holds no checkpoint; start the run anew"
