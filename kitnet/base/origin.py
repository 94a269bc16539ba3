"""Where in the package something was written, so that an explanation can name file and function."""

from __future__ import annotations

import sys


def origin(*passing_on: str) -> str:
    """The file and function that called the caller of this, as `engine/lower/norm.py: running_factor`;
    functions with a name in `passing_on` are skipped.
    """
    frame = sys._getframe(2)
    while frame.f_code.co_name in passing_on and frame.f_back is not None:
        frame = frame.f_back
    module = str(frame.f_globals.get("__name__", "")).removeprefix("kitnet.").replace(".", "/")
    return f"{module}.py: {frame.f_code.co_qualname.partition('.<locals>')[0]}"
