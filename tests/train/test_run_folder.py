"""Names of run folders, and the order in which they are filled."""

import csv
import os
import tomllib
from pathlib import Path

import pytest

from kitnet.base.error import RunError
from kitnet.train import EpochEnded, Settings
from kitnet.train.folder import RunFolder


def names(folder):
    """What lies in a folder, hidden files too."""
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.fixture
def told(tmp_path):
    return Settings(runs=str(tmp_path / "a" / "runs"))


def refusal(settings, name):
    with pytest.raises(RunError) as caught:
        RunFolder.create(settings, name)
    return str(caught.value)


def test_numbers_go_up(told):
    names = [RunFolder.create(told, "lenet5").path.name for _ in range(3)]
    assert names == ["lenet5-1", "lenet5-2", "lenet5-3"]
    assert RunFolder.create(told, "other").path == Path(told.runs) / "other-1"


def test_a_free_number_is_taken_and_nothing_is_overwritten(told):
    runs = Path(told.runs)
    runs.mkdir(parents=True)
    (runs / "x-1").write_text("a file")
    (runs / "x-3").mkdir()
    assert [RunFolder.create(told, "x").path.name for _ in range(2)] == ["x-2", "x-4"]
    assert (runs / "x-1").read_text() == "a file" and names(runs / "x-3") == []


def test_a_name_that_ends_in_a_number_is_exact(told):
    folder = RunFolder.create(told, "best-7")
    assert folder.path == Path(told.runs) / "best-7"
    (folder.path / "mine").write_text("x")
    assert refusal(told, "best-7") == (
        f"{folder.path}: exists already; choose another --name, or go on with "
        f"kitnet train --resume {folder.path}"
    )
    assert names(folder.path) == ["args.toml", "mine"]


def test_args_toml_is_there_first(told):
    folder = RunFolder.create(told, "x")
    assert names(folder.path) == ["args.toml"]
    assert tomllib.loads((folder.path / "args.toml").read_text())["model"] == "lenet5"
    assert RunFolder.open(folder.path) == (folder, told)


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "-x", "a b", "a\nb", "/tmp/x", "a\0"])
def test_names_that_are_none(told, name):
    assert refusal(told, name) == (
        f"--name {name!r} is no name for a folder; use letters, digits, '.', '-' and '_'"
    )
    assert not Path(told.runs).exists()


def test_letters_of_any_language_are_letters(told):
    assert RunFolder.create(told, "größe_1.0-β").path.name == "größe_1.0-β-1"


def no_place(runs, why):
    return f"{runs}: a run folder cannot be made there ({why}); choose another place with --runs"


def test_a_file_where_the_runs_should_be(tmp_path):
    (tmp_path / "runs").write_text("")
    for name in ("x", "x-1"):
        assert refusal(Settings(runs=str(tmp_path / "runs")), name) == no_place(
            tmp_path / "runs", "File exists"
        )
        below = tmp_path / "runs" / "deeper"
        assert refusal(Settings(runs=str(below)), name) == no_place(below, "Not a directory")


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")]
)
def test_a_place_that_is_read_only(tmp_path, monkeypatch, error):
    """The tests may run as root, whom no permission stops, so that the system's answer is played."""

    def refuse(path, *arguments, **options):
        raise error

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert refusal(Settings(runs=str(tmp_path / "r")), "x") == no_place(tmp_path / "r", error.strerror)
    assert names(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_is_really_read_only(tmp_path):
    (tmp_path / "r").mkdir(mode=0o500)
    assert refusal(Settings(runs=str(tmp_path / "r")), "x") == no_place(tmp_path / "r", "Permission denied")


def test_no_empty_folder_stays_when_args_toml_cannot_be_written(told, monkeypatch):
    def fail(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    assert "No space left on device" in refusal(told, "x")
    assert names(told.runs) == []


def test_results_csv_has_a_line_an_epoch(told):
    folder = RunFolder.create(told, "x")
    rows = [EpochEnded(e, 0.5 / e, 0.25, 1 / 3, 0.75, 2.0, 1e6 / e) for e in (1, 2)]
    folder.write_rows(rows[:1])
    folder.write_rows(rows)
    with (folder.path / "results.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == [
        *("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy"),
        *("seconds", "images_per_second"),
    ]
    assert [row["epoch"] for row in found] == ["1", "2"]
    for row, written in zip(rows, found, strict=True):
        for name, value in row.numbers().items():
            assert float(written[name]) == pytest.approx(value, rel=1e-5)


def test_a_run_folder_that_is_not_there(tmp_path):
    with pytest.raises(RunError) as caught:
        RunFolder.open(tmp_path / "x-1")
    assert str(caught.value) == f"{tmp_path / 'x-1'}: no such run folder; give one such as runs/lenet5-1"
