"""Trainings by several processes under mpiexec: the same bits, and what becomes of them when one fails."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from kitnet.distributed.launching import find_mpiexec
from kitnet.train import Settings, train

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mpi4py") is None, reason="mpi4py is not installed: pip install 'kitnet[mpi]'"
)
SECONDS = 120  # for one command on a busy machine
ALLOWED = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}
NORMS = "8x8x1 -> conv3-16 same -> batchnorm -> relu -> meanpool global -> fc10"
LINE = "8x8x1 -> conv3-16 same -> relu -> maxpool2 -> fc10"
RUN = ("--data", "digits", "--batch", "64", "--validation", "0", "--seed", "3")
PYTHON = f"""
from kitnet.distributed import joined
from kitnet.train import Settings, train
with joined() as ranks:
    own = dict(data="digits", batch=64, validation=0.0, seed=3, epochs=1, name="two-1", threads=1)
    for _ in train(Settings({LINE!r}, **own), ranks=ranks):
        pass
"""
KITNET = (sys.executable, "-m", "kitnet")
# Rank 0 may write no file of more than so many bytes, which MPI's own are before that.
FULL = "import mpi4py.MPI, resource; resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000)); "
FULL += "from kitnet.__main__ import main; main()"


def start(*words: str, where: Path, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words,
        cwd=where,
        env={**os.environ, **ALLOWED, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,  # so that all of it can be ended
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit status, and what stands on standard error."""
    try:
        _, error = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, error


def together(ranks: int, *words: str, where: Path, **more: str) -> subprocess.Popen[str]:
    return start(*KITNET, "launch", "-n", str(ranks), "--oversubscribe", *words, where=where, **more)


def arrays(run: Path) -> dict[str, bytes]:
    """Weights, state and memory of the rule in the newest checkpoint."""
    newest = max(run.glob("checkpoint-*.safetensors"))
    return {name: array.tobytes() for name, array in load_file(newest).items()}


def one_process(line: str, epochs: int, where: Path) -> dict[str, bytes]:
    own = {"runs": str(where / "runs"), "name": "one-1", "threads": 1}
    run = {"data": "digits", "batch": 64, "validation": 0.0, "seed": 3}  # as RUN
    for _ in train(Settings(line, epochs=epochs, **run, **own)):
        pass
    return arrays(where / "runs/one-1")


def trained(line: str, ranks: int, threads: int, epochs: int, where: Path) -> dict[str, bytes]:
    name = f"of-{ranks}-{threads}"
    words = ("train", line, *RUN, "--epochs", str(epochs), "--name", name, "--threads", str(threads))
    status, error = ended(together(ranks, *words, where=where))
    assert status == 0, error
    return arrays(where / "runs" / name)


def test_two_ranks_end_with_the_bits_of_one_process(tmp_path):
    """From Python, without the pictures that the command leaves."""
    status, error = ended(start(find_mpiexec(), "-n", "2", sys.executable, "-c", PYTHON, where=tmp_path))
    assert status == 0, error
    assert arrays(tmp_path / "runs/two-1") == one_process(LINE, 1, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("line", [LINE, NORMS], ids=["plain", "norms"])
def test_any_number_of_ranks(line, threads, tmp_path):
    want = one_process(line, 2, tmp_path)
    for ranks in (1, 2, 3, 4):
        assert trained(line, ranks, threads, 2, tmp_path) == want


@pytest.mark.slow
def test_fast_ranks_learn_and_say_what_they_give_up(tmp_path):
    words = ("train", NORMS, *RUN, "--epochs", "2", "--name", "fast-1", "--sync", "fast")
    status, error = ended(together(2, *words, where=tmp_path))
    assert status == 0, error
    assert (
        "kitnet: --sync fast: the weights depend on the number of ranks, 2, and norms have the statistics of "
        "a rank's own images"
    ) in error
    assert all(np.isfinite(a).all() for a in load_file(tmp_path / "runs/fast-1/last.safetensors").values())


@pytest.mark.slow
def test_a_rank_with_another_seed_is_named(tmp_path):
    words = (*KITNET, "train", LINE, "--data", "digits")
    command = (find_mpiexec(), "-n", "1", *words, ":", "-n", "1", *words, "--seed", "1")
    status, error = ended(start(*command, where=tmp_path))
    assert status == 2
    assert "kitnet: rank 1 of 2 has another --seed than rank 0: 1, not 0; start all ranks alike\n" in error
    assert error.count("kitnet: ") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_mistake_of_all_ranks_is_said_once(tmp_path):
    status, error = ended(together(2, "train", "lenet6", where=tmp_path))
    assert status == 2
    assert error.count("kitnet: ") == 1, error


def running(name: str, where: Path) -> dict[int, int]:
    """The processes of the ranks of a run, once it has an epoch."""
    until = time.monotonic() + SECONDS
    while not (where / "runs" / name / "results.csv").exists():
        assert time.monotonic() < until, "no epoch has ended"
        time.sleep(0.05)
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().split(b"\0")
            given = (path / "environ").read_bytes().split(b"\0")
            here = (path / "cwd").resolve()
        except OSError:
            continue
        rank = [one.partition(b"=")[2] for one in given if one.startswith(b"OMPI_COMM_WORLD_RANK=")]
        if name.encode() in words and rank and here == where.resolve():
            found[int(rank[0])] = int(path.name)
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="ranks are found by /proc")
@pytest.mark.parametrize(
    ("number", "said"),
    [
        (signal.SIGKILL, "process rank 1 with PID"),
        (signal.SIGSTOP, "rank 1 of 3 ("),
    ],
    ids=["crashed", "hanging"],
)
def test_ranks_that_are_left_go_on_to_the_same_bits(number, said, tmp_path):
    words = ("train", LINE, *RUN, "--epochs", "60", "--name", "left-1")
    process = together(3, "--max-restarts", "1", *words, where=tmp_path, KITNET_RANK_TIMEOUT="3")
    os.kill(running("left-1", tmp_path)[1], number)
    status, error = ended(process)
    assert status == 0, error
    assert said in error
    assert "kitnet: a rank has died; 2 go on from the last checkpoint of " in error
    assert arrays(tmp_path / "runs/left-1") == one_process(LINE, 60, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="ranks are found by /proc")
def test_a_signal_saves_once_and_the_run_goes_on_to_the_same_bits(tmp_path):
    words = ("train", LINE, *RUN, "--epochs", "60", "--name", "stopped-1")
    process = together(2, *words, where=tmp_path)
    running("stopped-1", tmp_path)
    process.send_signal(signal.SIGTERM)
    status, error = ended(process)
    assert status == 128 + signal.SIGTERM
    assert error.count("everything is saved; go on with: kitnet train --resume runs/stopped-1") == 1
    status, error = ended(together(3, "train", "--resume", "runs/stopped-1", where=tmp_path))
    assert status == 0, error
    assert arrays(tmp_path / "runs/stopped-1") == one_process(LINE, 60, tmp_path)


@pytest.mark.slow
def test_a_full_disk_of_rank_0_ends_all_with_its_name(tmp_path):
    words = ("train", LINE, *RUN, "--epochs", "2", "--name", "full-1")
    full = (sys.executable, "-c", FULL, *words)
    status, error = ended(
        start(find_mpiexec(), "-n", "1", *full, ":", "-n", "1", *KITNET, *words, where=tmp_path)
    )
    assert status == 2
    assert "kitnet: rank 0 of 2 (" in error
    assert "File too large" in error
