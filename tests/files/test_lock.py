"""One holder at a time, whatever was left behind."""

import os
from pathlib import Path

import pytest

from kitnet.files import Lock


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_one_at_a_time(tmp_path):
    with Lock(tmp_path):
        assert names(tmp_path) == [".lock"]
        with pytest.raises(BlockingIOError):
            Lock(tmp_path)
    assert names(tmp_path) == []
    with Lock(tmp_path):
        assert names(tmp_path) == [".lock"]


def test_what_a_killed_process_left_is_no_lock(tmp_path):
    (tmp_path / ".lock").write_text("")
    with Lock(tmp_path), pytest.raises(BlockingIOError):
        Lock(tmp_path)
    assert names(tmp_path) == []


def test_a_lock_on_a_file_that_was_removed_meanwhile_is_none(tmp_path, monkeypatch):
    """Between open and flock the holder ends and removes the file; the lock is then taken on a new one."""
    path, system, opened = tmp_path / ".lock", os.open, []

    def open_late(*arguments):
        handle = system(*arguments)
        if not opened:
            path.unlink()
        opened.append(os.fstat(handle).st_ino)
        return handle

    monkeypatch.setattr(os, "open", open_late)
    with Lock(tmp_path):
        assert len(opened) == 2 and path.stat().st_ino == opened[1]
    assert names(tmp_path) == []


def test_a_lock_that_is_forgotten_is_given_back(tmp_path):
    lock = Lock(tmp_path)
    with pytest.raises(BlockingIOError):
        Lock(tmp_path)
    del lock
    with Lock(tmp_path):
        assert names(tmp_path) == [".lock"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        Lock(tmp_path / "no")
