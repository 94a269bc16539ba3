"""`kitnet report`, what `kitnet train` leaves to look at, and runs/latest."""

import shutil
import signal
from importlib import import_module
from pathlib import Path

import pytest

from kitnet.cli.train import _leave_pictures
from kitnet.train.folder import PICTURES

LINE = "8x8x1 -> conv3-4 same -> tanh -> maxpool2 -> fc10"
DRAWN = {*PICTURES, "classes.csv"}


@pytest.fixture
def leaving(monkeypatch):
    """Training that leaves its pictures, which other tests do without."""
    monkeypatch.setattr("kitnet.cli.train._leave_pictures", _leave_pictures)


def train(say, easy, *more):
    said = say("train", LINE, "--data", easy, "--engine", "formula", "--epochs", 1, *more)
    assert said.status == 0
    return said


def test_one_run_and_several(say, trained, easy, here):
    assert say("report", trained, "-o", "one.html") == (0, "one.html: 1 run\n", "")
    assert "of 40 images right" in Path("one.html").read_text()
    train(say, easy)
    assert say("report", trained, "runs/latest") == (0, "report.html: 2 runs\n", "")
    page = Path("report.html").read_text()
    assert page.startswith("<!doctype html>") and "Settings that differ" in page and "--epochs" in page
    assert not DRAWN & {path.name for path in (here / "runs" / "net-1").iterdir()}


def test_pictures_on_demand(say, easy, here):
    train(say, easy)
    assert say("report", "runs/net-1", "--pictures").status == 0
    assert {path.name for path in (here / "runs" / "net-1").iterdir()} >= set(PICTURES)


def test_what_is_no_run(refused, trained, tmp_path):
    assert (
        refused("report", "runs/none-1") == "runs/none-1: no such run folder; give one such as runs/lenet5-1"
    )
    assert refused("report", tmp_path) == (
        f"{tmp_path}/args.toml: cannot be read (No such file or directory); give a run folder of kitnet"
    )
    assert refused("report", trained, "-o", tmp_path) == (
        f"{tmp_path}: it is a folder; give the name of a file, such as -o report.html"
    )
    assert refused("report", trained, "-o", "no/where.html") == (
        "no/where.html: cannot be written (No such file or directory); choose another folder"
    )


def test_data_that_are_gone_are_told(say, easy, trained, tmp_path):
    shutil.copytree(trained, tmp_path / "net-1")
    arguments = tmp_path / "net-1" / "args.toml"
    arguments.write_text(arguments.read_text().replace(easy, "/no/where"))
    said = say("report", tmp_path / "net-1")
    assert (said.status, said.out) == (0, "report.html: 1 run\n")
    assert said.err == (
        "kitnet: net-1: its test part could not be judged: /no/where: there is no such folder or file\n"
    )
    assert "there is no such folder or file" in Path("report.html").read_text()


def test_training_leaves_pictures(leaving, say, easy, here, monkeypatch):
    """Of the judgement that the run ended with: the test part is not judged again."""
    monkeypatch.setattr(
        import_module("kitnet.look.report"), "judged", lambda *given: pytest.fail("judged again")
    )
    said = train(say, easy)
    assert said.err == "" and "matplotlib" not in said.out
    assert {path.name for path in (here / "runs" / "net-1").iterdir()} >= DRAWN


def test_training_without_matplotlib_says_so_in_one_line(leaving, say, easy, here, monkeypatch):
    monkeypatch.setattr("kitnet.look.can_draw", lambda: False)
    lines = train(say, easy).out.splitlines()
    assert (
        "pictures need matplotlib (pip install 'kitnet[plots]'); a page needs none: kitnet report runs/net-1"
        in lines
    )
    left = {path.name for path in (here / "runs" / "net-1").iterdir()}
    assert "classes.csv" in left and not left & set(PICTURES)


def test_ctrl_c_while_pictures_are_drawn(say, easy, here, monkeypatch):
    def interrupted(folder):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("kitnet.cli.train._leave_pictures", interrupted)
    said = say("train", LINE, "--data", easy, "--engine", "formula", "--epochs", 1)
    assert said.status == 130
    assert said.err == "kitnet: stopped; runs/net-1 is whole, but lacks pictures\n"
    assert (here / "runs" / "net-1" / "summary.json").exists()


def test_latest_is_a_run_for_all_commands(say, easy, here):
    train(say, easy)
    train(say, easy)
    assert Path("runs/latest").readlink() == Path("net-2")
    assert say("evaluate", "runs/latest").status == say("verify", "runs/latest").status == 0
    said = say("train", "--resume", "runs/latest", "--epochs", 2)
    assert said.status == 0 and "run folder runs/net-2" in said.out and "epoch   2" in said.out


def test_event_files_by_a_flag(say, easy, here):
    train(say, easy, "--tensorboard")
    assert len(list((here / "runs" / "net-1").glob("events.out.tfevents.*"))) == 1
    assert "tensorboard = true" in (here / "runs" / "net-1" / "args.toml").read_text()
