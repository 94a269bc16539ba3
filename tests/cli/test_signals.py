"""Training ends well when the system asks it to, before the first step at once."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import time

import pytest

from kitnet.cli.interruption import Interrupted, Interruption, interruptible

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs the signals of POSIX")
SECONDS = 60  # far more than anything here takes
STATUS = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130}


def wait_for(process, text):
    """Read lines of its output until one begins with `text`."""
    for line in process.stdout:
        if line.startswith(text):
            return
    raise AssertionError(f"{text!r} never came: {process.stderr.read()}")


def ended(process):
    out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.sample(2)
def test_it_saves_and_says_how_to_go_on(start, here, many, number):
    """After the first epoch, within which no save was due."""
    words = ("8x8x1 -> fc10", "--data", many, "--epochs", "4", "--batch", "10", "--engine", "formula")
    process = start("train", *words)
    wait_for(process, "epoch   1")
    process.send_signal(number)
    status, _, err = ended(process)
    found = re.fullmatch(
        r"kitnet: stopped after step \d+ of epoch [1-4], everything is saved; go on with: kitnet "
        r"(train --resume runs/net-1)\n",
        err,
    )
    assert status == STATUS[number] and found, (status, err)
    if number == signal.SIGTERM:
        assert ended(start(*shlex.split(found[1])))[0] == 0
        assert json.loads((here / "runs" / "net-1" / "summary.json").read_text())["epochs"] == 4


COMPILING = """
import time
from kitnet.cli import main
from kitnet.train import loop

def compiling(*given):
    print("compiling", flush=True)
    for _ in range(6000):
        time.sleep(0.01)

loop.make_step = compiling
main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.sample(3)
def test_before_the_first_step_it_ends_at_once(start, here, easy, number):
    process = start("train", "8x8x1 -> fc10", "--data", easy, program=("-c", COMPILING))
    wait_for(process, "compiling")
    begun = time.monotonic()
    process.send_signal(number)
    status, _, err = ended(process)
    assert time.monotonic() - begun < 1
    assert (status, err) == (
        STATUS[number],
        "kitnet: stopped before the first step; go on with: kitnet train --resume runs/net-1\n",
    )
    left = sorted(path.name for path in (here / "runs" / "net-1").iterdir())
    assert left == ["args.toml", "checkpoint-00000000.safetensors", "env.json"]


BUSY = """
import time
from kitnet.kernels import jit
from kitnet.cli import main

def slow(key, source):
    print("compiling", flush=True)
    time.sleep(30)

jit._make = slow
main()
"""


def test_nobody_waits_for_kernels_that_are_being_compiled(start, here, easy):
    process = start("train", "8x8x1 -> fc10", "--data", easy, program=("-c", BUSY))
    wait_for(process, "compiling")
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert ended(process)[0] == 143
    assert time.monotonic() - begun < 1


def test_signals_are_counted():
    """The first is patient once training has begun; the second never."""
    early, late = Interruption(), Interruption()
    with pytest.raises(Interrupted):
        early.hear(signal.SIGTERM, None)
    late.patient = True
    late.hear(signal.SIGHUP, None)
    assert late.stop.is_set() and late.status == 129
    with pytest.raises(Interrupted):
        late.hear(signal.SIGINT, None)
    assert late.status == 130


def test_what_the_process_shall_ignore_is_ignored_and_all_is_as_before_afterwards():
    """nohup has SIGHUP ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    term = signal.getsignal(signal.SIGTERM)
    try:
        with interruptible() as heard:
            heard.patient = True
            os.kill(os.getpid(), signal.SIGHUP)
            assert not heard.stop.is_set()
            os.kill(os.getpid(), signal.SIGTERM)
            assert heard.stop.wait(1)
        assert signal.getsignal(signal.SIGTERM) == term
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
