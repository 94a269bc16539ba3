"""The JSON objects that a page sends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class BodyError(Exception):
    """A body that no page of the studio sends."""


def check(told: Mapping[str, Any], what: str, **kinds: type | tuple[type, ...]) -> None:
    """Raises BodyError unless the body has exactly these fields, each of its type."""
    if told.keys() != kinds.keys():
        raise BodyError(f"{what} needs {', '.join(kinds) or 'nothing'}")
    for name, kind in kinds.items():
        allowed = kind if isinstance(kind, tuple) else (kind,)
        if type(told[name]) not in allowed:
            raise BodyError(f"{what} needs another {name}")
