"""What a run was trained with: versions, processor, memory; nothing that tells whose machine it is."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

from kitnet.kernels.cpu import cores, detect

PACKAGES = ("llvmlite", "numpy", "pillow")  # whose versions can change a result


def environment(engine: str, threads: int | None) -> dict[str, Any]:
    """The document of env.json; the processor as generated code sees it, where the engine generates some."""
    from kitnet import __version__  # the package imports this module

    found: dict[str, Any] = {
        "kitnet": __version__,
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        **{name: version for name in PACKAGES if (version := _version(name))},
        "system": platform.system(),
        "release": platform.release(),
        "architecture": platform.machine(),
        "cores": cores(),
        "memory": _memory(),
        "engine": engine,
    }
    if engine == "compiled":
        cpu = detect()
        found |= {
            "threads": threads or cores(),
            "processor": cpu.name,
            "level": cpu.level,
            "lanes": cpu.lanes,
            "features": sorted(cpu.features),
        }
    return found


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _memory() -> int | None:
    """Bytes of main memory, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
