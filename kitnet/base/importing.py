"""Imports that a call makes: names and folders of a package that are imported when they are read, and the
lock around it.

Small files of dataclasses take longer to import than to use, and few are needed at once.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any

HANDED_DOWN: dict[str, Callable[..., Any]] = {}  # functions of higher floors, by the door of the package
IMPORTING = threading.RLock()  # a child that is forked while a module is imported would wait for it for ever
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=IMPORTING.acquire, after_in_parent=IMPORTING.release, after_in_child=IMPORTING.release
    )


def attributes(package: str, files: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package: names by the file that defines them, imported when one is read."""

    def read(name: str) -> Any:
        if name not in files:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with IMPORTING:
            return getattr(import_module(f"{package}.{files[name]}"), name)

    return read


def folders(package: str, names: Collection[str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose folders are imported when they are read."""

    def read(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with IMPORTING:
            return import_module(f"{package}.{name}")

    return read
