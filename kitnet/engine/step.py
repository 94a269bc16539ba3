"""The steps of a plan: what is computed from which memory into which.

A buffer is memory by name. The names of buffers outside the plan's own memory begin with `@`; the machine
that runs the plan is given them or has them from the network:

    @in PATH            an operand, as the caller has it    @weight PATH, @dw PATH  a parameter, its gradient
    @class PATH         class numbers, int32                @state PATH             an array of a layer
    @seed PATH          a gradient that the caller gives    @random PATH            the key of a layer's bits
    @out PATH, @d PATH  a value, its gradient, read out     @count LANES            how many images there are
    @failed             NaN once a step of Python failed    @trouble                NaN: change nothing
    @accumulated        the mean of gradients               @hold                   NaN: no update yet
    @total              over how many images the mean is, of which the plan may have a share
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.engine.share import Exchange
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Batch, Volume
from kitnet.kernels.types import F32, Type
from kitnet.layers import Context, Kept
from kitnet.net.times import FORWARD

FLOAT = 4  # bytes
LARGE = 1 << 20  # bytes: what is so large and made of weights is made late, or not at all
COUNT_BYTES = 8  # an int64 for each group: how many images there are from its first one on


@dataclass(frozen=True)
class Ref:
    """A place in a buffer, in bytes from its beginning."""

    buffer: str
    offset: int = 0

    def plus(self, elements: int, type: Type = F32) -> Ref:
        """So many elements further."""
        return replace(self, offset=self.offset + type.bytes * elements)

    @property
    def outside(self) -> bool:
        return self.buffer.startswith("@")


TOTAL = Ref("@total")


@dataclass(frozen=True)
class Place:
    """A value in memory: where it begins, how a group of it lies there, and in how many groups the batch."""

    ref: Ref
    volume: Volume
    batch: Batch


class Memory(Protocol):
    """What a host step sees of a running plan, in one of its tasks.

    A grouped step has a task for each group of images and sees the real images of its group, which may be
    none. Without a way back it sees the whole group, where the last image stands for those that are missing.
    Any other step has one task and sees all real ones.
    """

    task: int
    exchange: Exchange  # with the other ranks of a training
    count: int  # images that there really are

    def mean_seed(self, weight: float, batch: Batch) -> Array:
        """The gradient of the weighted mean over all real images, also those of other ranks, (samples,)."""

    def read(self, place: Place, shape: Shape) -> Array:
        """The value as (samples, *shape), a copy."""

    def write(self, place: Place, value: Array, gradient: bool = False) -> None:
        """Put (samples, *shape) where the plan keeps the value, and into unused lanes the last sample once
        more, or 0 for a gradient.
        """

    def classes(self, path: str, batch: Batch, shape: Shape) -> Array:
        """The class numbers given for the operand with this path, (samples, *shape)."""

    def array(self, ref: Ref, shape: Shape) -> Array:
        """float32 numbers in a buffer, to be written."""

    def weights(self, owner: str) -> Mapping[str, Array]:
        """The parameters of a layer."""

    def state(self, path: str) -> dict[str, Array]:
        """The state of a layer, as it is before this run."""

    def change(self, path: str, state: Mapping[str, Array]) -> None:
        """The state of a layer after this run."""

    def context(self, path: str, batch: Batch) -> Context:
        """Mode, seed and step of this run, for the layer with this path and the first image of this task."""

    def keep(self, path: str, kept: Kept) -> None:
        """What the way back of a layer needs, for this task."""

    def kept(self, path: str) -> Kept:
        """What was kept for this task."""


@dataclass(frozen=True)
class KernelStep:
    """A compiled kernel with its arguments. `grouped`: task t touches only group t of every value; `adds`:
    what it writes it reads as well; `origin`: the file and function that wrote the step; `way`: forward,
    back, or the update.
    """

    label: str
    kernel: Kernel
    reads: Mapping[str, Ref]
    writes: Mapping[str, Ref]
    grouped: bool
    adds: bool = False
    origin: str = ""
    way: str = FORWARD

    @property
    def arguments(self) -> dict[str, Ref]:
        return {**self.reads, **self.writes}

    @property
    def tasks(self) -> int:
        return self.kernel.tasks


@dataclass(frozen=True)
class HostStep:
    """A step that Python does, beside compiled ones: a layer's own formula, for instance. It is counted and
    shown. `grouped`, `origin` and `way` as in a KernelStep.
    """

    label: str
    run: Callable[[Memory], None]
    reads: Mapping[str, Ref]
    writes: Mapping[str, Ref]
    tasks: int
    grouped: bool
    adds: bool = False
    origin: str = ""
    way: str = FORWARD


Step = KernelStep | HostStep
