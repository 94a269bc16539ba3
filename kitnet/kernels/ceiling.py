"""What the processor can do at most, measured by a generated loop: the figure that benchmarks give their
percentages of.
"""

from __future__ import annotations

import time

import numpy as np

from kitnet.kernels import jit
from kitnet.kernels.cpu import Cpu, cores, detect
from kitnet.kernels.crew import Crew
from kitnet.kernels.emit import Kernel
from kitnet.kernels.program import Call, Program
from kitnet.kernels.types import F32

TURNS = 20_000  # of the loop in a task: about 50 microseconds
_TASKS = 100  # for each thread, so that a disturbed one does less of them


def chains(cpu: Cpu) -> int:
    """Independent sums: enough to hide the latency of a multiply-add, few enough to stay in registers."""
    return cpu.registers - 4


def fma_kernel(cpu: Cpu, tasks: int) -> Kernel:
    """`chains` vectors of sums, each y += a * b in every turn of the loop."""
    k = Kernel("ceiling", cpu, tasks, x=F32, y=F32)
    x, y = k.pointers
    a, b = k.vector(x), k.vector(x, k.lanes)
    sums = [k.register(k.constant(float(i))) for i in range(chains(cpu))]
    with k.loop(0, TURNS, unroll=1):
        for each in sums:
            each.set(k.fma(a, b, each.get()))
    total = sums[0].get()
    for each in sums[1:]:
        total = total + each.get()
    k.store(total, y, k.task * k.lanes)
    return k


def measure(threads: int | None = None, cpu: Cpu | None = None, seconds: float = 0.3) -> float:
    """GFLOP/s of float32 multiply-adds (two operations each) of so many threads together: the best run within
    the time.
    """
    cpu, threads = cpu or detect(), threads or cores()
    (kernel,) = jit.build([fma_kernel(cpu, _TASKS * threads)])
    x, y = np.ones(2 * cpu.lanes, np.float32), np.empty((kernel.tasks, cpu.lanes), np.float32)
    program = Program([[Call(kernel, x=x, y=y)]])
    best, end = float("inf"), time.perf_counter() + seconds
    with Crew(threads) as crew:
        crew.run(program)
        while time.perf_counter() < end:
            start = time.perf_counter()
            crew.run(program)
            best = min(best, time.perf_counter() - start)
    return 2.0 * cpu.lanes * chains(cpu) * TURNS * kernel.tasks / best / 1e9
