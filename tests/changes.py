"""Files with changed bytes, and what whoever reads them may do: one line that says what is wrong, or an
answer, in little time and memory."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from kitnet.base.error import KitnetError

SECONDS = 10.0  # of the processor for one file, far more than any takes
MEMORY = 64 << 20  # bytes beyond three times what a file says that it holds
PROCESS = Path("/proc/self")


def changed(content: bytes, draw: np.random.Generator) -> bytes:
    """Some bytes are others, some are gone, or the end is."""
    found = bytearray(content)
    for place in draw.integers(0, len(found), draw.integers(1, 6)):
        found[place] = draw.integers(256)
    if draw.random() < 0.3:
        del found[draw.integers(len(found)) :]
    elif draw.random() < 0.3:
        start = draw.integers(len(found))
        del found[start : start + draw.integers(1, 9)]
    return bytes(found)


def check_changed(
    read: Callable[[np.random.Generator], object],
    number: int,
    announced: Callable[[], int] = lambda: 0,
) -> None:
    """`read` changes a file anew and reads it; `announced` says how many bytes the changed one promises.
    Some are refused."""
    draw, refused = np.random.default_rng(1), 0
    for _ in range(number):
        begun, before = time.process_time(), _resident()
        try:
            read(draw)
        except KitnetError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 600
        assert time.process_time() - begun < SECONDS
        grown = _memory("VmHWM") - before
        assert grown < MEMORY or grown < 3 * announced() + MEMORY, grown
    assert refused > 0


def _resident() -> int:
    """Bytes of this process that lie in memory; the largest number of them is counted anew from here."""
    if (PROCESS / "clear_refs").exists():  # of Linux
        (PROCESS / "clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(name: str) -> int:
    status = PROCESS / "status"
    found = re.search(rf"{name}:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return 1024 * int(found[1]) if found else 0
