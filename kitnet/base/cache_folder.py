"""Where compiled code and downloaded data are kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path | None:
    """The folder that KITNET_CACHE names, or kitnet's own in the user's folder for caches; None where the
    user has no home directory.
    """
    if chosen := os.environ.get("KITNET_CACHE"):
        return Path(chosen)
    import platformdirs

    try:
        folder = platformdirs.user_cache_path("kitnet", appauthor=False)
    except RuntimeError:
        return None
    return folder if folder.is_absolute() else None  # older versions give ~/.cache where ~ means nothing
