"""Plans at work: memory, machine code, and the threads that go through it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from kitnet.base.error import ShapeError
from kitnet.base.memory import aligned
from kitnet.base.random import key
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.engine.arena import rounded
from kitnet.engine.lower import NO_WISHES, Wishes
from kitnet.engine.plan import Plan, make_plan
from kitnet.engine.step import COUNT, FLOAT, IMAGES, RANDOM, FormulaStep, KernelStep, Place, Ref, Step
from kitnet.kernels import update
from kitnet.kernels.cpu import Cpu, detect
from kitnet.kernels.crew import Crew
from kitnet.kernels.jit import Compiled, build, forget
from kitnet.kernels.program import Call, Program
from kitnet.layers import Context, Kept, Loss
from kitnet.net.network import Net
from kitnet.net.weights import Weights
from kitnet.optim import Sgd

EVALUATION = Context()
Progress = Callable[[int, int], None]  # kernels ready, kernels in all


def _planned(
    net: Net, batch: int, cpu: Cpu | None, progress: Progress | None, **how: Any
) -> tuple[Plan, list[Compiled]]:
    """A plan and its machine code, made when a network is first compiled so; nothing in them changes."""
    cpu = cpu or detect()
    kind = (batch, cpu, net.weights.dtype, *sorted(how.items()))
    if kind not in net.plans:
        plan = make_plan(net, batch, cpu, **how)
        kernels = [step.kernel for step in plan.steps if isinstance(step, KernelStep)]
        net.plans[kind] = plan, build(kernels, progress)
        forget(kernels)
    plan, code = net.plans[kind]
    return plan, code


class Machine:
    """One plan with its memory and code; what formula steps see as `Memory`.

    `outside` are the arrays of the plan's `@` buffers, but for the images and how many there are, which `run`
    is given. They and the network's state are used where they lie and must stay alive and in place.
    """

    def __init__(
        self,
        plan: Plan,
        code: Sequence[Compiled],
        net: Net,
        gradient: Weights,
        outside: Mapping[str, Array],
        crew: Crew,
    ) -> None:
        self.plan, self.weights, self.gradient, self.state = plan, net.weights, gradient, net.state
        self.kept: dict[str, Kept] = {}
        self._crew, self._context, self._count = crew, Context(), 0
        self._slots: list[tuple[NDArray[np.int64], int]] = []  # where addresses of images stand, and which
        self._arena = aligned(plan.arena.size)
        self._firsts = plan.batch.images * np.arange(plan.batch.groups, dtype=np.int64)  # images of groups
        self._counts = -self._firsts
        held = ((node, name, array) for node, arrays in net.state.items() for name, array in arrays.items())
        state = {f"@state {node}.{name}": array for node, name, array in held}
        refs = (ref for step in plan.steps for ref in step.reads.values())
        self._random = {ref.buffer: np.zeros(4, np.uint64) for ref in refs if ref.buffer.startswith(RANDOM)}
        self._outside = {**outside, COUNT: self._counts, **plan.constants, **state, **self._random}
        self._own = rounded(max(each.scratch_bytes for each in code))  # values lie behind kernels' scratch
        compiled = iter(code)
        steps = list(zip(plan.steps, plan.stages, strict=True))
        self._preparations = self._segments(steps[: plan.preparations], compiled)
        self._run = self._segments(steps[plan.preparations :], compiled)

    def _segments(
        self, steps: Sequence[tuple[Step, int]], compiled: Iterator[Compiled]
    ) -> list[Program | FormulaStep]:
        """Compiled steps as programs, between those that Python does."""
        segments: list[Program | FormulaStep] = []
        for python, run in groupby(steps, lambda each: isinstance(each[0], FormulaStep)):
            if python:
                segments += [step for step, _ in run if isinstance(step, FormulaStep)]
                continue
            calls: list[tuple[int, KernelStep, Call]] = []
            for step, stage in run:
                assert isinstance(step, KernelStep)
                where = {name: self._address(ref) for name, ref in step.arguments.items()}
                calls.append((stage, step, Call(next(compiled), **where)))
            stages = [[call for *_, call in stage] for _, stage in groupby(calls, lambda each: each[0])]
            program = Program(stages, self._own + self.plan.own_arena.size)
            segments.append(program)
            self._slots += [
                (program.slot(call, name), ref.offset)
                for _, step, call in calls
                for name, ref in step.reads.items()
                if ref.buffer == IMAGES
            ]
        return segments

    def _address(self, ref: Ref) -> int:
        if ref.buffer == IMAGES:
            return 0  # until `run` knows it
        if ref.outside:
            return int(self._outside[ref.buffer].ctypes.data) + ref.offset
        if ref.buffer in self.plan.own_arena.offsets:
            return self._own + self.plan.own_arena.offsets[ref.buffer] + ref.offset
        return int(self._arena.ctypes.data) + self.plan.arena.offsets[ref.buffer] + ref.offset

    def prepare(self) -> None:
        """The steps that need no images: what is made of the weights."""
        self._go(self._preparations)

    def run(self, images: Array, count: int, context: Context) -> None:
        """All other steps once, for the first `count` images, which are float32 and lie one behind the
        other.
        """
        self._context = context
        if count != self._count:
            self._count = count
            np.subtract(count, self._firsts, out=self._counts)
        address = images.__array_interface__["data"][0]  # as images.ctypes.data, in half the time
        for slot, offset in self._slots:
            slot[0] = address + offset
        for name, words in self._random.items():
            words[:2] = key(context.seed, name.removeprefix(RANDOM))
            words[2:] = context.first_sample, context.step
        self._outside[IMAGES] = images
        try:
            self._go(self._run)
        finally:
            del self._outside[IMAGES]

    def _go(self, segments: list[Program | FormulaStep]) -> None:
        for segment in segments:
            if isinstance(segment, Program):
                self._crew.run(segment)
            else:
                segment.run(self)

    # What formula steps see

    def context(self, path: str) -> Context:
        return replace(self._context, path=path)

    def read(self, place: Place, shape: Shape) -> Array:
        lanes = np.moveaxis(self._view(place), -1, 1)  # groups, images, positions, channels
        return lanes.reshape(-1, *shape)[: self._count].copy()

    def write(self, place: Place, value: Array) -> None:
        view = self._view(place)
        groups, positions, channels, images = view.shape
        whole = np.zeros((groups * images, positions, channels), np.float32)
        whole[: self._count] = value.reshape(self._count, positions, channels)
        view[...] = np.moveaxis(whole.reshape(groups, images, positions, channels), 1, -1)

    def _view(self, place: Place) -> Array:
        """(groups, positions, channels, images) in the arena or outside it."""
        volume, batch, start = place.volume, self.plan.batch, place.ref.offset
        if place.ref.outside:
            memory = self._outside[place.ref.buffer].reshape(-1).view(np.uint8)
        else:
            memory, start = self._arena, start + self.plan.arena.offsets[place.ref.buffer]
        shape = batch.groups, volume.positions, volume.channels, batch.images
        steps = volume.group_stride(batch), volume.pitch * batch.images, batch.images, 1
        return as_strided(memory[start:].view(np.float32), shape, [FLOAT * step for step in steps])


class Scores:
    """The compiled network: prepared images (N, *input) -> scores (N, classes) as `loss` reads them, or
    without a loss the output (N, *output), for any N.

    What is made of the weights beforehand (packed and mapped filters, folded norms) is made here and by
    `refresh`, to be called when weights or state have changed; a network that goes on learning needs no new
    plan.
    """

    engine = "compiled"

    def __init__(
        self,
        net: Net,
        loss: Loss | None,
        batch: int,
        *,
        threads: int | None = None,
        cpu: Cpu | None = None,
        fuse: bool = True,
        wishes: Wishes = NO_WISHES,
        progress: Progress | None = None,
    ) -> None:
        self.plan, code = _planned(
            net, batch, cpu, progress, loss=loss, train=False, fuse=fuse, wishes=wishes
        )
        shape = self.plan.graph.nodes[self.plan.scores].shape
        batch = self.plan.samples
        self._images = _Images(batch, net, whole=self.plan.batch.images == 1)
        self._scores = np.zeros((batch, *((math.prod(shape),) if loss else shape)), np.float32)
        outside = {
            "@weights": net.weights.flat,
            "@scores": self._scores,
        }
        self._machine = Machine(self.plan, code, net, net.weights.like(), outside, Crew(threads))
        self.refresh()

    def refresh(self) -> None:
        """Take over the network's weights and state as they are now."""
        self._machine.prepare()

    def __call__(self, x: Array) -> Array:
        self._images.check(x)
        found = np.empty((len(x), *self._scores.shape[1:]), np.float32)
        for start in range(0, len(x), self.plan.samples):
            part = x[start : start + self.plan.samples]
            self._machine.run(self._images.of(part), len(part), EVALUATION)
            found[start : start + len(part)] = self._scores[: len(part)]
        return found


class TrainingStep:
    """Forward, loss, backward and the update of the weights by `rule`, if there is one, as one plan.

    Call it with prepared images (n, *input), classes (n,) and the number of the step, n at most `batch`; it
    gives losses (n,) and scores (n, classes) from before the update, and leaves the mean gradient in
    `gradient`.
    """

    engine = "compiled"

    def __init__(
        self,
        net: Net,
        loss: Loss,
        batch: int,
        rule: Sgd | None,
        memory: Mapping[str, Array],
        *,
        seed: int = 0,
        threads: int | None = None,
        cpu: Cpu | None = None,
        fuse: bool = True,
        wishes: Wishes = NO_WISHES,
        progress: Progress | None = None,
    ) -> None:
        self.plan, code = _planned(
            net, batch, cpu, progress, loss=loss, train=True, update=bool(rule), fuse=fuse, wishes=wishes
        )
        self._seed, self.gradient = seed, net.weights.like()
        places = self.plan.batch.groups * self.plan.batch.images
        self._images = _Images(batch, net)
        self._labels, self._losses = np.zeros(places, np.int32), np.zeros(places, np.float32)
        self._scores = np.zeros((batch, math.prod(self.plan.graph.nodes[self.plan.scores].shape)), np.float32)
        outside = {
            "@weights": net.weights.flat,
            "@gradient": self.gradient.flat,
            "@labels": self._labels,
            "@losses": self._losses,
            "@scores": self._scores,
        }
        if rule:
            outside["@velocity"] = memory["velocity"]
            outside["@decayed"] = net.weights.decayed(update.LINE)
            outside["@rates"] = np.array([rule.rate, rule.momentum, rule.decay], np.float32)
        self._machine = Machine(self.plan, code, net, self.gradient, outside, Crew(threads))

    def __call__(self, x: Array, labels: Array, step: int) -> tuple[Array, Array]:
        self._images.check(x)
        n, most = len(x), self.plan.samples
        if n > most:
            raise ShapeError(f"input: {n} samples for a plan of {most}; make a plan for more")
        self._labels[:n] = labels
        self._machine.run(self._images.of(x), n, Context(train=True, seed=self._seed, step=step))
        return self._losses[:n].copy(), self._scores[:n].copy()


class _Images:
    """What a plan reads images from: the caller's own array, or a copy where that does not lie as it must.

    `whole` says that all images of the batch are read, however many there are.
    """

    def __init__(self, batch: int, net: Net, whole: bool = False) -> None:
        self._shape, self._whole = (batch, *net.input_shape), whole
        self._copy: Array | None = None

    def check(self, x: Array) -> None:
        """Raises ShapeError for what are no images of this network."""
        shape = self._shape[1:]
        if x.shape[1:] != shape:
            raise ShapeError(
                f"input: expected an array of shape (N, {', '.join(map(str, shape))}), samples first and "
                f"channels last, but got {x.shape}"
            )

    def of(self, x: Array) -> Array:
        """x (n, *input), n up to the batch, as float32 numbers one behind the other."""
        enough = len(x) == self._shape[0] or not self._whole
        if x.dtype == np.float32 and x.flags.c_contiguous and x.flags.aligned and enough:
            return x
        if self._copy is None:
            self._copy = np.zeros(self._shape, np.float32)
        self._copy[: len(x)] = x
        return self._copy
