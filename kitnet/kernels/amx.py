"""Whether this process may use the processor's matrix unit, AMX: eight tiles of 16 rows of 64 bytes, and
products of bfloat16 tiles whose sums are float32.

Linux gives a process its tiles when it asks, once for all of its threads, those that run already among them;
a child of fork keeps the permission. Without it the first tile instruction ends the process with SIGILL.
Source: Linux, Documentation/arch/x86/xstate.rst.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Callable

from kitnet.kernels.cpu import Cpu

NEEDS = ("amx-tile", "amx-bf16", "avx512bf16")
_ARCH_PRCTL, _REQUEST, _TILES = 158, 0x1023, 18  # the call on x86-64, ARCH_REQ_XCOMP_PERM, XTILEDATA


def why_no_tiles(cpu: Cpu, ask: Callable[[], str] | None = None) -> str | None:
    """The reason why there are no tiles, None where there are. A processor that emulates them has some.
    `ask` gives the system's reason to refuse them, or nothing.
    """
    if cpu.emulates_tiles:
        return None
    missing = [name for name in NEEDS if name not in cpu.features]
    if missing:
        return f"this processor ({cpu.name}, {cpu.level}) has no AMX tiles for bf16 ({missing[0]} is missing)"
    return (ask or _permission)() or None


@functools.cache
def _permission() -> str:
    """Asks the system once for the tiles; the reason why it refuses them, or nothing."""
    if sys.platform != "linux":
        return f"kitnet asks for AMX tiles on Linux alone, not on {sys.platform}"
    library = ctypes.CDLL(None, use_errno=True)
    arguments = (ctypes.c_long(number) for number in (_ARCH_PRCTL, _REQUEST, _TILES))
    if library.syscall(*arguments) == 0:
        return ""
    return f"Linux refuses this process the AMX tiles ({os.strerror(ctypes.get_errno())})"
