"""Writing so that a file is either the old one or the new one, whole: a temporary name, sync, rename."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from kitnet.base.error import RunError


def write_whole(path: Path, content: bytes | str) -> None:
    """Replace `path` by `content`. Raises RunError where that cannot be; the old file then stays as it
    was."""
    data = content.encode() if isinstance(content, str) else content
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written ({error.strerror or error}); choose another folder with --runs"
        ) from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
