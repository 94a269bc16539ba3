"""Programs: calls of kernels in stages, packed into a table that compiled code walks.

A stage is a list of calls of kernels that have equally many tasks. The thread that takes task t of a stage
runs all calls of the stage for t in order, so that a slice of a batch goes through many layers while it is in
cache. A stage begins when every task of the one before it has ended. What comes out does not depend on which
thread took what, because tasks write disjoint places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kitnet.base.memory import aligned
from kitnet.kernels.jit import Compiled


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
                self._table[here : here + 2] = self.entry(call)
                here += 2
        for call in self._places:
            for name, target in call.arguments.items():
                self.point(call, name, target)

    def point(self, call: Call, argument: str, target: NDArray[Any] | int) -> None:
        """Let an argument of a call mean another array from the next run on; not while the program runs."""
        self.slot(call, argument)[0] = call.kernel.point(argument, target)
        self._targets[call, argument] = target

    def entry(self, call: Call) -> tuple[int, int]:
        """The address of a call's function, and of its arguments."""
        return call.kernel.address, self.address + 8 * self._places[call]

    def slot(self, call: Call, argument: str) -> NDArray[np.int64]:
        """Where the address of an argument stands (1,), for callers that change it in every run."""
        place = self._places[call] + list(call.kernel.arguments).index(argument)
        return self._table[place : place + 1]

    @staticmethod
    def _tasks(stage: Sequence[Call]) -> int:
        tasks = {call.kernel.tasks for call in stage}
        if len(tasks) > 1:
            counts = ", ".join(f"{call.kernel.name} {call.kernel.tasks}" for call in stage)
            raise ValueError(f"the kernels of a stage differ in their number of tasks: {counts}")
        return tasks.pop()
