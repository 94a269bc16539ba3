"""A lock on a folder, held by one process at a time and given back by the system when the process ends."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

NAME = ".lock"


def is_locked(folder: Path) -> bool:
    """Whether some process, or this one, holds the lock of a folder now."""
    if not (folder / NAME).exists():
        return False
    try:
        Lock(folder).close()
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


class Lock:
    """Held from its making until it is closed. Where the system has no fcntl, nothing is locked."""

    def __init__(self, folder: Path) -> None:
        """Raises BlockingIOError where the folder is locked already, also by this process, and OSError."""
        self._path = folder / NAME
        self._handle: int | None = None
        try:
            import fcntl
        except ImportError:  # Windows
            return
        while self._handle is None:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                held = os.fstat(handle).st_ino == self._path.stat().st_ino
            except FileNotFoundError:
                held = False
            except OSError:
                os.close(handle)
                raise
            if held:
                self._handle = handle
            else:  # its holder removed the file between open and flock
                os.close(handle)

    def close(self) -> None:
        """Remove the file while it is locked, then let go."""
        if self._handle is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._handle)
            self._handle = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()
