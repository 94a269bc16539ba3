"""A file is the old one or the new one, whole."""

import errno
import os
import stat
import threading
from pathlib import Path

import pytest

from kitnet.base.error import RunError
from kitnet.files import copy_whole, remove, write_whole


def names(folder):
    """What lies in a folder, hidden files too."""
    return sorted(path.name for path in Path(folder).iterdir())


def test_it_writes_bytes_and_text(tmp_path):
    path = tmp_path / "a"
    write_whole(path, b"\0\xff")
    assert path.read_bytes() == b"\0\xff"
    write_whole(path, "ü\n")
    assert path.read_bytes() == "ü\n".encode()
    assert names(tmp_path) == ["a"]


def test_the_new_file_has_the_usual_rights(tmp_path):
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("at", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, at):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def fail(*arguments, **options):
        raise OSError(28, "No space left on device")

    if at == "fsync":
        monkeypatch.setattr(os, "fsync", fail)
    else:
        monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(RunError) as caught:
        write_whole(path, b"new")
    assert str(caught.value) == (
        f"{path}: cannot be written (No space left on device); choose another folder"
    )
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_ctrl_c_while_writing_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def interrupt(handle):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_everything_is_on_disk_before_the_name_changes(tmp_path, monkeypatch):
    """What fsync sees first is the whole content beside the old file, then the folder with the new name."""
    path, seen = tmp_path / "a", []
    path.write_bytes(b"old")
    sync = os.fsync

    def look(handle):
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        seen.append((is_folder or os.fstat(handle).st_size, path.read_bytes()))
        sync(handle)

    monkeypatch.setattr(os, "fsync", look)
    write_whole(path, b"x" * 100_000)
    assert seen == [(100_000, b"old"), (True, b"x" * 100_000)]


def test_a_folder_that_cannot_be_synced_is_no_mistake(tmp_path, monkeypatch):
    """EINVAL is what file systems say that keep no folders to sync; any other error is told."""
    sync = os.fsync

    def refuse(handle, number):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        sync(handle)

    monkeypatch.setattr(os, "fsync", lambda handle: refuse(handle, errno.EINVAL))
    write_whole(tmp_path / "a", b"new")
    monkeypatch.setattr(os, "fsync", lambda handle: refuse(handle, errno.EIO))
    with pytest.raises(RunError):
        write_whole(tmp_path / "a", b"new")


def test_a_copy(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    copy_whole(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"x" * 100_000
    assert names(tmp_path) == ["a", "b"]


def test_a_folder_that_is_not_there(tmp_path):
    path = tmp_path / "no" / "a"
    with pytest.raises(RunError) as caught:
        write_whole(path, b"")
    assert str(caught.value) == (
        f"{path}: cannot be written (No such file or directory); choose another folder"
    )


def test_removing(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    remove(tmp_path / "a")
    remove(tmp_path / "a")
    assert names(tmp_path) == []
    with pytest.raises(RunError) as caught:
        remove(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: cannot be removed (")
    assert str(caught.value).endswith("); check the folder")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in folders")
def test_a_pipe_stays_and_is_written_into(tmp_path):
    """So does a device: as root one would take /dev/null from the whole machine."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_whole(pipe, b"content")
    reader.join(10)
    assert read == [b"content"] and pipe.is_fifo()
    assert names(tmp_path) == ["pipe"]
