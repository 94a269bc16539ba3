"""What a side of the comparison offers to the process that measures it, and the measurements themselves."""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

Step = Callable[[], Any]
Answers = dict[str, Any]  # lists of numbers, or arrays

THREADS = int(os.environ.get("BENCH_THREADS", "2"))
CHECKED_STEPS = 3


class Side(Protocol):
    """Made with its library imported and its data in memory; `build` then makes the network."""

    def build(self) -> None:
        """Network and weights, ready to run."""

    def answers(self) -> Answers:
        """What the first runs compute, to be compared with the other sides."""

    def steps(self) -> Iterator[tuple[str, Step]]:
        """What is timed, by name; one at a time, so that the memory of each can go before the next comes."""

    def facts(self) -> dict[str, Any]:
        """`multiply_adds` of one image forward and those of the `first` layer, versions, algorithms."""


class NotYetError(Exception):
    """A side cannot run this network; its text is one line."""


def seconds_per_call(step: Step, warm: float, measure: float) -> float:
    """The median time of a call within `measure` seconds, one call at least, after `warm` seconds."""
    _timed(step, warm)
    return statistics.median(_timed(step, measure))


def _timed(step: Step, seconds: float) -> list[float]:
    """The time of each call until `seconds` are over."""
    clock, times = time.perf_counter, []
    end = clock() + seconds
    while not times or clock() < end:
        start = clock()
        step()
        times.append(clock() - start)
    return times


def resident() -> int:
    """Bytes of this process in memory now."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    return peak()


def forget_peak() -> None:
    """Let the peak begin anew, where the system can (Linux); else it is that of the whole process. What was
    freed goes back to the system before, on every side: material and checks are no part of the library.
    """
    gc.collect()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak() -> int:
    """Most bytes of this process in memory since it began, or since `forget_peak`."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
