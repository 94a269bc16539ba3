"""Steps that Python does between compiled ones, called by the threads that run the plan."""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.engine.step import FLOAT, HostStep, Place, Ref
from kitnet.kernels.spec import Batch
from kitnet.layers import Context, Kept

if TYPE_CHECKING:
    from kitnet.engine.bind import Machine

_Function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)
_here = threading.local()


def inside_a_step() -> bool:
    """Whether this thread is doing a host step."""
    return bool(_running())


def inside_a_step_of(machine: Machine) -> bool:
    """Whether this thread is doing a host step of this machine."""
    return machine in _running()


def _running() -> list[Machine]:
    """The machines of which this thread is doing a host step, one within the other."""
    if not hasattr(_here, "machines"):
        _here.machines = []
    found: list[Machine] = _here.machines
    return found


class Hosted:
    """A host step with the face of a compiled kernel. What it raises is raised when the run has ended; no
    host step begins after that.
    """

    def __init__(self, machine: Machine, step: HostStep) -> None:
        self.name, self.tasks, self.scratch_bytes = step.label, step.tasks, 0
        self.arguments: dict[str, Any] = {}
        self._machine, self._step = machine, step
        self._function = _Function(self._run)
        self.address = ctypes.cast(self._function, ctypes.c_void_p).value

    def _run(self, _: int, task: int, scratch: int) -> None:
        machine = self._machine
        if machine.error is not None:
            return
        _running().append(machine)
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
                self._step.run(TaskMemory(machine, self._step.grouped, task, scratch))
        except BaseException as error:  # it must not reach the compiled code that called; `run` raises it
            machine.error, machine.failed[0] = error, np.nan
        finally:
            _running().pop()


class TaskMemory:
    """What one task of a host step sees of a running plan: `Memory` in step.py says it in words."""

    def __init__(self, machine: Machine, grouped: bool, task: int, scratch: int) -> None:
        self._machine, self._grouped, self.task, self._scratch = machine, grouped, task, scratch
        self.exchange, self.count = machine.exchange, machine.count

    def _samples(self, batch: Batch) -> int:
        """Images that this task sees: the real ones. Where there is no way back it sees all of a group that
        has some, the last one in place of those that are missing: a product of fewer rows may sum in another
        order.
        """
        machine = self._machine
        if not self._grouped:
            return machine.count
        real = max(0, min(batch.images, machine.count - self.task * batch.images))
        return batch.images if real and not machine.plan.request.back else real

    def _first(self, batch: Batch) -> int:
        return self.task * batch.images if self._grouped else 0

    def mean_seed(self, weight: float, batch: Batch) -> Array:
        return np.full(self._samples(batch), weight / max(int(self._machine.total[0]), 1), np.float32)

    def read(self, place: Place, shape: Shape) -> Array:
        lanes = np.moveaxis(self._view(place), -1, 1)  # groups, images, positions, channels
        return lanes.reshape(-1, *shape)[: self._samples(place.batch)].copy()

    def write(self, place: Place, value: Array, gradient: bool = False) -> None:
        view = self._view(place)
        groups, positions, channels, images = view.shape
        whole = np.zeros((groups * images, positions, channels), np.float32)
        whole[: len(value)] = value.reshape(-1, positions, channels)
        if len(value) and not gradient:
            whole[len(value) :] = whole[len(value) - 1]
        view[...] = np.moveaxis(whole.reshape(groups, images, positions, channels), 1, -1)

    def classes(self, path: str, batch: Batch, shape: Shape) -> Array:
        first, samples = self._first(batch), self._samples(batch)
        return self._machine.outside[f"@class {path}"][first : first + samples].reshape(-1, *shape)

    def array(self, ref: Ref, shape: Shape) -> Array:
        return self._numbers(ref, math.prod(shape)).reshape(shape)

    def weights(self, owner: str) -> Mapping[str, Array]:
        return self._machine.weights.of(owner)

    def state(self, path: str) -> dict[str, Array]:
        return self._machine.state.get(path, {})

    def change(self, path: str, state: Mapping[str, Array]) -> None:
        for name, array in state.items():
            self._machine.state[path][name][...] = array

    def context(self, path: str, batch: Batch) -> Context:
        context = self._machine.context
        return replace(context, path=path, first_sample=context.first_sample + self._first(batch))

    def keep(self, path: str, kept: Kept) -> None:
        self._machine.kept[path, self.task] = kept

    def kept(self, path: str) -> Kept:
        return self._machine.kept.pop((path, self.task))

    def _view(self, place: Place) -> Array:
        """(groups, positions, channels, images) where the value lies."""
        volume, batch, ref = place.volume, place.batch, place.ref
        stride = volume.group_stride(batch)
        groups = 1 if self._grouped else batch.groups
        if self._grouped:
            ref = ref.plus(self.task * stride)  # 0 for the thread's own
        shape = groups, volume.positions, volume.channels, batch.images
        steps = stride, volume.pitch * batch.images, batch.images, 1
        size = 1 + sum((n - 1) * step for n, step in zip(shape, steps, strict=True))
        return as_strided(self._numbers(ref, size), shape, [FLOAT * step for step in steps])

    def _numbers(self, ref: Ref, size: int) -> Array:
        address = self._machine.address(ref, self._scratch)
        return np.ctypeslib.as_array((ctypes.c_float * size).from_address(address))
