"""The nodes and constants of an ONNX graph, in order. Every name follows from the path of a layer, so that
the same network gives the same graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array

AXES_AS_INPUT = 18  # from this opset on ReduceMean, ReduceMax and ReduceMin read their axes as an input


@dataclass(frozen=True)
class Operation:
    """One node: the ONNX operator, what it reads and gives by name, and its attributes."""

    kind: str
    reads: tuple[str, ...]
    gives: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass
class Building:
    """A graph that is being written for one opset. `weights` are a network's own arrays, moved but never
    changed; `constants` are all others."""

    opset: int
    operations: list[Operation] = field(default_factory=list)
    weights: dict[str, Array] = field(default_factory=dict)
    constants: dict[str, Array] = field(default_factory=dict)
    path: str = ""  # of what is being written
    _first: int = 0  # operation of it
    _numbers: int = 0  # constants of it

    def begin(self, path: str) -> None:
        """What follows belongs to the value of this path."""
        self.path, self._first, self._numbers = path, len(self.operations), 0

    def end(self, value: str) -> str:
        """This value gets the path as its name."""
        own = self.operations[self._first :]
        if not any(value in one.gives for one in own):
            value, own = self.op("Identity", value), self.operations[self._first :]

        def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(self.path if name == value else name for name in names)

        self.operations[self._first :] = [
            Operation(one.kind, renamed(one.reads), renamed(one.gives), one.attributes) for one in own
        ]
        return self.path

    def op(self, kind: str, *reads: str, **attributes: Any) -> str:
        """The value that an operator makes of others."""
        return self.several(kind, 1, *reads, **attributes)[0]

    def several(self, kind: str, count: int, *reads: str, **attributes: Any) -> tuple[str, ...]:
        """The first `count` values that an operator gives."""
        number = len(self.operations) - self._first
        gives = tuple(f"{self.path}/{number}.{kind}" + f".{i}" * (i > 0) for i in range(count))
        self.operations.append(Operation(kind, reads, gives, attributes))
        return gives

    def weight(self, owner: str, name: str, array: Array) -> str:
        """An array of the network as the operator reads it. Layers that share it read one."""
        for path in (f"{owner}.{name}", f"{self.path}.{name}"):
            known = self.weights.get(path)
            if known is None or (known.shape == array.shape and np.array_equal(known, array)):
                self.weights[path] = array
                return path
        raise AssertionError(f"{self.path} has two arrays {name}")

    def constant(self, array: Any, dtype: Any = np.float32) -> str:
        """Numbers that are not learned."""
        found = np.asarray(array, dtype)
        name = f"{self.path}/constant{self._numbers}"
        self._numbers += 1
        self.constants[name] = found
        return name

    def whole(self, *numbers: int) -> str:
        """A row of int64, as shapes and axes are given."""
        return self.constant(numbers, np.int64)

    # What several layers need

    def reshape(self, x: str, *sizes: int) -> str:
        """The batch stays; the other axes get these sizes, one of which may be -1."""
        return self.op("Reshape", x, self.whole(0, *sizes))

    def turn(self, x: str, *axes: int) -> str:
        return self.op("Transpose", x, perm=list(axes))

    def slice(self, x: str, axes: Sequence[int], starts: Sequence[int], ends: Sequence[int]) -> str:
        return self.op("Slice", x, self.whole(*starts), self.whole(*ends), self.whole(*axes))

    def pad(
        self, x: str, axes: Sequence[int], around: Sequence[tuple[int, int]], rank: int, fill: float = 0.0
    ) -> str:
        """x of so many axes, the batch among them, with places around some of them."""
        before, after = [0] * rank, [0] * rank
        for axis, (first, last) in zip(axes, around, strict=True):
            before[axis], after[axis] = first, last
        return self.op("Pad", x, self.whole(*before, *after), self.constant(fill))

    def reduce(self, of: str, x: str, *axes: int, keep: bool = True) -> str:
        """Sum, Mean, Max or Min over axes."""
        if of != "Sum" and self.opset < AXES_AS_INPUT:
            return self.op(f"Reduce{of}", x, axes=list(axes), keepdims=int(keep))
        return self.op(f"Reduce{of}", x, self.whole(*axes), keepdims=int(keep))

    def times(self, x: str, number: Any) -> str:
        return self.op("Mul", x, self.constant(number))

    def plus(self, x: str, number: Any) -> str:
        return self.op("Add", x, self.constant(number))


@dataclass(frozen=True)
class Here:
    """A layer at its place: the values that it reads, the shapes of these and of its own, its arrays."""

    to: Building
    layer: Any
    owner: str
    x: tuple[str, ...]
    shapes: tuple[Shape, ...]
    shape: Shape
    arrays: Mapping[str, Array]  # weights and state, by their own names
    state_at: str = ""  # the path that the state belongs to

    @property
    def rank(self) -> int:
        """The axes of the first operand that windows slide along."""
        return len(self.shapes[0]) - 1

    @property
    def spatial(self) -> list[int]:
        """The ONNX axes of these."""
        return list(range(2, 2 + self.rank))

    def weight(self, name: str, move: Any = None) -> str:
        """An array of the layer, perhaps with its numbers moved."""
        array = self.arrays[name]
        return self.to.weight(self.owner, name, array if move is None else move(array))

    def state(self, name: str) -> str:
        return self.to.weight(self.state_at, name, self.arrays[name])

    def of_maps(self, name: str) -> str:
        """An array of a number a map, so that it meets (N, C, *sizes)."""
        return self.weight(name, lambda array: array.reshape(-1, *(1,) * self.rank))


def first(array: Array) -> Array:
    """(*sizes, C) -> (C, *sizes)."""
    return np.moveaxis(array, -1, 0)


def channels_first(shape: Shape) -> Shape:
    """(H, W, C) -> (C, H, W), as ONNX has volumes; the batch stands before both."""
    return (*shape[-1:], *shape[:-1])


def rows(to: Building, x: str, shape: Shape) -> str:
    """(N, C, *sizes) -> (N, numbers), channels innermost as kitnet has them."""
    if int(np.prod(shape[:-1])) > 1 and shape[-1] > 1:
        x = to.turn(x, 0, *range(2, 1 + len(shape)), 1)
    return to.op("Flatten", x, axis=1)
