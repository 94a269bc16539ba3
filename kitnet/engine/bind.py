"""The last stage: a plan bound to memory and machine code, ready to run."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from kitnet.base.memory import aligned
from kitnet.base.random import key
from kitnet.base.spec import Array
from kitnet.engine.arena import LINE, rounded
from kitnet.engine.host import Hosted, inside_a_step
from kitnet.engine.plan import Plan
from kitnet.engine.share import Alone, Exchange
from kitnet.engine.step import TOTAL, HostStep, KernelStep, Ref, Step
from kitnet.engine.timing import times_of
from kitnet.kernels.clock import Timed
from kitnet.kernels.crew import Crew
from kitnet.kernels.jit import Compiled, build, forget
from kitnet.kernels.program import Call, Program
from kitnet.layers import Context, Kept
from kitnet.net.reference import State
from kitnet.net.times import Times
from kitnet.net.weights import Weights

Progress = Callable[[int, int], None]  # kernels ready, kernels in all

ARENA = "@arena"  # all buffers that are neither outside nor a thread's own
OWN = "@own"  # buffers that each thread has to itself
GIVEN = "@in ", "@seed "  # buffers that are somewhere else in every run
ALL_GIVEN = *GIVEN, "@weight ", "@out ", "@d ", "@dw ", ARENA  # for a plan that holds no memory


def code_of(plan: Plan, progress: Progress | None = None) -> list[Compiled]:
    """The machine code of the plan's compiled steps, in their order."""
    kernels = [step.kernel for step in plan.steps if isinstance(step, KernelStep)]
    code = build(kernels, progress)
    forget(kernels)
    return code


@functools.cache
def crew_of(threads: int) -> Crew:
    """The one crew of so many threads in this process."""
    return Crew(threads)


class Machine:
    """One plan with its memory and code.

    `outside` are the arrays of the plan's `@` buffers, but for those that `run` is given, whose names begin
    with a word in `given`. They, the weights and the state are used where they lie and must stay alive and in
    place. With ARENA in `given` each run makes an arena; with the weights in it, each run does the steps that
    need no images as well.
    """

    def __init__(
        self,
        plan: Plan,
        code: Sequence[Compiled],
        weights: Weights,
        gradient: Weights | None,
        state: State,
        outside: Mapping[str, Array],
        threads: int,
        given: tuple[str, ...] = GIVEN,
    ) -> None:
        self.plan, self.weights, self.state = plan, weights, state
        self.kept: dict[tuple[str, int], Kept] = {}
        self.context, self.count = Context(), 0
        self._where: Sequence[int] = ()  # addresses of what is given in this run
        self.error: BaseException | None = None
        self.failed = np.zeros(1, np.float32)  # NaN from the first error on, which keeps an update away
        self.threads, self._crew = threads, crew_of(threads)
        self.exchange: Exchange = Alone()
        self.total = np.zeros(1, np.int64)  # samples of the whole batch, of which a plan may have a share
        self._counts, self._firsts = {}, {}
        for lanes, batch in plan.batches.items():
            self._firsts[lanes] = batch.images * np.arange(batch.groups, dtype=np.int64)
            self._counts[f"@count {lanes}"] = -self._firsts[lanes]
        buffers = {ref.buffer for step in plan.steps for ref in (*step.reads.values(), *step.writes.values())}
        self._random = {name: np.zeros(4, np.uint64) for name in buffers if name.startswith("@random ")}
        self.outside = {
            **outside, **self._counts, **self._random, **plan.constants,
            **_parameters("@weight", weights), **(_parameters("@dw", gradient) if gradient else {}),
            **{f"@state {node}.{name}": a for node, held in state.items() for name, a in held.items()},
            **({} if ARENA in given else {ARENA: aligned(plan.arena.size)}), "@failed": self.failed,
            TOTAL.buffer: self.total,
        }  # fmt: skip
        self.own = rounded(max((each.scratch_bytes for each in code), default=0))  # values lie behind scratch
        self.moving = sorted(name for name in buffers if name.startswith(given))  # in the order of `run`
        self._which = {name: i for i, name in enumerate([*self.moving, *([ARENA] if ARENA in given else [])])}
        self._slots: list[tuple[Any, int, int]] = []  # where their addresses stand, which, and from where on
        compiled = iter(code)
        steps = list(zip(plan.steps, plan.stages, strict=True))
        preparations = 0 if "@weight " in given else plan.preparations
        self._preparations = self._program(steps[:preparations], compiled)
        self._run = self._program(steps[preparations:], compiled)

    @functools.cached_property
    def _timed(self) -> Timed:
        assert self._run is not None
        return Timed(self._run)

    def _program(self, steps: Sequence[tuple[Step, int]], compiled: Iterator[Compiled]) -> Program | None:
        if not steps:
            return None
        calls: list[tuple[int, Step, Call]] = []
        for step, stage in steps:
            if isinstance(step, HostStep):
                calls.append((stage, step, Call(Hosted(self, step))))  # type: ignore[arg-type]  # as a kernel is
            else:
                where = {name: self._fixed(ref) for name, ref in step.arguments.items()}
                calls.append((stage, step, Call(next(compiled), **where)))
        stages = [[call for *_, call in stage] for _, stage in groupby(calls, lambda each: each[0])]
        program = Program(stages, self.own + self.plan.own_arena.size)
        self._slots += [
            (program.slot(call, name), self._which[array], offset)
            for _, step, call in calls
            if isinstance(step, KernelStep)
            for name, ref in step.arguments.items()
            for array, offset in [self._array(ref)]
            if array in self._which
        ]
        return program

    def _fixed(self, ref: Ref) -> int:
        return 0 if self._array(ref)[0] in self._which else self.address(ref, 0)

    def _array(self, ref: Ref) -> tuple[str, int]:
        """The array in which a buffer lies, and where; OWN for one in each thread's own memory."""
        if ref.outside:
            return ref.buffer, ref.offset
        if ref.buffer in self.plan.own_arena.offsets:
            return OWN, self.own + self.plan.own_arena.offsets[ref.buffer] + ref.offset
        return ARENA, self.plan.arena.offsets[ref.buffer] + ref.offset

    def address(self, ref: Ref, scratch: int) -> int:
        """Where a buffer lies; a thread's own lies in the scratch memory that begins there."""
        array, offset = self._array(ref)
        if array == OWN:
            return scratch + offset
        if array in self._which:
            return self._where[self._which[array]] + offset
        return int(self.outside[array].ctypes.data) + offset

    @property
    def scratch_bytes(self) -> int:
        """Bytes of each thread's own memory."""
        return max((one.scratch_bytes for one in (self._preparations, self._run) if one), default=0)

    def prepare(self) -> None:
        """The steps that need no images: what is made of the weights."""
        self._go(self._preparations)

    def run(
        self,
        given: Sequence[Array],
        count: int,
        context: Context,
        total: int | None = None,
        timed: bool = False,
    ) -> Times | None:
        """All other steps once, for the first `count` samples of the arrays that a run is given: those of
        `moving` in their order, float32 and C-contiguous. `total`: of how many samples these are a share.
        With `timed` what they took.
        """
        self.context = context
        self.total[0] = count if total is None else total
        if count != self.count:
            self.count = count
            for lanes, firsts in self._firsts.items():
                np.subtract(count, firsts, out=self._counts[f"@count {lanes}"])
        self._where = where = [_address(array) for array in given]
        if ARENA in self._which:
            memory = np.empty(self.plan.arena.size + LINE, np.uint8)
            where.append(rounded(_address(memory)))
        for slot, which, offset in self._slots:
            slot[0] = where[which] + offset
        for name, words in self._random.items():
            words[:2] = key(context.seed, name.removeprefix("@random "))
            words[2:] = context.first_sample, context.step
        try:
            if not timed:
                self._go(self._run)
                return None
            self._timed.ticks[:] = 0
            begun = time.perf_counter()
            self._go(self._timed)
            seconds = time.perf_counter() - begun
        finally:
            self.kept.clear()
        steps = self.plan.steps[-len(self._timed.ticks) :]
        return times_of(self.plan, steps, self._timed.ticks, seconds, count)

    def _go(self, program: Program | Timed | None) -> None:
        if program is None:
            return
        crew = Crew(1) if inside_a_step() else self._crew  # a crew does one step at a time
        crew.run(program)
        if self.error is not None:
            error, self.error = self.error, None
            self.failed[0] = 0
            raise error


def _address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])  # as array.ctypes.data, but faster


def _parameters(what: str, weights: Weights) -> dict[str, Array]:
    return {f"{what} {path}": view for path, view in weights.items()}


def capacity(plan: Plan) -> int:
    """Rows that an array outside the plan needs."""
    return max(batch.groups * batch.images for batch in plan.batches.values())


def arrays_outside(plan: Plan) -> dict[str, Array]:
    """Arrays for what a plan reads out, and for class numbers; none for the gradient of what it does not
    need.
    """
    rows, found = capacity(plan), {}
    shapes = {node.path: node.shape for node in plan.graph.nodes}
    for what, paths in (("@out", plan.request.outputs), ("@d", plan.request.gradients)):
        for path in set(paths) & set(shapes):
            found[f"{what} {path}"] = np.zeros((rows, *shapes[path]), np.float32)
    for path, goal in plan.request.class_operands().items():
        found[f"@class {path}"] = np.zeros((rows, math.prod(goal.scores[:-1])), np.int32)
    return found
