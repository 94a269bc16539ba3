"""The driver that walks programs, in machine code: one entry per step, the GIL released.

The threads of a crew share a block of words, of which one 64-bit word says everything:

    epoch of the stage (32 bits) | closed (1 bit) | tasks not yet taken (31 bits)

To take a task is to count that word down by compare-and-swap. The thread that finishes the last task of a
stage opens the next by writing the word, or closes it after the last stage. The epoch only grows, so a late
thread cannot take a task of a stage that has passed; and it reads the program's address only after it has a
task, which keeps that program alive.
"""

from __future__ import annotations

import ctypes
import functools
import sys
import time

import numpy as np

from kitnet.base.memory import aligned
from kitnet.kernels import jit
from kitnet.kernels.cpu import Cpu, detect
from kitnet.kernels.driver_text import DRIVER, processor_text

# Places in the shared block, in 8-byte words; what is written often has a pair of cache lines of its own.
STATE, FINISHED, PROGRAM, STAGE = 0, 16, 32, 33
PATIENCE, GIVE_WAY, WHICH_CORE, SCRATCH, STRIDE, LEADER = 48, 49, 50, 51, 52, 53
BLOCK_WORDS = 64
CLOSED = 1 << 31
# Seconds that an idle thread only pauses, and that a helper then gives way before it sleeps; waking is 60e-6.
PAUSING, AWAKE = 100e-6, 2e-3


class Driver:
    """The compiled side of crews, the same for every crew of the process."""

    def __init__(self, cpu: Cpu) -> None:
        self.name, self.cpu, self.text = "kitnet_drive", cpu, driver_text(cpu)
        (self._code,) = jit.load([self])
        table = (ctypes.c_int64 * 3).from_address(self._code.address)
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        self.alone = ctypes.CFUNCTYPE(None, pointer, pointer)(table[0])
        self.lead = ctypes.CFUNCTYPE(None, pointer, pointer)(table[1])
        self.help = ctypes.CFUNCTYPE(None, pointer, number, number)(table[2])
        self.pauses = int(PAUSING / self._poll(patience=1000))
        self.yields = int(AWAKE / self._poll(patience=0))

    def _poll(self, patience: int) -> float:
        """Seconds of one look for work: a pause is 5 to 150 cycles, giving way 0.1 to 1 microsecond."""
        block, times = aligned(8 * BLOCK_WORDS).view(np.int64), []
        block[STATE], block[PATIENCE], block[GIVE_WAY] = CLOSED, patience, system()[0]
        for _ in range(3):
            start = time.perf_counter()
            self.help(block.ctypes.data, 1, 1000)
            times.append(time.perf_counter() - start)
        return min(times) / 1000


@functools.cache
def load() -> Driver:
    """The driver of this process."""
    return Driver(detect())


@functools.cache
def system() -> tuple[int, int]:
    """Addresses of the system's functions that give way to another thread and that tell the core, else 0."""
    if sys.platform == "win32":
        give_way, which_core = ctypes.WinDLL("kernel32").SwitchToThread, None
    else:
        library = ctypes.CDLL(None)
        give_way, which_core = library.sched_yield, getattr(library, "sched_getcpu", None)
    ask = ctypes.cast(which_core, ctypes.c_void_p).value if which_core is not None else None
    return ctypes.cast(give_way, ctypes.c_void_p).value or 0, ask or 0


def driver_text(cpu: Cpu) -> str:
    """The driver as LLVM IR for a processor."""
    places = {
        "stage": STAGE,
        "finished": FINISHED,
        "program": PROGRAM,
        "scratch": SCRATCH,
        "stride": STRIDE,
        "patience": PATIENCE,
        "give_way": GIVE_WAY,
        "which_core": WHICH_CORE,
        "leader": LEADER,
    }
    text = DRIVER.substitute(places, closed=CLOSED, tasks=CLOSED - 1)
    return text + processor_text(cpu)
