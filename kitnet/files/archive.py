"""A zip archive of arrays, as PyTorch and Keras write it: parts as they are, none larger than the whole."""

from __future__ import annotations

import zipfile
from pathlib import Path

from kitnet.base.error import DataError

MOST_MEMBERS = 1 << 17


def check_archive(path: Path, archive: zipfile.ZipFile) -> None:
    """Raises DataError for what would take more memory than the file has."""
    members = archive.infolist()
    if len(members) > MOST_MEMBERS or sum(one.file_size for one in members) > path.stat().st_size:
        raise DataError("its parts are larger than it is; take a fresh copy")
    if any(one.compress_type != zipfile.ZIP_STORED for one in members):
        raise DataError("its parts are compressed, which PyTorch and Keras never do; save it again")
