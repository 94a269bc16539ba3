"""What is refused before anything is started, what mpiexec is told, and what a lone process notices."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from kitnet import cli
from kitnet.base.error import KitnetError
from kitnet.distributed import Launch, is_rank, joined, launch
from kitnet.distributed.job import STARTED
from kitnet.distributed.launching import AS_ROOT, OVERSUBSCRIBED, REPORT, check, report_run
from kitnet.train import Settings, train
from kitnet.train.ranks import AgreedError, agree, check_alike


@pytest.fixture(autouse=True)
def _nobody(monkeypatch):
    """Tests run as root, too."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    for name in (*STARTED, *AS_ROOT):
        monkeypatch.delenv(name, raising=False)


def refused(given: Launch) -> str:
    with pytest.raises(KitnetError) as caught:
        check(given)
    return str(caught.value)


def test_no_rank():
    assert refused(Launch(0, ("train",))) == "-n 0 is not possible; use 1 or more ranks"


@pytest.mark.parametrize("words", [(), ("show", "lenet5")])
def test_other_commands(words):
    assert refused(Launch(2, words)) == "several ranks can train alone; write kitnet launch -n 4 train ..."


def test_root_says_so(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert refused(Launch(1, ("train",))) == (
        "Open MPI starts nothing as root, where a mistake can destroy the system; use another account, "
        "or say --as-root, in a container for instance"
    )
    check(Launch(1, ("train",), as_root=True))


def test_more_ranks_than_cores_are_said(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert refused(Launch(3, ("train",))) == (
        "3 ranks on 2 cores share them, which makes none faster; say --oversubscribe if that is wanted"
    )
    check(Launch(3, ("train",), oversubscribe=True))
    check(Launch(3, ("train",), hosts="a:2,b:2"))


def test_what_mpiexec_is_told():
    given = Launch(4, ("train", "lenet5"), "a:2,b:2", 0, True, True, "/opt/mpiexec")
    start = ["/opt/mpiexec", "-n", "3", "--bind-to", "none", "--host", "a:2,b:2"]
    assert given.command(given.words, 3) == [*start, sys.executable, "-m", "kitnet", "train", "lenet5"]
    told = given.environment(Path("report"))
    assert {name: told[name] for name in (*AS_ROOT, *OVERSUBSCRIBED)} == {**AS_ROOT, **OVERSUBSCRIBED}
    plain = Launch(2, ("train",)).environment(Path("report"))
    assert not set(AS_ROOT) & set(plain)
    assert plain[REPORT] == "report"


def starter(folder: Path, text: str) -> str:
    """A program in the place of mpiexec, which writes down how it is called."""
    path = folder / "mpiexec"
    path.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {folder}/calls\n{text}\n')
    path.chmod(0o755)
    return str(path)


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
def test_a_rank_that_died_is_done_without(tmp_path):
    program = starter(tmp_path, f'printf runs/x-1 > "${REPORT}"; exit 137')
    told: list[str] = []
    assert launch(Launch(3, ("train",), restarts=2, oversubscribe=True, mpiexec=program), told.append) == 137
    calls = [line.split() for line in (tmp_path / "calls").read_text().splitlines()]
    assert [(call[1], call[8:]) for call in calls] == [
        ("3", []),
        ("2", ["--resume", "runs/x-1"]),
        ("1", ["--resume", "runs/x-1"]),
    ]
    assert told == [f"a rank has died; {n} go on from the last checkpoint of runs/x-1" for n in (2, 1)]


@pytest.mark.skipif(sys.platform == "win32", reason="the program is a shell script")
@pytest.mark.parametrize("status", [0, 2])
def test_an_end_and_a_mistake_are_not_tried_again(status, tmp_path):
    program = starter(tmp_path, f'printf runs/x-1 > "${REPORT}"; exit {status}')
    assert launch(Launch(1, ("train",), restarts=2, mpiexec=program), print) == status
    assert len((tmp_path / "calls").read_text().splitlines()) == 1


def test_the_run_folder_is_told_to_who_asks(tmp_path):
    report_run(tmp_path, {})
    report_run(tmp_path, {REPORT: str(tmp_path / "report")})
    assert (tmp_path / "report").read_text() == str(tmp_path)


def test_a_lone_process_is_no_rank():
    assert not is_rank()
    with joined() as ranks:
        assert ranks is None


def test_a_rank_without_mpi4py_says_so(monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(KitnetError, match="this process was started as one of several, for which kitnet"):
        joined().__enter__()


def test_sync_is_for_several_ranks():
    with pytest.raises(KitnetError) as caught:
        train(Settings(sync="fast"))
    assert str(caught.value) == "--sync is for several ranks; start them with kitnet launch -n 2 train ..."


def test_an_unknown_sync():
    with pytest.raises(KitnetError) as caught:
        Settings(sync="exakt")
    assert str(caught.value) == "--sync 'exakt' (did you mean 'exact'?); it is exact or fast"


class Others:
    """Ranks of which the others tell what a test says."""

    rank, ranks, threads = 0, 3, 1

    def __init__(self, *told: bytes) -> None:
        self._told = told

    def tell(self, content: bytes) -> list[bytes]:
        return [content, *self._told]


def test_what_one_rank_cannot_do_all_raise_with_its_name():
    with pytest.raises(AgreedError, match=r"^rank 2 of 3: no such file$"):
        agree(Others(b"", b"no such file"), lambda: 1)
    assert agree(Others(b"", b""), lambda: 1) == 1


def test_what_no_rank_can_do_is_said_plainly():
    def wrong() -> None:
        raise KitnetError("no such model")

    with pytest.raises(AgreedError, match=r"^no such model$"):
        agree(Others(b"no such model", b"no such model"), wrong)


def test_a_rank_with_another_version_is_named(monkeypatch):
    facts = {"kitnet": "1", "--seed": 0}
    monkeypatch.setattr("kitnet.train.ranks._facts", lambda run: facts)
    alike, other = b'{"kitnet": "1", "--seed": 0}', b'{"kitnet": "2", "--seed": 0}'
    check_alike(Others(alike, alike), None)
    with pytest.raises(AgreedError) as caught:
        check_alike(Others(alike, other), None)
    assert (
        str(caught.value) == "rank 2 of 3 has another kitnet than rank 0: '2', not '1'; start all ranks alike"
    )


def test_the_command_passes_on_what_stands_behind_it(monkeypatch):
    seen = []
    monkeypatch.setattr("kitnet.cli.launch.launch", lambda given, tell: seen.append(given) or 0)
    words = ["launch", "-n", "4", "--max-restarts", "2", "train", "lenet5.mnist", "--epochs", "3", "--clip=1"]
    assert cli.run(words) == 0
    assert seen == [Launch(4, ("train", "lenet5.mnist", "--epochs", "3", "--clip=1"), restarts=2)]
