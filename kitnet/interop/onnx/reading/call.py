"""One node of an ONNX graph while it is read: its operands and attributes, and what it adds to the graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kitnet.base.error import cut, printable, shorten
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import AlongBatchError, NeedsArray, UnsupportedError
from kitnet.interop.onnx.reading.layout import Value, channels_last
from kitnet.layers import Layer

if TYPE_CHECKING:
    from kitnet.interop.onnx.reading.building import Building


@dataclass(frozen=True)
class Input:
    """An input of the ONNX graph that nothing has read yet."""

    name: str
    shape: Shape  # with the batch


Operand = Array | Value | Input | None  # an array is known while reading; None: left out


@dataclass
class Call:
    """A node: `kind` is its operator, `opset` the version of the operators, `used` says of each output
    whether anything reads it."""

    kind: str
    name: str
    opset: int
    operands: list[Any]
    attributes: dict[str, Any]
    used: tuple[bool, ...]
    building: Building

    # Attributes

    def number(self, name: str, default: float) -> float:
        """A number in the fewest digits: 0.9, not the 0.89999998 of float32."""
        return float(str(np.float32(self.attributes.get(name, default))))

    def whole(self, name: str, default: int) -> int:
        return int(self.attributes.get(name, default))

    def wholes(self, name: str) -> tuple[int, ...] | None:
        found = self.attributes.get(name)
        return None if found is None else tuple(int(one) for one in found)

    def text(self, name: str, default: str) -> str:
        found = self.attributes.get(name, default)
        return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)

    # Operands

    def has(self, k: int) -> bool:
        return k < len(self.operands) and self.operands[k] is not None

    def is_known(self, k: int) -> bool:
        """Whether operand k is an array already."""
        return self.has(k) and isinstance(self.operands[k], np.ndarray)

    def known(self, k: int, what: str) -> Array:
        """Operand k, whose numbers must be known while reading. Raises NeedsArray, UnsupportedError."""
        one = self._given(k, what)
        if isinstance(one, Input):
            raise NeedsArray(one.name)
        if isinstance(one, Value):
            raise UnsupportedError(f"its {what} is computed while the network runs", "make it a constant")
        return one

    def weight(self, k: int, what: str) -> Array:
        """The same of learned numbers, which are float32."""
        found = self.known(k, what)
        if found.dtype != np.float32:
            raise UnsupportedError(f"its {what} is of {found.dtype}; only float32 is read")
        return found

    def whole_numbers(self, k: int, what: str) -> tuple[int, ...]:
        """The same of shapes, axes and places."""
        found = self.known(k, what)
        if found.dtype.kind not in "iu" or found.ndim > 1:
            raise UnsupportedError(f"its {what} is no row of whole numbers")
        return tuple(int(one) for one in found.ravel())

    def value(self, k: int) -> Value:
        """Operand k as a value of the graph. Raises UnsupportedError."""
        return self.building.value(self._given(k, f"operand {k}"))

    def image(self, k: int) -> Value:
        """The same, stored with its channels last. Raises AlongBatchError where no batch is read."""
        if not self.batched:
            raise AlongBatchError("it needs images, but axis 0 is not read as the samples")
        value = self.value(k)
        return self.building.stored(value, channels_last(len(value.shape)))

    def _given(self, k: int, what: str) -> Any:
        if not self.has(k):
            raise UnsupportedError(f"its {what} is missing")
        return self.operands[k]

    @property
    def batched(self) -> bool:
        return self.building.batched

    def full_shape(self, k: int) -> Shape:
        """The shape of operand k as ONNX has it."""
        return self.building.full_shape(self._given(k, f"operand {k}"))

    def axis(self, given: int, rank: int) -> int:
        """An axis of ONNX, perhaps counted from behind, as an axis of a value's shape; `rank` is ONNX's.
        Raises AlongBatchError for the axis of samples."""
        if not -rank <= given < rank:
            raise UnsupportedError(f"it names axis {given} of {rank}")
        axis = given % rank - self.batched
        if axis < 0:
            raise AlongBatchError("it works along axis 0, which is read as that of the samples")
        return axis

    # What it adds

    def add(
        self,
        layer: Layer,
        *values: Value,
        weights: Mapping[str, Array] | None = None,
        state: Mapping[str, Array] | None = None,
    ) -> int:
        """The graph's number of what `layer` makes of these values, as they are stored."""
        return self.building.add(self.name, layer, [one.index for one in values], weights, state)

    def pointwise(self, layer: Layer, value: Value | None = None) -> Value:
        """What `layer` makes of each number of operand 0, or of another value."""
        value = self.value(0) if value is None else value
        return Value(self.add(layer, value), value.parts, value.order, value.shape)

    def say(self) -> str:
        kind = printable(cut(self.kind))
        return f"node {shorten(self.name)} ({kind})" if self.name else f"a node ({kind})"
