"""Writing so that a file is either the old one or the new one, whole: a temporary name, sync, rename, and
sync of the folder, so that the new name outlasts a power failure too."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from kitnet.base.error import RunError, UnwrittenError


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file to write into; it takes the place of `path` when the block ends, and vanishes when the block
    fails. A device or a pipe, such as /dev/null, stays and is written into. Raises RunError where the file
    cannot be written; the old file then stays as it was."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            with path.open("wb") as file:
                yield file
            return
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise UnwrittenError(path, error) from None


def write_whole(path: Path, content: bytes | str) -> None:
    """Replace `path` by `content`. Raises RunError."""
    with writing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def copy_whole(source: Path, path: Path) -> None:
    """Replace `path` by a copy of the file `source`. Raises RunError."""
    with writing(path) as file, source.open("rb") as original:
        shutil.copyfileobj(original, file)


def remove(path: Path) -> None:
    """Remove a file, if it is there. Raises RunError."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{path}: cannot be removed ({error.strerror}); check the folder") from None


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    if os.name == "nt":
        return  # Windows opens no folders
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # said by file systems that keep no folders to sync
            raise
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
