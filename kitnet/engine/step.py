"""The steps of a plan: what is computed from which memory into which.

A buffer is memory by name. Those whose name begins with `@` belong to somebody else (weights, gradient,
images, ...) and are bound when the plan is made; all others lie in the arena.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Volume
from kitnet.layers import Context, Kept
from kitnet.net.reference import State
from kitnet.net.weights import Weights

FLOAT = 4  # bytes
LARGE = 1 << 20  # bytes: what is so large and made of weights is made late, or not at all
IMAGES = "@images"  # as the caller has them
COUNT = "@count"  # an int64 for each group: how many images there are from its first one on
COUNT_BYTES = 8
RANDOM = "@random "  # and the path of a layer: the key of its random bits, the first sample, the step


@dataclass(frozen=True)
class Ref:
    """A place in a buffer, in bytes from its beginning."""

    buffer: str
    offset: int = 0

    def plus(self, elements: int) -> Ref:
        """So many float32 further."""
        return replace(self, offset=self.offset + FLOAT * elements)

    @property
    def outside(self) -> bool:
        return self.buffer.startswith("@")


@dataclass(frozen=True)
class Place:
    """A value in memory: where it begins and how it lies there."""

    ref: Ref
    volume: Volume


class Memory(Protocol):
    """What a formula step sees of a running plan."""

    weights: Weights
    gradient: Weights
    state: State
    kept: dict[str, Kept]  # by the paths of layers, from their forward to their backward step

    def read(self, place: Place, shape: Shape) -> Array:
        """The value as (N, *shape), samples first."""

    def write(self, place: Place, value: Array) -> None:
        """Put (N, *shape) where the plan keeps the value."""

    def context(self, path: str) -> Context:
        """Mode, seed and step of this run, for the layer with this path."""


@dataclass(frozen=True)
class KernelStep:
    """A compiled kernel with its arguments. `grouped`: task t touches only group t of every value; `adds`:
    what it writes it reads as well.
    """

    label: str
    kernel: Kernel
    reads: Mapping[str, Ref]
    writes: Mapping[str, Ref]
    grouped: bool
    adds: bool = False

    @property
    def arguments(self) -> dict[str, Ref]:
        return {**self.reads, **self.writes}


@dataclass(frozen=True)
class FormulaStep:
    """A layer's own formula, run by Python between compiled steps: counted, shown, never hidden."""

    label: str
    run: Callable[[Memory], None]
    reads: Mapping[str, Ref]
    writes: Mapping[str, Ref]


Step = KernelStep | FormulaStep
