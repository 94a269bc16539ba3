"""The program as a process of its own: signals, pipes, encodings, and the whole main job."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
import types
from pathlib import Path

import pytest

import kitnet
import kitnet.__main__

SECONDS = 60  # far more than anything here takes
FORMULA = ("--engine", "formula")  # which compiles nothing


def names(folder):
    """What lies in a folder, hidden files too."""
    return sorted(path.name for path in Path(folder).iterdir())


def ended(process):
    out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out, err


def test_it_is_a_module_and_a_program(start):
    assert ended(start("--version")) == (0, f"{kitnet.__version__}\n", "")
    status, out, err = ended(start("show", "lenet5", "--json"))
    assert (status, err) == (0, "") and json.loads(out)["totals"]["parameters"] == 60_850


def test_a_mistake_has_no_traceback(start):
    status, out, err = ended(start("show", "28x28x1 -> cnv5-6"))
    assert (status, out) == (2, "")
    assert err == (
        "kitnet: unknown layer 'cnv' (did you mean 'conv'?)\n  28x28x1 -> cnv5-6\n             ^\n"
    )


@pytest.mark.slow
def test_train_evaluate_verify_predict(start, easy, picture):
    line = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"
    status, _, err = ended(start("train", line, "--data", easy, "--epochs", "10", "--batch", "10"))
    assert (status, err) == (0, "")
    assert ended(start("evaluate", "runs/net-1", "--data", easy, "--json"))[0] == 0
    assert ended(start("verify", "runs/net-1"))[0] == 0
    status, out, _ = ended(start("predict", "runs/net-1", picture("é.png", 8)))
    assert status == 0 and "é.png: 8 " in out


# -------------------------------------------------------------------------------------------------- Ctrl-C


def wait_for(process, text):
    """Read lines of its output until one begins with `text`."""
    for line in process.stdout:
        if line.startswith(text):
            return line
    raise AssertionError(f"{text!r} never came: {process.stderr.read()}")


def test_ctrl_c_saves_and_says_how_to_go_on(start, here, many):
    line = "8x8x1 -> conv3-4 same -> tanh -> fc10"
    process = start("train", line, "--data", many, "--epochs", "8", "--batch", "10", "--runs", "my runs")
    wait_for(process, "epoch   1")
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert status == 130 and "right after" not in out
    found = re.fullmatch(
        r"kitnet: stopped after step \d+ of epoch [1-7], everything is saved; go on with: kitnet "
        r"(train --resume 'my runs/net-1')\n",
        err,
    )
    folder = here / "my runs" / "net-1"
    found_names = [re.sub(r"\d{8}", "STEP", name) for name in names(folder)]
    checkpoints = 2 * ["checkpoint-STEP.safetensors"]
    assert found_names == [
        *("args.toml", "best.safetensors", *checkpoints, "env.json", "last.safetensors", "metrics.jsonl"),
        "results.csv",
    ]
    assert ended(start("verify", str(folder)))[0] == 0

    status, out, err = ended(start(*shlex.split(found[1])))  # the very command that it told
    assert (status, err) == (0, "")
    assert "epoch   8  " in out and "epoch   1  " not in out
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["epochs"] == 8 and summary["test_accuracy"] == 1


SLOW = """
import time
from kitnet.train.step import FormulaStep
from kitnet.cli import main

def step(*arguments):
    print("in a step", flush=True)
    for _ in range(6000):
        time.sleep(0.01)

FormulaStep.__call__ = step
main()
"""


@pytest.mark.slow
def test_a_second_ctrl_c_ends_it_at_once(start, here, easy):
    process = start("train", "8x8x1 -> fc10", "--data", easy, "--engine", "formula", program=("-c", SLOW))
    wait_for(process, "in a step")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None  # it wants to finish the step
    process.send_signal(signal.SIGINT)
    status, _, err = ended(process)
    assert status == 130 and err == (
        "kitnet: stopped at once, without the steps since the last save; go on with: "
        "kitnet train --resume runs/net-1\n"
    )
    assert {*names(here / "runs" / "net-1")} == {"args.toml", "checkpoint-00000000.safetensors", "env.json"}


# --------------------------------------------------------------------------------------- pipes, encodings


@pytest.mark.parametrize("words", ["layers", "layers --json", "models --json", "show lenet5", "--help"])
@pytest.mark.sample(3)
def test_a_reader_that_goes_away(start, words):
    read, write = os.pipe()
    os.close(read)
    try:
        process = start(*words.split(), stdout=write)
    finally:
        os.close(write)
    assert process.communicate(timeout=SECONDS)[1] == ""
    assert process.returncode == 0


@pytest.mark.slow
def test_training_goes_on_when_its_reader_goes_away(start, here, many):
    line = "8x8x1 -> fc10"
    process = start("train", line, "--data", many, "--epochs", "3", "--batch", "10")
    assert process.stdout.readline() == f"{line}\n"
    process.stdout.close()
    assert process.wait(SECONDS) == 0
    assert process.stderr.read() == ""
    assert json.loads((here / "runs" / "net-1" / "summary.json").read_text())["epochs"] == 3


FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")


@FULL
@pytest.mark.parametrize("words", ["layers", "layers --json", "models --json", "show lenet5", "--help"])
@pytest.mark.sample(3)
def test_output_that_cannot_be_written(start, words):
    with Path("/dev/full").open("w") as full:
        process = start(*words.split(), stdout=full)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert err == "kitnet: standard output cannot be written (No space left on device)\n"


@pytest.mark.slow
@FULL
def test_training_goes_on_without_its_output(start, here, easy):
    with Path("/dev/full").open("w") as full:
        process = start("train", "8x8x1 -> fc10", "--data", easy, "--epochs", "3", *FORMULA, stdout=full)
    _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert err == "kitnet: standard output cannot be written (No space left on device)\n"
    assert json.loads((here / "runs" / "net-1" / "summary.json").read_text())["epochs"] == 3


@FULL
def test_a_mistake_that_cannot_be_told(start):
    with Path("/dev/full").open("w") as full:
        process = start("show", "lenet6", stderr=full)
    assert (process.communicate(timeout=SECONDS)[0], process.returncode) == ("", 2)


CLOSED = """
import os, sys
os.close({})
os.execv(sys.executable, [sys.executable, "-m", "kitnet", *sys.argv[1:]])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs exec")
def test_a_closed_output_is_told_before_anything_begins(start, here, easy):
    for words in (("show", "lenet5", "--json"), ("train", "8x8x1 -> fc10", "--data", easy)):
        assert ended(start(*words, program=("-c", CLOSED.format(1)))) == (
            2,
            "",
            "kitnet: standard output is closed; write > /dev/null where nothing shall be printed\n",
        )
    assert names(here) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs exec")
def test_with_closed_errors_all_works(start, easy):
    closed = ("-c", CLOSED.format(2))
    status, out, _ = ended(
        start("train", "8x8x1 -> fc10", "--data", easy, "--epochs", "1", *FORMULA, program=closed)
    )
    assert status == 0 and "kitnet predict runs/net-1" in out
    assert ended(start("show", "lenet6", program=closed)) == (2, "", "")


@pytest.mark.slow
def test_a_name_that_the_terminal_cannot_show(start, trained, picture):
    """Under an ASCII terminal what is not ASCII is escaped, not an error."""
    environment = {
        **os.environ,
        "PYTHONIOENCODING": "ascii",
        "PYTHONPATH": str(Path(kitnet.__file__).parent.parent),
    }
    status, out, err = ended(start("predict", trained, picture("日本.png", 1), env=environment))
    assert (status, err) == (0, "")
    assert r"\u65e5\u672c.png: 1 " in out


@pytest.mark.slow
def test_a_name_that_is_not_utf_8(start, trained, picture, here, easy):
    if os.name != "posix":
        pytest.skip("names are bytes on POSIX alone")
    name = os.fsdecode(b"\xff.png")
    Path(picture("a.png", 1)).replace(here / name)
    status, out, err = ended(start("predict", trained, name))
    assert (status, err) == (0, "") and out.startswith(r"\udcff.png: 1 ")
    status, out, err = ended(start("train", "8x8x1 -> fc10", "--data", easy, "--runs", os.fsdecode(b"\xff")))
    assert (status, out) == (2, "")
    assert err == "kitnet: --runs '\\udcff' is not UTF-8, as args.toml must be\n"


# --------------------------------------------------------------------------------------------- on a terminal


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_on_a_terminal_bar_and_results_do_not_run_into_each_other(start, easy):
    import pty

    leader, follower = pty.openpty()
    process = start(
        "train", "8x8x1 -> fc10", "--data", easy, "--epochs", "3", *FORMULA, stdout=follower, stderr=follower
    )
    os.close(follower)
    seen = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not part:
            break
        seen += part
    os.close(leader)
    assert process.wait(SECONDS) == 0
    assert b"epoch 1" in seen and b"all 3" in seen  # the bars
    # what stays on the screen of each line: what follows the last return to its beginning and erasure
    screen = [line.split(b"\x1b[2K")[-1].strip(b"\r") for line in seen.split(b"\n")]
    screen = [re.sub(rb"\x1b\[[\d;?]*[A-Za-z]", b"", line) for line in screen]  # bold letters
    assert len([line for line in screen if line.startswith(b"epoch  train loss")]) == 1
    results = [line for line in screen if re.match(rb" +\d  ", line)]
    assert len(results) == 3
    assert all(re.fullmatch(rb"    \d( +[\d.,]+%?){4,6}", line) for line in results)


# ------------------------------------------------------------------------------------------- the main job


@pytest.mark.slow
def test_train_alone_reads_digits_in_less_than_a_minute(start, here):
    began = time.monotonic()
    status, out, err = ended(start("train"))
    assert (status, err) == (0, "")
    assert time.monotonic() - began < 60
    summary = json.loads((here / "runs" / "lenet5-1" / "summary.json").read_text())
    assert (summary["model"], summary["data"], summary["epochs"]) == ("lenet5", "digits", 20)
    assert summary["test_accuracy"] > 0.85
    assert out.splitlines()[-1].endswith("try: kitnet predict runs/lenet5-1 IMAGE.png")


def test_ctrl_c_before_the_command_line_is_imported(monkeypatch, capsys):
    class Importing(types.ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "kitnet.cli", Importing("kitnet.cli"))
    with pytest.raises(SystemExit) as caught:
        kitnet.__main__.main()
    assert caught.value.code == 130
    assert capsys.readouterr() == ("", "kitnet: stopped by Ctrl-C\n")
    project = Path(__file__).parents[2] / "pyproject.toml"
    assert tomllib.loads(project.read_text())["project"]["scripts"] == {"kitnet": "kitnet.__main__:main"}


def test_a_width_of_0_is_none() -> None:
    environment = {**os.environ, "COLUMNS": "0"}
    command = [sys.executable, "-m", "kitnet", "show", "8x8x1 -> fc10"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("8x8x1 -> fc10\n")
