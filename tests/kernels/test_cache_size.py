"""The cache of compiled code stays below its size: what was not used for longest is deleted."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kitnet.kernels import cache

DAY = 86_400


def key(number: int) -> str:
    return f"{number:064x}"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder for 100,000 bytes, which is looked at after every 10,000."""
    monkeypatch.setattr(cache, "LIMIT", 100_000)
    monkeypatch.setattr(cache, "OFTEN", 10_000)
    monkeypatch.setattr(cache, "_grown", cache._Growth())
    cache._complaints.clear()
    yield tmp_path / "cache"
    assert not cache._complaints


def fill(place: Path, files: int, size: int = 10_000) -> None:
    """Number 0 was used longest ago."""
    for number in range(files):
        cache.write(place, key(number), b"x" * size)
        used = time.time() - (files - number) * DAY
        os.utime(place / key(number), (used, used))


def names(place: Path) -> list[str]:
    return sorted(file.name for file in place.iterdir())


def total(place: Path) -> int:
    return sum(file.stat().st_size for file in place.iterdir() if file.is_file())


def test_what_was_not_used_for_longest_goes_first(place: Path) -> None:
    fill(place, 8)
    assert len(names(place)) == 8
    assert cache.read(place, key(0)) is not None  # which is a use
    cache.write(place, key(100), b"x" * 10_000)
    cache.write(place, key(101), b"x" * 10_000)
    assert names(place) == [key(number) for number in (0, 3, 4, 5, 6, 7, 100, 101)]


def test_it_never_grows_beyond_the_limit(place: Path) -> None:
    for number in range(200):
        cache.write(place, key(number), b"x" * 3000)
        assert total(place) <= 100_000
    assert len(names(place)) > 20


def test_only_files_of_the_cache_are_deleted(place: Path) -> None:
    """The user may have named a folder with other things in it."""
    place.mkdir(mode=0o700)
    (place / "thesis.tex").write_bytes(b"x" * 200_000)
    (place / key(500)).mkdir()
    (place / f"{cache._NEW}lost").write_bytes(b"x" * 50_000)  # of a process that was killed
    for file in place.iterdir():
        os.utime(file, (1, 1))
    writing = place / f"{cache._NEW}writing"
    writing.write_bytes(b"x")
    os.utime(writing, (time.time() - DAY / 2, time.time() - DAY / 2))
    fill(place, 12)
    for number in range(100, 112):
        cache.write(place, key(number), b"x" * 10_000)
    assert writing.exists()
    assert {"thesis.tex", key(500)} < set(names(place))
    assert f"{cache._NEW}lost" not in names(place)
    assert total(place) < 100_000 + 200_000


def test_a_use_is_noted_once_a_day(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(place, 2)
    noted: list[Path] = []
    monkeypatch.setattr(os, "utime", noted.append)
    cache.write(place, key(9), b"new")
    for number in (0, 1, 9, 9):
        assert cache.read(place, key(number)) is not None
    assert noted == [place / key(0), place / key(1)]


def test_a_folder_that_can_only_be_read_gives_what_it_has(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word, until there is something to be kept in it."""
    fill(place, 2)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    for owner, name in ((tempfile, "mkstemp"), (os, "utime"), (Path, "unlink")):
        monkeypatch.setattr(owner, name, refuse)
    assert cache.read(place, key(0)) == cache.read(place, key(1)) == b"x" * 10_000
    assert not cache._complaints
    cache.write(place, key(2), b"new")
    assert cache._complaints == {(place, "Permission denied")}
    cache._complaints.clear()


def test_the_folder_is_not_looked_at_for_every_file(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []
    monkeypatch.setattr(cache, "_make_room", looks.append)
    for number in range(100):
        cache.write(place, key(number), b"x" * 100)
        cache.read(place, key(number))
    assert len(looks) == 1  # at the first
    for number in range(100, 110):
        cache.write(place, key(number), b"x" * 9_000)
    assert len(looks) == 6


def test_the_first_file_is_a_reason_to_look(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many short processes would otherwise fill the folder and never look."""
    looks: list[Path] = []
    monkeypatch.setattr(cache, "_make_room", looks.append)
    for number in range(3):
        cache.write(place, key(number), b"x")
        assert looks == [place]


def test_threads_may_all_write_and_read(place: Path) -> None:
    lost = []

    def work(first: int) -> None:
        for number in range(first, 120, 4):
            body = bytes([number]) * 5000
            cache.write(place, key(number), body)
            for other in range(number % 10, number, 10):
                if cache.read(place, key(other)) not in (None, bytes([other]) * 5000):
                    lost.append(other)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not lost and total(place) <= 120_000


PROCESS = """
import sys
from pathlib import Path
from kitnet.kernels import cache
cache.LIMIT, cache.OFTEN = 100_000, 10_000
for number in range(int(sys.argv[2]), 300, 2):
    name, body = f"{number:064x}", bytes([number % 256]) * 5000
    cache.write(Path(sys.argv[1]), name, body)
    for other in range(max(0, number - 20), number + 1):
        assert cache.read(Path(sys.argv[1]), f"{other:064x}") in (None, bytes([other % 256]) * 5000)
assert not cache._complaints, cache._complaints
"""


def test_processes_may_delete_at_once(place: Path) -> None:
    command = [sys.executable, "-c", PROCESS, str(place)]
    processes = [subprocess.Popen([*command, first], stderr=subprocess.PIPE) for first in ("0", "1")]
    said = [process.communicate()[1] for process in processes]
    assert said == [b"", b""]
    assert [process.returncode for process in processes] == [0, 0]
    assert total(place) <= 110_000
    assert all(len(name) == 64 for name in names(place))
