"""Threads that run compiled code together: one entry per step, the GIL released, no OpenMP.

A `Program` is a list of stages; a stage is a list of calls of kernels that have equally many tasks. Whoever
takes task t of a stage runs all calls of the stage for t in order, so that a slice of a batch goes through
many layers while it is in cache. A stage begins when every task of the one before it has ended. What comes
out does not depend on who took what, because tasks write disjoint places.

A `Crew` runs programs. The thread that asks for a step works on it itself and could finish it alone; the
crew's own threads help. Nobody waits for a thread, only for tasks that have been taken and are not finished:
a helper that still sleeps, or whose core is busy with something else, costs nothing but its help. So there is
no barrier that all threads must reach. One 64-bit word says everything:

    epoch of the stage (32 bits) | closed (1 bit) | tasks not yet taken (31 bits)

To take a task is to count that word down by compare-and-swap; who finishes the last task of a stage opens the
next by writing the word, or closes it after the last stage. The epoch only grows, so a late thread cannot
take a task of a stage that has passed; and it reads the program's address only after it has a task, which
keeps that program alive.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kitnet.kernels import jit
from kitnet.kernels.cpu import Cpu, cores, detect
from kitnet.kernels.jit import Compiled, aligned

# Places in the block that the threads of a crew share, in 8-byte words; what is written often has a pair of
# cache lines of its own.
_STATE, _FINISHED, _PROGRAM, _STAGE = 0, 16, 32, 33
_PATIENCE, _GIVE_WAY, _WHICH_CORE, _SCRATCH, _STRIDE, _LEADER = 48, 49, 50, 51, 52, 53
_BLOCK_WORDS = 64
_CLOSED = 1 << 31
# Seconds that an idle thread only pauses, and that a helper then gives way before it sleeps; waking is 60e-6.
_PAUSING, _AWAKE = 100e-6, 2e-3


class Call:
    """A kernel and its arguments, arrays or addresses. A call in two places of a program is pointed once."""

    def __init__(self, kernel: Compiled, /, **arguments: NDArray[Any] | int) -> None:
        if arguments.keys() != kernel.arguments.keys():
            raise ValueError(
                f"kernel {kernel.name} takes {', '.join(kernel.arguments)}; given: {', '.join(arguments)}"
            )
        self.kernel, self.arguments = kernel, arguments


class Program:
    """Stages packed into one table of 64-bit words, which compiled code walks:

    number of stages; for each stage its tasks, its number of calls, the address of its calls; for each call
    the address of its function and of its arguments; the arguments' addresses.

    `scratch_bytes` asks for more of every thread's own memory than the kernels do by themselves.
    """

    def __init__(self, stages: Sequence[Sequence[Call]], scratch_bytes: int = 0) -> None:
        if not stages or not all(stages):
            raise ValueError("a program needs a stage, and every stage a call")
        self.stages = tuple(tuple(stage) for stage in stages)
        calls = [call for stage in self.stages for call in stage]
        self.scratch_bytes = max(scratch_bytes, *(call.kernel.scratch_bytes for call in calls))
        here = 1 + 3 * len(self.stages)
        end = here + 2 * len(calls)
        self.single = max(self._tasks(stage) for stage in self.stages) == 1
        self._places: dict[Call, int] = {}
        for call in calls:
            if call not in self._places:
                self._places[call] = end
                end += len(call.kernel.arguments)
        self._table = aligned(8 * end).view(np.int64)
        self._targets: dict[tuple[Call, str], NDArray[Any] | int] = {}  # keeps the arrays alive
        self.address = int(self._table.ctypes.data)
        self._table[0] = len(self.stages)
        for i, stage in enumerate(self.stages):
            self._table[1 + 3 * i : 4 + 3 * i] = self._tasks(stage), len(stage), self.address + 8 * here
            for call in stage:
                self._table[here : here + 2] = call.kernel.address, self.address + 8 * self._places[call]
                here += 2
        for call in self._places:
            for name, target in call.arguments.items():
                self.point(call, name, target)

    def point(self, call: Call, argument: str, target: NDArray[Any] | int) -> None:
        """Let an argument of a call mean another array from the next run on; not while the program runs."""
        self.slot(call, argument)[0] = call.kernel.point(argument, target)
        self._targets[call, argument] = target

    def slot(self, call: Call, argument: str) -> NDArray[np.int64]:
        """Where the address of an argument stands (1,), for who changes it in every run."""
        place = self._places[call] + list(call.kernel.arguments).index(argument)
        return self._table[place : place + 1]

    @staticmethod
    def _tasks(stage: Sequence[Call]) -> int:
        tasks = {call.kernel.tasks for call in stage}
        if len(tasks) > 1:
            counts = ", ".join(f"{call.kernel.name} {call.kernel.tasks}" for call in stage)
            raise ValueError(f"the kernels of a stage differ in their number of tasks: {counts}")
        return tasks.pop()


class Crew:
    """So many threads that run programs: the caller and `threads - 1` helpers, who stay alive between steps.

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

    def run(self, program: Program) -> None:
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
        self.driver = _driver()
        self.block = aligned(8 * _BLOCK_WORDS).view(np.int64)
        self.block[_STATE] = _CLOSED
        # With a core for each thread waiting is short and a system call would only delay; else the core is
        # needed elsewhere.
        patience = self.driver.pauses if threads <= cores() else 16
        self.block[_PATIENCE], self.limit = patience, patience + self.driver.yields
        self.block[_GIVE_WAY], self.block[_WHICH_CORE] = _system()
        self.block[_LEADER] = -1
        self.scratch = aligned(0)
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

    def run(self, program: Program) -> None:
        with self.turn:
            if self.dismissed:
                raise RuntimeError("this crew is closed")
            each = -(-program.scratch_bytes // 128) * 128
            if each * (1 + len(self.helpers)) > self.scratch.nbytes:
                self.scratch = aligned(each * (1 + len(self.helpers)))
            if not self.helpers or program.single:  # nobody can help
                self.driver.alone(program.address, self.scratch.ctypes.data)
                return
            self.block[_SCRATCH], self.block[_STRIDE] = self.scratch.ctypes.data, each
            with self.bell:
                self.steps += 1
                self.bell.notify_all()
            self.driver.lead(self.block.ctypes.data, program.address)

    def _help(self, thread: int) -> None:
        while True:
            # Read before looking for work, so that a step which starts meanwhile is not slept through.
            seen = self.steps
            self.driver.help(self.block.ctypes.data, thread, self.limit)
            with _away_from(int(self.block[_LEADER])), self.bell:
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


class _Driver:
    """The compiled side of this file, the same for every crew of the process."""

    def __init__(self, cpu: Cpu) -> None:
        self.name, self.cpu, self.text = "kitnet_drive", cpu, _driver_text(cpu)
        (self._code,) = jit.load([self])
        table = (ctypes.c_int64 * 3).from_address(self._code.address)
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        self.alone = ctypes.CFUNCTYPE(None, pointer, pointer)(table[0])
        self.lead = ctypes.CFUNCTYPE(None, pointer, pointer)(table[1])
        self.help = ctypes.CFUNCTYPE(None, pointer, number, number)(table[2])
        self.pauses = int(_PAUSING / self._poll(patience=1000))
        self.yields = int(_AWAKE / self._poll(patience=0))

    def _poll(self, patience: int) -> float:
        """Seconds of one look for work: a pause is 5 to 150 cycles, giving way 0.1 to 1 microsecond."""
        block, times = aligned(8 * _BLOCK_WORDS).view(np.int64), []
        block[_STATE], block[_PATIENCE], block[_GIVE_WAY] = _CLOSED, patience, _system()[0]
        for _ in range(3):
            start = time.perf_counter()
            self.help(block.ctypes.data, 1, 1000)
            times.append(time.perf_counter() - start)
        return min(times) / 1000


@functools.cache
def _driver() -> _Driver:
    return _Driver(detect())


@functools.cache
def _system() -> tuple[int, int]:
    """Addresses of the system's functions that give way to another thread and that tell the core, else 0."""
    if sys.platform == "win32":
        give_way, which_core = ctypes.WinDLL("kernel32").SwitchToThread, None
    else:
        library = ctypes.CDLL(None)
        give_way, which_core = library.sched_yield, getattr(library, "sched_getcpu", None)
    ask = ctypes.cast(which_core, ctypes.c_void_p).value if which_core is not None else None
    return ctypes.cast(give_way, ctypes.c_void_p).value or 0, ask or 0


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


_PAUSES = {  # how a processor is told that it waits for another
    **dict.fromkeys(
        ("x86_64", "amd64"), ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()")
    ),
    **dict.fromkeys(
        ("aarch64", "arm64"), ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)")
    ),
}


def _driver_text(cpu: Cpu) -> str:
    declare, pause = _PAUSES.get(cpu.architecture.lower(), ("", ""))
    return rf"""
{declare}

@kitnet_drive = constant [3 x ptr] [ptr @alone, ptr @lead, ptr @help]

; All calls of a stage for one task, in order.
define internal void @work(ptr %stage, i64 %task, ptr %scratch) nounwind {{
entry:
  %count.at = getelementptr i64, ptr %stage, i64 1
  %count = load i64, ptr %count.at
  %calls.at = getelementptr i64, ptr %stage, i64 2
  %calls = load ptr, ptr %calls.at
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %call = getelementptr [2 x ptr], ptr %calls, i64 %i
  %function = load ptr, ptr %call
  %args.at = getelementptr ptr, ptr %call, i64 1
  %args = load ptr, ptr %args.at
  call void %function(ptr %args, i64 %task, ptr %scratch)
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret void
}}

; A whole program on one thread, without atomics.
define internal void @alone(ptr %program, ptr %scratch) nounwind {{
entry:
  %stages = load i64, ptr %program
  %first = getelementptr i64, ptr %program, i64 1
  br label %stage
stage:
  %s = phi i64 [ 0, %entry ], [ %s.next, %ended ]
  %here = getelementptr [3 x i64], ptr %first, i64 %s
  %tasks = load i64, ptr %here
  br label %task
task:
  %t = phi i64 [ 0, %stage ], [ %t.next, %task ]
  call void @work(ptr %here, i64 %t, ptr %scratch)
  %t.next = add i64 %t, 1
  %t.more = icmp ult i64 %t.next, %tasks
  br i1 %t.more, label %task, label %ended
ended:
  %s.next = add i64 %s, 1
  %s.more = icmp ult i64 %s.next, %stages
  br i1 %s.more, label %stage, label %done
done:
  ret void
}}

; Let stage %s begin, or close where there is none. For who finished the stage before, or leads the step.
define internal void @open(ptr %block, ptr %program, i64 %s) nounwind {{
entry:
  %stage.at = getelementptr i64, ptr %block, i64 {_STAGE}
  store i64 %s, ptr %stage.at
  %finished = getelementptr i64, ptr %block, i64 {_FINISHED}
  store atomic i64 0, ptr %finished monotonic, align 8
  %old = load atomic i64, ptr %block monotonic, align 8
  %epoch = lshr i64 %old, 32
  %epoch.next = add i64 %epoch, 1
  %high = shl i64 %epoch.next, 32
  %stages = load i64, ptr %program
  %more = icmp ult i64 %s, %stages
  br i1 %more, label %begin, label %write
begin:
  %first = getelementptr i64, ptr %program, i64 1
  %here = getelementptr [3 x i64], ptr %first, i64 %s
  %tasks = load i64, ptr %here
  br label %write
write:
  %low = phi i64 [ {_CLOSED}, %entry ], [ %tasks, %begin ]
  %new = or i64 %high, %low
  store atomic i64 %new, ptr %block release, align 8
  ret void
}}

; Take one task and do it: 1. Nothing to take now: 0. No step under way: -1.
define internal i64 @take(ptr %block, i64 %thread) nounwind {{
entry:
  br label %look
look:
  %state = load atomic i64, ptr %block acquire, align 8
  %left = and i64 %state, {_CLOSED - 1}
  %none = icmp eq i64 %left, 0
  br i1 %none, label %nothing, label %try
nothing:
  %bit = and i64 %state, {_CLOSED}
  %closed = icmp ne i64 %bit, 0
  %answer = select i1 %closed, i64 -1, i64 0
  ret i64 %answer
try:
  %fewer = sub i64 %state, 1
  %pair = cmpxchg ptr %block, i64 %state, i64 %fewer acq_rel monotonic
  %got = extractvalue {{ i64, i1 }} %pair, 1
  br i1 %got, label %mine, label %look
mine:
  %program.at = getelementptr i64, ptr %block, i64 {_PROGRAM}
  %program = load ptr, ptr %program.at
  %s.at = getelementptr i64, ptr %block, i64 {_STAGE}
  %s = load i64, ptr %s.at
  %first = getelementptr i64, ptr %program, i64 1
  %here = getelementptr [3 x i64], ptr %first, i64 %s
  %tasks = load i64, ptr %here
  %task = sub i64 %tasks, %left
  %scratch.at = getelementptr i64, ptr %block, i64 {_SCRATCH}
  %scratch.all = load ptr, ptr %scratch.at
  %stride.at = getelementptr i64, ptr %block, i64 {_STRIDE}
  %stride = load i64, ptr %stride.at
  %offset = mul i64 %stride, %thread
  %scratch = getelementptr i8, ptr %scratch.all, i64 %offset
  call void @work(ptr %here, i64 %task, ptr %scratch)
  %finished = getelementptr i64, ptr %block, i64 {_FINISHED}
  %before = atomicrmw add ptr %finished, i64 1 acq_rel
  %now = add i64 %before, 1
  %last = icmp eq i64 %now, %tasks
  br i1 %last, label %next, label %done
next:
  %s.next = add i64 %s, 1
  call void @open(ptr %block, ptr %program, i64 %s.next)
  br label %done
done:
  ret i64 1
}}

; Let a moment pass; after %patience of them in a row, let others have the core.
define internal void @rest(ptr %block, i64 %polls) nounwind {{
entry:
  {pause}
  %patience.at = getelementptr i64, ptr %block, i64 {_PATIENCE}
  %patience = load i64, ptr %patience.at
  %long = icmp ugt i64 %polls, %patience
  br i1 %long, label %yield, label %done
yield:
  %yield.at = getelementptr i64, ptr %block, i64 {_GIVE_WAY}
  %give.way = load ptr, ptr %yield.at
  %ignored = call i32 %give.way()
  br label %done
done:
  ret void
}}

; A step from beginning to end, as thread 0.
define internal void @lead(ptr %block, ptr %program) nounwind {{
entry:
  %program.at = getelementptr i64, ptr %block, i64 {_PROGRAM}
  store ptr %program, ptr %program.at
  %which.at = getelementptr i64, ptr %block, i64 {_WHICH_CORE}
  %which = load ptr, ptr %which.at
  %told = icmp ne ptr %which, null
  br i1 %told, label %ask, label %begin
ask:
  %core = call i32 %which()
  %core.long = sext i32 %core to i64
  %leader = getelementptr i64, ptr %block, i64 {_LEADER}
  store atomic i64 %core.long, ptr %leader monotonic, align 8
  br label %begin
begin:
  call void @open(ptr %block, ptr %program, i64 0)
  br label %loop
loop:
  %polls = phi i64 [ 0, %begin ], [ 0, %loop ], [ %polls.next, %wait ]
  %did = call i64 @take(ptr %block, i64 0)
  switch i64 %did, label %done [ i64 1, label %loop
                                 i64 0, label %wait ]
wait:
  %polls.next = add i64 %polls, 1
  call void @rest(ptr %block, i64 %polls.next)
  br label %loop
done:
  ret void
}}

; Help with all steps there are, until for %limit polls in a row none was under way.
define internal void @help(ptr %block, i64 %thread, i64 %limit) nounwind {{
entry:
  br label %loop
loop:
  %polls = phi i64 [ 0, %entry ], [ 0, %loop ], [ %polls.next, %wait ]
  %did = call i64 @take(ptr %block, i64 %thread)
  %busy = icmp eq i64 %did, 1
  br i1 %busy, label %loop, label %wait
wait:
  %polls.next = add i64 %polls, 1
  call void @rest(ptr %block, i64 %polls.next)
  %open = icmp eq i64 %did, 0
  %early = icmp ult i64 %polls.next, %limit
  %stay = or i1 %open, %early
  br i1 %stay, label %loop, label %done
done:
  ret void
}}
"""
