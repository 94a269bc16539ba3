"""`runs/latest`, a link to the run that was trained last."""

from __future__ import annotations

import secrets
from pathlib import Path

from kitnet.base.error import RunError

LATEST = "latest"


def point_to(folder: Path) -> Path | None:
    """Let the link beside a run folder point to it; gives what it pointed to before. Raises RunError."""
    link = folder.parent / LATEST
    try:
        before = link.readlink() if link.is_symlink() else None
        if before is None and link.exists():
            raise FileExistsError(None, "it is a file or folder of yours")
        _replace(link, Path(folder.name))
    except (OSError, NotImplementedError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RunError(f"{link}: cannot be made a link to {folder.name} ({reason})") from None
    return before


def point_back(folder: Path, before: Path | None) -> None:
    """Undo `point_to`, for a folder that is gone, unless the link points elsewhere by now."""
    link = folder.parent / LATEST
    if link.is_symlink() and link.readlink() == Path(folder.name):
        link.unlink()
        if before is not None:
            _replace(link, before)


def followed(path: Path) -> Path:
    """The folder that a link such as `runs/latest` points to, since the link may change while the folder is
    used; what is no link as it is."""
    return path.parent / path.readlink() if path.is_symlink() else path


def _replace(link: Path, target: Path) -> None:
    """The link is always there, the old one or the new one."""
    temporary = link.with_name(f".{link.name}.{secrets.token_hex(4)}")
    temporary.symlink_to(target, target_is_directory=True)
    try:
        temporary.replace(link)
    except OSError:
        temporary.unlink()
        raise
