"""Threads that run compiled programs together: one entry per step, the GIL released, no OpenMP.

The thread that asks for a step works on it itself and could finish it alone; the crew's own threads help. No
thread waits for a thread, only for tasks that have been taken and are not finished: a helper that still
sleeps, or whose core is busy with something else, costs nothing but its help. So there is no barrier that all
threads must reach.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Iterator
from types import TracebackType

import numpy as np

from kitnet.base.memory import aligned
from kitnet.kernels import driver
from kitnet.kernels.clock import Timed
from kitnet.kernels.cpu import cores
from kitnet.kernels.program import Program


class Crew:
    """Threads that run programs: the caller and `threads - 1` helpers, which stay alive between steps.

    After a step a helper looks for the next one for 2 ms, then sleeps, so that an idle process uses no
    processor time. Several callers take turns; several crews get along, because a thread with nothing to do
    gives way. A process that was forked gets helpers of its own at its first run. Ctrl-C is heard when the
    step has ended.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = cores() if threads is None else threads
        if self.threads < 1:
            raise ValueError(f"a crew of {self.threads} threads; it needs at least one")
        self._squad = self._gather()

    def run(self, program: Program | Timed) -> None:
        """Run a program once, from its first stage to its last."""
        if self._squad.process != os.getpid():
            self._squad = self._gather()
        self._squad.run(program)

    def close(self) -> None:
        """Send the helpers home. Happens by itself when the crew is forgotten or the interpreter ends."""
        self._squad.dismiss()

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def _gather(self) -> _Squad:
        squad = _Squad(self.threads)
        # The helpers hold the squad and not the crew, which would otherwise never be forgotten.
        weakref.finalize(self, squad.dismiss)
        return squad


class _Squad:
    """What a crew is in one process: the shared block, the scratch memory, the helpers."""

    def __init__(self, threads: int) -> None:
        self.process = os.getpid()
        self.driver = driver.load()
        self.block = aligned(8 * driver.BLOCK_WORDS).view(np.int64)
        self.block[driver.STATE] = driver.CLOSED
        # With a core for each thread waiting is short and a system call would only delay; else the core is
        # needed elsewhere.
        patience = self.driver.pauses if threads <= cores() else 16
        self.block[driver.PATIENCE], self.limit = patience, patience + self.driver.yields
        self.block[driver.GIVE_WAY], self.block[driver.WHICH_CORE] = driver.system()
        self.block[driver.LEADER] = -1
        self.block_address = int(self.block.ctypes.data)
        self.scratch = aligned(0)
        self.scratch_address = int(self.scratch.ctypes.data)
        self.turn = threading.Lock()
        self.bell = threading.Condition()
        self.steps = 0
        self.dismissed = False
        self.helpers = [
            threading.Thread(target=self._help, args=(thread,), name=f"kitnet-{thread}", daemon=True)
            for thread in range(1, threads)
        ]
        for helper in self.helpers:
            helper.start()

    def run(self, program: Program | Timed) -> None:
        with self.turn:
            if self.dismissed:
                raise RuntimeError("this crew is closed")
            each = -(-program.scratch_bytes // 128) * 128
            if each * (1 + len(self.helpers)) > self.scratch.nbytes:
                self.scratch = aligned(each * (1 + len(self.helpers)))
                self.scratch_address = int(self.scratch.ctypes.data)
            if not self.helpers or program.single:  # no thread can help
                self.driver.alone(program.address, self.scratch_address)
                return
            self.block[driver.SCRATCH], self.block[driver.STRIDE] = self.scratch_address, each
            with self.bell:
                self.steps += 1
                self.bell.notify_all()
            self.driver.lead(self.block_address, program.address)

    def _help(self, thread: int) -> None:
        while True:
            # Read before looking for work, so that a step which starts meanwhile is not slept through.
            seen = self.steps
            self.driver.help(self.block.ctypes.data, thread, self.limit)
            with _away_from(int(self.block[driver.LEADER])), self.bell:
                while self.steps == seen and not self.dismissed:
                    self.bell.wait()
                if self.dismissed:
                    return

    def dismiss(self) -> None:
        if self.process != os.getpid():
            return  # the helpers are in the parent process, and their locks may be held for ever here
        with self.bell:
            self.dismissed = True
            self.bell.notify_all()
        for helper in self.helpers:
            if helper is not threading.current_thread():  # which may be the one that collects the garbage
                helper.join()


@contextlib.contextmanager
def _away_from(core: int) -> Iterator[None]:
    """While this thread sleeps, let it be woken on any core but this one, where the leader runs.

    Linux often wakes a thread on its waker's core, though others are idle; a helper there waits until the
    leader has done the step alone. After pauses of 5 ms: 100 steps of 150 without this, 0 or 1 with it.
    """
    allowed = os.sched_getaffinity(0) if core >= 0 and hasattr(os, "sched_getaffinity") else set()
    others = allowed - {core}
    with contextlib.suppress(OSError):  # where a sandbox forbids it, only this favour is lost
        if others:
            os.sched_setaffinity(0, others)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if others:
                os.sched_setaffinity(0, allowed)
