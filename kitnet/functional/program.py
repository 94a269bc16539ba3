"""Single operations as compiled programs: into the lanes, a kernel or two, and out of them again.

As in a plan, a batch of many groups goes through all steps group by group, in memory of the thread's own;
with few groups the work of every step is cut into blocks, and values lie in an arena that is made for each
call.
"""

from __future__ import annotations

import functools
import math
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.engine.arena import LINE, rounded
from kitnet.engine.choice import GROUPS, batch_of
from kitnet.engine.lower.window import kernel_window
from kitnet.engine.step import FLOAT
from kitnet.engine.values import volume_of
from kitnet.kernels import convolution, convolution_gradient, layout, pool, update
from kitnet.kernels.cpu import Cpu, detect
from kitnet.kernels.crew import Crew
from kitnet.kernels.emit import Kernel
from kitnet.kernels.jit import build
from kitnet.kernels.program import Call, Program
from kitnet.kernels.spec import Batch, Volume
from kitnet.layers.window import Axes, area, output_sizes

TASKS = 8  # pieces that a step's work has at least, so that all threads have some
OWN = 64 << 20  # bytes at most that values take in each thread's memory, which the crew keeps between calls
PROGRAMS = 128  # kept in memory


@dataclass(frozen=True)
class Problem:
    """An operation for any number of samples; `write` puts it into a draft. In pooling every channel is a
    group with one filter.
    """

    write: Callable[[Draft, Problem], None]
    axes: Axes
    channels: int
    filters: int
    groups: int = 1
    bias: bool = False
    in_place: bool = False  # on the arrays of the call, whose channels lie in the lanes then

    @property
    def x(self) -> Shape:
        return *(a.size for a in self.axes), self.channels

    @property
    def y(self) -> Shape:
        return *output_sizes(self.axes), self.filters

    @property
    def weights(self) -> int:
        return area(self.axes) * self.channels // self.groups * self.filters


def run(problem: Problem, outputs: Mapping[str, Shape], **inputs: Array) -> list[Array]:
    """New arrays of these shapes, computed from C-contiguous float32 inputs, of which x has the samples."""
    if not len(inputs["x"]):
        return [np.zeros(shape, np.float32) for shape in outputs.values()]
    cpu = detect()
    made = {name: np.empty(shape, np.float32) for name, shape in outputs.items()}
    samples = len(inputs["x"])
    batch = Batch(samples, 1) if problem.in_place else batch_of(samples, cpu)
    _ready(problem, batch, cpu).run({**inputs, **made})
    return list(made.values())


# What programs are made of


@dataclass(frozen=True)
class Room:
    """Bytes of the arena, or of the memory of the thread's own, from `offset` on."""

    offset: int
    own: bool


@dataclass(frozen=True)
class Value:
    """A value in the lanes."""

    room: Room
    volume: Volume


Target = Room | str  # what an argument of a kernel means; arrays of a call have names


class Draft:
    """Collects the stages of a program for one problem and batch, and gives values their memory."""

    def __init__(self, problem: Problem, batch: Batch, cpu: Cpu) -> None:
        self.cpu, self.batch = cpu, batch
        numbers = batch.images * (math.prod(problem.x) + math.prod(problem.y))
        # A group has weight gradients of its own then, which should not be more than what is spared.
        self.own = batch.groups >= GROUPS and problem.weights <= numbers and FLOAT * numbers <= OWN
        self.blocks = 1 if self.own else -(-TASKS // batch.groups)
        self.stages: list[list[tuple[Kernel, dict[str, Target]]]] = []
        self.bytes = {True: 0, False: 0}  # of the thread's own memory, and of the arena
        self._grouped = False  # what the last stage is

    def value(self, shape: Shape, bytes: int = FLOAT) -> Value:
        volume = volume_of(shape, self.own)
        groups = 1 if self.own else self.batch.groups
        return Value(self.room(groups * self.batch.images * math.prod(shape) * bytes, self.own), volume)

    def room(self, size: int, own: bool = False) -> Room:
        room = Room(self.bytes[own], own)
        self.bytes[own] += rounded(size)
        return room

    def call(self, kernel: Kernel, /, across: bool = False, **arguments: Value | Target) -> None:
        """Steps with a task for each group of the batch are one stage, but for those `across` groups."""
        grouped = kernel.tasks == self.batch.groups and not across
        if not (grouped and self._grouped):
            self.stages.append([])
        self._grouped = grouped
        targets = {n: each.room if isinstance(each, Value) else each for n, each in arguments.items()}
        own = frozenset(n for n, each in targets.items() if isinstance(each, Room) and each.own)
        kernel = kernel.lying(own)
        self.stages[-1].append((kernel, targets))

    def into_lanes(self, name: str, value: Value, gradient: bool = False) -> None:
        numbers = value.volume.positions * value.volume.channels
        kernel = layout.into_lanes(
            "into_lanes", self.cpu, self.batch, numbers, self.blocks, self.own, gradient
        )
        self.call(kernel, x=name, count="count", y=value)

    def out_of_lanes(self, value: Value, name: str) -> None:
        numbers = value.volume.positions * value.volume.channels
        kernel = layout.out_of_lanes("out_of_lanes", self.cpu, self.batch, numbers, self.blocks, self.own)
        self.call(kernel, x=value, count="count", y=name)


class Ready:
    """A draft as machine code."""

    def __init__(self, draft: Draft) -> None:
        stages = draft.stages
        compiled = iter(build([kernel for stage in stages for kernel, _ in stage]))
        scratch = rounded(max(kernel.scratch_bytes for stage in stages for kernel, _ in stage))
        # What is pointed for each call: an argument, and where in which array it lies.
        self._places: list[tuple[Call, str, str, int]] = []
        calls: list[list[Call]] = []
        for stage in stages:
            calls.append([])
            for _, arguments in stage:
                call = Call(next(compiled), **dict.fromkeys(arguments, 0))
                calls[-1].append(call)
                for argument, target in arguments.items():
                    if isinstance(target, str):
                        self._places.append((call, argument, target, 0))
                    elif target.own:  # behind the scratch memory of kernels
                        call.arguments[argument] = scratch + target.offset
                    else:
                        self._places.append((call, argument, "arena", target.offset))
        self._program = Program(calls, scratch + draft.bytes[True])
        self._arena = draft.bytes[False]

    def run(self, arrays: Mapping[str, Array]) -> None:
        """Arrays of the call by their names in the draft, C-contiguous; those of results are written."""
        arena = np.empty(self._arena + LINE, np.uint8)
        count = np.array([len(arrays["x"])], np.int64)
        addresses = {name: int(a.ctypes.data) for name, a in (*arrays.items(), ("count", count))}
        addresses["arena"] = rounded(arena.ctypes.data)
        # Threads take turns, as they do for the crew; a forked process with a lock that nobody holds.
        with _turns.setdefault(os.getpid(), threading.Lock()):
            for call, argument, name, offset in self._places:
                self._program.point(call, argument, addresses[name] + offset)
            _crew().run(self._program)


@functools.lru_cache(PROGRAMS)
def _ready(problem: Problem, batch: Batch, cpu: Cpu) -> Ready:
    draft = Draft(problem, batch, cpu)
    problem.write(draft, problem)
    return Ready(draft)


_turns: dict[int, threading.Lock] = {}


@functools.cache
def _crew() -> Crew:
    """The one crew, which has helpers of its own in a forked process."""
    return Crew()


# The operations


def convolve(d: Draft, p: Problem) -> None:
    """x, w, b -> y"""
    x, y = d.value(p.x), d.value(p.y)
    d.into_lanes("x", x)
    kernel = convolution.forward(
        "convolution", d.cpu, d.batch, x.volume, y.volume, kernel_window(p.axes),
        groups=p.groups, bias=p.bias, blocks=d.blocks,
    )  # fmt: skip
    d.call(kernel, x=x, weight="w", bias="b" if p.bias else "w", y=y)  # not read where there is none
    d.out_of_lanes(y, "y")


def convolve_backward(d: Draft, p: Problem) -> None:
    """dy, x, w -> dx, dw, db; dx takes the place of x."""
    x, dy, window = d.value(p.x), d.value(p.y), kernel_window(p.axes)
    chunks = d.batch.groups if d.own else 1
    partial = d.room(FLOAT * chunks * p.weights) if d.own else "dw"
    bias_partial = d.room(FLOAT * chunks * p.filters) if d.own else "db"
    d.into_lanes("dy", dy, gradient=True)
    d.into_lanes("x", x)
    kernel = convolution_gradient.filter_gradient(
        "filter_gradient", d.cpu, d.batch, x.volume, dy.volume, window,
        groups=p.groups, chunks=chunks, parts=1 if d.own else TASKS,
    )  # fmt: skip
    d.call(kernel, across=not d.own, x=x, dy=dy, partial=partial, bias_partial=bias_partial)
    kernel = convolution.input_gradient(
        "input_gradient", d.cpu, d.batch, dy.volume, x.volume, window, groups=p.groups, blocks=d.blocks
    )
    d.call(kernel, dy=dy, weight="w", dx=x)
    d.out_of_lanes(x, "dx")
    if d.own:
        for size, parts, whole in ((p.weights, partial, "dw"), (p.filters, bias_partial, "db")):
            tasks = max(1, min(TASKS, size // 1024))
            d.call(update.reduce("reduce", d.cpu, chunks, size, tasks), across=True, partial=parts, y=whole)


def max_pool(d: Draft, p: Problem) -> None:
    """x -> y"""
    x, y = d.value(p.x), d.value(p.y)
    d.into_lanes("x", x)
    window = kernel_window(p.axes)
    kernel = pool.max_pool("max_pool", d.cpu, d.batch, window, x.volume, y.volume, False, d.blocks)
    d.call(kernel, x=x, y=y)
    d.out_of_lanes(y, "y")


def max_pool_backward(d: Draft, p: Problem) -> None:
    """dy, x -> dx: the winners again, then dy to their places; dy takes the place of y, and dx that of x."""
    window = kernel_window(p.axes)
    x, y, switches = d.value(p.x), d.value(p.y), d.value(p.y, pool.switch_type(window).bytes)
    d.into_lanes("x", x)
    kernel = pool.max_pool("max_pool", d.cpu, d.batch, window, x.volume, y.volume, True, d.blocks)
    d.call(kernel, x=x, y=y, switches=switches)
    d.into_lanes("dy", y, gradient=True)
    kernel = pool.max_pool_gradient(
        "max_pool_gradient", d.cpu, d.batch, window, y.volume, x.volume, False, d.blocks
    )
    d.call(kernel, switches=switches, dy=y, dx=x)
    d.out_of_lanes(x, "dx")


def mean_pool(d: Draft, p: Problem) -> None:
    """x -> y"""
    x, y = d.value(p.x), d.value(p.y)
    d.into_lanes("x", x)
    window = kernel_window(p.axes)
    d.call(pool.mean_pool("mean_pool", d.cpu, d.batch, window, x.volume, y.volume, d.blocks), x=x, y=y)
    d.out_of_lanes(y, "y")


def mean_pool_backward(d: Draft, p: Problem) -> None:
    """dy -> dx"""
    dy, dx, window = d.value(p.y), d.value(p.x), kernel_window(p.axes)
    d.into_lanes("dy", dy, gradient=True)
    kernel = pool.mean_pool_gradient(
        "mean_pool_gradient", d.cpu, d.batch, window, dy.volume, dx.volume, False, d.blocks
    )
    d.call(kernel, dy=dy, dx=dx)
    d.out_of_lanes(dx, "dx")
