"""The graph that an ONNX graph becomes, with its weights: values are stored as layers need them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import AlongBatchError, UnsupportedError
from kitnet.interop.onnx.reading.call import Input
from kitnet.interop.onnx.reading.layout import Value, blocks, channels_last, in_order, stored_as
from kitnet.layers import LAYERS, Flatten, Layer, Shuffle
from kitnet.net import Graph

MOST_AXES = 4  # of a volume
PATH = re.compile(r"\w[\w-]*(\.\w[\w-]*)*")


class Building:
    """A graph in the making. `batch` is the number of samples that axis 0 of every tensor counts, or None
    where a tensor is the volume of a single sample."""

    def __init__(self, batch: int | None) -> None:
        self.batch = batch
        self.graph = Graph()
        self.weights: dict[str, Array] = {}
        self.state: dict[str, dict[str, Array]] = {}
        self.inputs: dict[str, Value] = {}  # by ONNX's names
        self._made: dict[tuple[Any, ...], int] = {}  # values in another order or shape
        self._counts: dict[str, int] = {}  # of the paths that are a word and a number

    @property
    def batched(self) -> bool:
        return self.batch is not None

    def full_shape(self, operand: Any) -> Shape:
        if isinstance(operand, Value) and self.batch is not None:
            return (self.batch, *operand.shape)
        return tuple(operand.shape)

    def value(self, operand: Any) -> Value:
        """An operand as a value. Raises UnsupportedError, and AlongBatchError where axis 0 counts no
        samples."""
        if isinstance(operand, Value):
            return operand
        if isinstance(operand, Input):
            if operand.name not in self.inputs:
                self.inputs[operand.name] = self._operand(operand)
            return self.inputs[operand.name]
        if self.batched:
            if operand.ndim and operand.shape[0] not in (1, self.batch):
                raise AlongBatchError("a constant stands where samples do")
            rows = operand[:1] if operand.ndim else operand
            if operand.ndim and np.any(operand != rows):
                raise AlongBatchError("a constant differs from sample to sample")
            return self.constant(rows.reshape(rows.shape[1:]))
        return self.constant(operand)

    def constant(self, array: Array) -> Value:
        """A value that is the same for all samples, of a tensor without batch."""
        if array.dtype != np.float32:
            raise UnsupportedError(f"it reads a constant of {array.dtype} as numbers; only float32 is read")
        if not self.inputs:
            raise UnsupportedError("it works on constants alone, before any input is read")
        first = next(iter(self.inputs.values()))
        index = self.add(
            "",
            LAYERS["constant"](to=array.shape or (1,)),
            [first.index],
            {"weight": array.reshape(array.shape or 1)},
        )
        return in_order(index, array.shape)

    def _operand(self, given: Input) -> Value:
        shape = given.shape
        if self.batch is not None:
            if not shape or shape[0] != self.batch:
                raise AlongBatchError("its operand has no axis of samples")
            shape = shape[1:]
        if min(shape, default=1) < 1:
            raise UnsupportedError("its operand is empty")
        axes = channels_last(len(shape)) if self.batched else tuple(range(len(shape)))
        volume = tuple(shape[axis] for axis in axes)
        index = self.graph.operand(self._path(given.name, "input"), _of_few_axes(volume))
        return stored_as(index, shape, axes)

    # Nodes

    def add(
        self,
        name: str,
        layer: Layer,
        inputs: Sequence[int],
        weights: Mapping[str, Array] | None = None,
        state: Mapping[str, Array] | None = None,
    ) -> int:
        """Raises ShapeError."""
        path = self._path(name, layer.word)
        index = self.graph.add(path, layer, *inputs)
        if len(self.graph.nodes[index].shape) > MOST_AXES:
            raise UnsupportedError(f"it needs a volume of more than {MOST_AXES} axes")
        for key, array in (weights or {}).items():
            self.weights[f"{path}.{key}"] = array
        if state:
            self.state[path] = dict(state)
        return index

    def _path(self, name: str, word: str) -> str:
        """The node's own name where that is a path nobody has, else its word and a number."""
        if PATH.fullmatch(name) and name not in self.graph and len(name) < 200:
            return name
        while True:
            self._counts[word] = self._counts.get(word, 0) + 1
            if (path := f"{word}{self._counts[word]}") not in self.graph:
                return path

    # Order and shape

    def stored(self, value: Value, axes: Sequence[int], volume: Shape | None = None) -> Value:
        """The value with a volume of these axes of its tensor, in this order, of many axes the first ones as
        one; `volume` is another way to say the same numbers, such as with an axis of 1 more."""
        groups = value.grouped()
        if groups is None:
            value = self.flat(value)
            groups = value.grouped()
        assert groups is not None  # one part can be cut anywhere
        wanted = [piece for axis in axes for piece in groups[axis]]
        index = self._permuted(value.index, wanted)
        shape = tuple(value.shape[axis] for axis in axes)
        index = self._reshaped(index, _of_few_axes(shape) if volume is None else volume)
        return stored_as(index, value.shape, axes)

    def natural(self, value: Value) -> Value:
        """The value stored as its tensor."""
        return self.stored(value, range(len(value.shape)))

    def flat(self, value: Value) -> Value:
        """The value stored as one row in the order of its tensor."""
        total = math.prod(value.parts)
        index = self._reshaped(self._permuted(value.index, value.pieces()), (total,))
        return Value(index, (total,) if total > 1 else (), (0,) if total > 1 else (), value.shape)

    def _permuted(self, index: int, wanted: list[Any]) -> int:
        now = sorted(wanted)
        if now == wanted:
            return index
        sizes, axes = blocks(now, wanted)
        real = self.graph.nodes[index].shape
        last_two = axes[-2:] == [len(axes) - 1, len(axes) - 2] and axes[:-2] == [*range(len(axes) - 2)]
        if last_two and sizes[-1] * sizes[-2] == real[-1]:  # the maps of groups dealt out in turn
            return self._once(index, Shuffle(sizes[-2]))
        return self._once(
            self._reshaped(index, tuple(sizes)), LAYERS["permute"](order=tuple(axis + 1 for axis in axes))
        )

    def _reshaped(self, index: int, shape: Shape) -> int:
        real = self.graph.nodes[index].shape
        if real == shape:
            return index
        if shape == (math.prod(real),):
            return self._once(index, Flatten())
        return self._once(index, LAYERS["reshape"](to=shape))

    def _once(self, index: int, layer: Layer) -> int:
        key = (index, layer)
        if key not in self._made:
            self._made[key] = self.add("", layer, [index])
        return self._made[key]


def _of_few_axes(volume: Shape) -> Shape:
    """Of many axes the first ones as one."""
    more = max(0, len(volume) - MOST_AXES)
    return (math.prod(volume[: more + 1]), *volume[more + 1 :]) if more else volume
