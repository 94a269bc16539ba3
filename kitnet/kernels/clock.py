"""What each call of a program takes: the same program with a clock behind every call.

A thread notes when it begins a task, and behind each call adds what has passed to the call's own count.
Counts are ticks of the processor's clock, of which nobody needs to know the length: they are shares of a
whole that is timed by other means.
"""

from __future__ import annotations

import functools
from string import Template

import numpy as np

from kitnet.base.memory import aligned
from kitnet.kernels import jit
from kitnet.kernels.cpu import Cpu, detect
from kitnet.kernels.program import Program

WORD = 8  # bytes
# The first argument is where ticks are counted, 0 where a task begins; the second one where in the thread's
# own memory the last look at the clock stands.
CLOCK = Template(r"""
$declared
define void @kitnet_clock(ptr %args, i64 %task, ptr %scratch) nounwind {
entry:
  $read
  %count = load ptr, ptr %args
  %offset.at = getelementptr i64, ptr %args, i64 1
  %offset = load i64, ptr %offset.at
  %last = getelementptr i8, ptr %scratch, i64 %offset
  %begins = icmp eq ptr %count, null
  br i1 %begins, label %note, label %add
add:
  %before = load i64, ptr %last
  %passed = sub i64 %now, %before
  %old = atomicrmw add ptr %count, i64 %passed monotonic
  br label %note
note:
  store i64 %now, ptr %last
  ret void
}
""")
X86 = {"declared": "declare i64 @llvm.readcyclecounter()", "read": "%now = call i64 @llvm.readcyclecounter()"}
ARM = {"declared": "", "read": '%now = call i64 asm sideeffect "mrs $0, cntvct_el0", "=r"()'}
OTHER = {"declared": "", "read": "%now = add i64 0, 0"}  # it counts nothing
PROCESSORS = {**dict.fromkeys(("x86_64", "amd64"), X86), **dict.fromkeys(("aarch64", "arm64"), ARM)}


class Clock:
    """The compiled look at the clock, which has the face of a kernel."""

    def __init__(self, cpu: Cpu) -> None:
        self.name, self.cpu = "kitnet_clock", cpu
        self.text = CLOCK.substitute(PROCESSORS.get(cpu.architecture.lower(), OTHER))
        (self._code,) = jit.load([self])
        self.address = self._code.address


@functools.cache
def load() -> Clock:
    """The clock of this process."""
    return Clock(detect())


class Timed:
    """A program whose calls are timed: `ticks` has those of each call, stage by stage, added up over all
    runs. It shares the arguments of the program."""

    def __init__(self, program: Program) -> None:
        self._clock, last = load(), -(-program.scratch_bytes // WORD) * WORD  # whose code lives as long as it
        clock = self._clock.address
        calls = sum(map(len, program.stages))
        self.program, self.single = program, program.single
        self.scratch_bytes = last + WORD
        self.ticks = aligned(WORD * calls).view(np.int64)[:calls]
        heads, entries = 1 + 3 * len(program.stages), 2 * (2 * calls + len(program.stages))
        self._table = table = aligned(WORD * (heads + entries + 2 * (calls + 1))).view(np.int64)
        self.address = int(table.ctypes.data)
        arguments = heads + entries
        table[0], here = len(program.stages), heads
        table[arguments : arguments + 2] = 0, last
        begins, counted = self.address + WORD * arguments, 0
        for i, stage in enumerate(program.stages):
            tasks = stage[0].kernel.tasks
            table[1 + 3 * i : 4 + 3 * i] = tasks, 2 * len(stage) + 1, self.address + WORD * here
            table[here : here + 2] = clock, begins
            here += 2
            for call in stage:
                counted += 1
                place = arguments + 2 * counted
                table[place : place + 2] = self.ticks[counted - 1 :].ctypes.data, last
                table[here : here + 4] = *program.entry(call), clock, self.address + WORD * place
                here += 4
