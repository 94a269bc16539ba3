"""A plan for scores as a function of the images and of memory that its caller gives, and of nothing else.

What is made of the weights is made here, once. With the weights that are read as they are, the plan's own
arrays and the numbers of images it becomes one row of constants, so that a run needs no network. One thread
goes through the stages as `driver_text.py`'s `alone` does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.spec import Array
from kitnet.engine.arena import LINE, lay_out, rounded
from kitnet.engine.bind import ARENA, Machine, arrays_outside, code_of
from kitnet.engine.plan import Plan, make_plan
from kitnet.engine.request import Request
from kitnet.engine.step import KernelStep, Ref, Step
from kitnet.kernels.cpu import Cpu
from kitnet.net.network import Net

Base = Literal["image", "scores", "memory", "scratch", "constants"]


@dataclass(frozen=True)
class Address:
    """So many bytes behind the beginning of one of the five; in `scratch` the kernel is told the bytes."""

    base: Base
    offset: int


@dataclass(frozen=True)
class Call:
    """A kernel, by its number, with its arguments in their order."""

    kernel: int
    arguments: tuple[Address, ...]


@dataclass(frozen=True)
class Stage:
    """Calls that are done in order for one task after the other."""

    tasks: int
    calls: tuple[Call, ...]


@dataclass(frozen=True, repr=False)
class Standalone:
    """`kernels` are names and texts, each text once. `constants` (uint8) begin on a cache line, as does the
    memory: `memory` bytes, of which scratch begins at `scratch`.
    """

    plan: Plan
    cpu: Cpu
    kernels: tuple[tuple[str, str], ...]
    stages: tuple[Stage, ...]
    constants: Array
    memory: int
    scratch: int

    alignment = LINE


def standalone(net: Net, request: Request, samples: int, cpu: Cpu) -> Standalone:
    """The plan that `Scores` makes of the network for so many samples. Raises KitnetError for a layer that
    has no compiled code, and where the plan takes fewer samples at once.
    """
    plan = make_plan(net.graph, net.weights, samples, cpu, request)
    _check(plan, samples)
    steps = plan.steps[plan.preparations :]
    kernels = _Kernels()
    numbers = [kernels.number(step) for step in steps]
    code = code_of(plan)  # which forgets the texts
    machine = Machine(plan, code, net.weights, None, net.state, arrays_outside(plan), threads=1)
    machine.prepare()
    for lanes, batch in plan.batches.items():
        machine.outside[f"@count {lanes}"][:] = samples - batch.images * np.arange(batch.groups)
    constants = _Constants(plan, machine.outside)
    made = {ref.buffer for step in plan.steps[: plan.preparations] for ref in step.writes.values()}
    changed = {ref.buffer for step in steps for ref in step.writes.values()}
    touched = changed | {ref.buffer for step in steps for ref in step.reads.values()}
    assert not made & changed, "a run changes what was made of the weights"
    arena = lay_out({n: life for n, life in plan.arena.lives.items() if n in touched and n not in made})

    def address(ref: Ref) -> Address:
        if ref.buffer in plan.own_arena.offsets:
            return Address("scratch", machine.own + plan.own_arena.offsets[ref.buffer] + ref.offset)
        if ref.buffer in arena.offsets:
            return Address("memory", arena.offsets[ref.buffer] + ref.offset)
        for word, base in _GIVEN.items():
            if ref.buffer.startswith(word):
                return Address(base, ref.offset)
        return Address("constants", constants.place(ref.buffer) + ref.offset)

    calls = [
        Call(number, tuple(address(step.arguments[name]) for name in step.kernel.arguments))
        for number, step in zip(numbers, steps, strict=True)
        if isinstance(step, KernelStep)
    ]
    together = groupby(zip(plan.stages[plan.preparations :], steps, calls, strict=True), lambda each: each[0])
    stages = [[*some] for _, some in together]
    scratch = rounded(arena.size)
    return Standalone(
        plan,
        cpu,
        tuple(kernels.texts),
        tuple(Stage(some[0][1].tasks, tuple(call for *_, call in some)) for some in stages),
        constants.row(),
        scratch + rounded(machine.own + plan.own_arena.size),
        scratch,
    )


_GIVEN: Mapping[str, Base] = {"@in ": "image", "@out ": "scores"}


def _check(plan: Plan, samples: int) -> None:
    for choice in plan.choices:
        if choice.one.formula:
            raise KitnetError(
                f"{choice.path}: {choice.kind} has only a formula in Python here, and no compiled code for "
                "an object file; `kitnet explain --why` says why"
            )
    if plan.samples < samples:
        raise KitnetError(
            f"a batch of {samples}: images as large as these go through the network {plan.samples} at a "
            "time; ask for so many at most"
        )


class _Kernels:
    """Kernels by their texts, of which a plan has many several times."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []
        self._numbers: dict[str, int] = {}
        self._known: dict[int, int] = {}  # by the kernel's identity

    def number(self, step: Step) -> int:
        assert isinstance(step, KernelStep), f"{step.label}: a step of Python"
        kernel = step.kernel
        if id(kernel) not in self._known:
            text = kernel.text
            if text not in self._numbers:
                self._numbers[text] = len(self.texts)
                self.texts.append((kernel.name, text))
            self._known[id(kernel)] = self._numbers[text]
        return self._known[id(kernel)]


class _Constants:
    """A row of arrays that do not change, each on a cache line, in the order in which they are asked for."""

    def __init__(self, plan: Plan, outside: Mapping[str, Array]) -> None:
        self._plan, self._outside = plan, outside
        self._places: dict[str, int] = {}
        self._parts: list[Array] = []
        self._end = 0

    def place(self, name: str) -> int:
        if name not in self._places:
            part = self._bytes(name)
            self._places[name], self._end = self._end, self._end + rounded(len(part))
            self._parts.append(part)
        return self._places[name]

    def _bytes(self, name: str) -> Array:
        if name in self._outside:
            return np.ascontiguousarray(self._outside[name]).reshape(-1).view(np.uint8)
        start = self._plan.arena.offsets[name]
        return self._outside[ARENA][start : start + self._plan.arena.lives[name].size]

    def row(self) -> Array:
        return joined(self._parts)


def joined(parts: Sequence[Array]) -> Array:
    """Rows of bytes, each on a cache line, the rest zeros."""
    row = np.zeros(sum(rounded(len(part)) for part in parts), np.uint8)
    start = 0
    for part in parts:
        row[start : start + len(part)] = part
        start += rounded(len(part))
    return row
