"""Object code on disk, in the user's own folder.

The cache is only a short cut: whatever is wrong with it (damage, a foreign owner, no room) is said once by
the logger "kitnet", and kernels are compiled as if there were none. Any number of processes may use it at
once. It stays below a size: what was not used for longest goes first.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import math
import os
import re
import stat
import threading
import time
from pathlib import Path

from kitnet.base.cache_folder import cache_folder

_log = logging.getLogger("kitnet")

LIMIT = 512 << 20  # bytes of all files together, some 50,000 kernels
LEFT = 0.75  # of the limit stays when files are deleted, so that it is seldom done
OFTEN = LIMIT // 32  # bytes that a process writes between two looks at the whole folder
FRESH = 86_400.0  # seconds in which a file's use is not noted again
_MAGIC = b"kitnet object 1\n"
_NEW = ".kitnet-new-"  # how files begin that are still being written, or never were to the end
_OWN = re.compile(rf"[0-9a-f]{{64}}|{re.escape(_NEW)}.*")  # all others in the folder are none of our business


def folder() -> Path | None:
    """Where object code is kept; None, said once, where there is no home directory."""
    found = cache_folder()
    if found is None:
        _complain(None, "there is no home directory, and KITNET_CACHE names no folder")
    return found


def read(place: Path, key: str) -> bytes | None:
    """The object code kept under a key, None where there is none to be trusted."""
    try:
        if not _ours(place.stat()):
            _complain(place, "it belongs to, or can be written by, another user")
            return None
        with open(place / key, "rb", opener=_open_no_link) as file:
            status = os.fstat(file.fileno())
            if not _ours(status):
                _complain(place, "a file in it belongs to, or can be written by, another user")
                return None
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):  # nothing was kept; who wants to will say why
        return None
    except OSError as error:
        _complain(place, error.strerror or str(error))
        return None
    head = len(_MAGIC) + hashlib.sha256().digest_size
    magic, digest, body = content[: len(_MAGIC)], content[len(_MAGIC) : head], content[head:]
    if magic != _MAGIC or digest != hashlib.sha256(body).digest():
        _complain(place, "a file in it is damaged")
        return None
    if time.time() - status.st_mtime > FRESH:
        with contextlib.suppress(OSError):  # of a folder that can only be read nothing is deleted either
            os.utime(place / key)
    return body


def write(place: Path, key: str, body: bytes) -> None:
    """Keep object code. It appears under its name at once and whole, whoever else writes the same."""
    import tempfile

    temporary = None
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _ours(place.stat()):
            return
        handle, temporary = tempfile.mkstemp(dir=place, prefix=_NEW)
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + hashlib.sha256(body).digest() + body)
        Path(temporary).replace(place / key)
    except OSError as error:
        is_a_file = isinstance(error, FileExistsError)  # which says less
        _complain(place, os.strerror(errno.ENOTDIR) if is_a_file else error.strerror or str(error))
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        return
    if _grown.by(place, len(body)):
        _make_room(place)


def _make_room(place: Path) -> None:
    """Delete what was not used for longest, where the folder has grown beyond the limit.

    Several processes may do so at once: a file that another has deleted makes as much room, and who has it
    open reads on. Whoever misses it later compiles it anew.
    """
    found = []
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # it is gone already
                status = entry.stat(follow_symlinks=False)
                writing = entry.name.startswith(_NEW) and time.time() - status.st_mtime < FRESH
                if stat.S_ISREG(status.st_mode) and _OWN.fullmatch(entry.name) and not writing:
                    found.append((status.st_mtime, status.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    if total <= LIMIT - OFTEN:  # which leaves room for what comes until the next look
        return
    for _, size, path in sorted(found):
        if total <= LEFT * LIMIT:
            break
        with contextlib.suppress(OSError):  # Windows keeps what somebody has open
            Path(path).unlink(missing_ok=True)
            total -= size


class _Growth:
    """Tells when a process has written so much to a folder that it should look at the whole: at its first
    file, then from time to time.
    """

    def __init__(self) -> None:
        self._since: dict[Path, float] = {}
        self._turn = threading.Lock()  # kernels compile side by side

    def by(self, place: Path, size: int) -> bool:
        with self._turn:
            self._since[place] = self._since.get(place, math.inf) + size
            due = self._since[place] >= OFTEN
            if due:
                self._since[place] = 0
            return due


_grown = _Growth()


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _ours(status: os.stat_result) -> bool:
    """Nobody else can have put something there. Windows keeps its users' folders apart by itself."""
    if not hasattr(os, "getuid"):
        return True
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


_complaints: set[tuple[Path | None, str]] = set()
_complaining = threading.Lock()  # kernels compile side by side and meet the same trouble


def _complain(place: Path | None, reason: str) -> None:
    """Once for each reason."""
    with _complaining:
        if (place, reason) in _complaints:
            return
        _complaints.add((place, reason))
    where = "" if place is None else f" in {place}"
    _log.warning("compiled code is not kept%s: %s; kernels are compiled anew", where, reason)
