"""What changes the shape of a tensor, or the order of its numbers, and computes nothing."""

from __future__ import annotations

import math

import numpy as np

from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import AlongBatchError, UnsupportedError
from kitnet.interop.onnx.reading.building import MOST_AXES
from kitnet.interop.onnx.reading.call import Call
from kitnet.interop.onnx.reading.layout import Value, channels_last
from kitnet.interop.onnx.reading.registry import reads


@reads("Identity", "Cast")
def same(call: Call) -> Value:
    if call.kind == "Cast" and call.attributes.get("to") not in (1, b"FLOAT"):
        raise UnsupportedError("it makes numbers that are not float32 while the network runs")
    return call.value(0)


@reads("Shape")
def shape(call: Call) -> Array:
    found = call.full_shape(0)
    end = call.attributes.get("end", len(found))
    return np.asarray(found[slice(call.whole("start", 0), int(end))], np.int64)


@reads("Size")
def size(call: Call) -> Array:
    return np.asarray(math.prod(call.full_shape(0)), np.int64)


def as_tensor(call: Call, full: tuple[int, ...]) -> Value:
    """Operand 0 with another shape, which has the batch. Raises AlongBatchError where samples would mix."""
    x = call.value(0)
    if not call.batched:
        return x.reshaped(full)
    if not full or full[0] != call.building.batch or min(full, default=1) < 1:
        raise AlongBatchError(f"its shape {full} does not begin with the samples")
    return x.reshaped(full[1:])


@reads("Reshape")
def reshape(call: Call) -> Value:
    given, now = call.whole_numbers(1, "shape"), call.full_shape(0)
    if not call.whole("allowzero", 0):
        given = tuple(now[i] if n == 0 and i < len(now) else n for i, n in enumerate(given))
    open_axes = [i for i, n in enumerate(given) if n == -1]
    rest = math.prod(n for n in given if n != -1)
    if len(open_axes) > 1 or rest < 1 or (open_axes and math.prod(now) % rest):
        raise UnsupportedError(f"{now} cannot have the shape {given}")
    full = tuple(math.prod(now) // rest if n == -1 else n for n in given)
    if math.prod(full) != math.prod(now):
        raise UnsupportedError(f"{now} cannot have the shape {given}")
    return as_tensor(call, full)


@reads("Flatten")
def flatten(call: Call) -> Value:
    now, axis = call.full_shape(0), call.whole("axis", 1)
    axis += len(now) if axis < 0 else 0
    return as_tensor(call, (math.prod(now[:axis]), math.prod(now[axis:])))


@reads("Squeeze")
def squeeze(call: Call) -> Value:
    now = call.full_shape(0)
    given = call.whole_numbers(1, "axes") if call.has(1) else [i for i, n in enumerate(now) if n == 1]
    axes = {axis % len(now) for axis in given}
    if any(now[axis] != 1 for axis in axes):
        raise UnsupportedError(f"axes {sorted(axes)} of {now} are not all of size 1")
    if call.batched and not call.has(1):
        axes.discard(0)
    return as_tensor(call, tuple(n for i, n in enumerate(now) if i not in axes))


@reads("Unsqueeze")
def unsqueeze(call: Call) -> Value:
    now, given = list(call.full_shape(0)), call.whole_numbers(1, "axes")
    rank = len(now) + len(given)
    axes = {axis % rank for axis in given}
    if call.batched and 0 in axes:
        raise AlongBatchError("it puts an axis before that of the samples")
    rest = iter(now)
    return as_tensor(call, tuple(1 if i in axes else next(rest) for i in range(rank)))


@reads("Transpose")
def transpose(call: Call) -> Value:
    now = call.full_shape(0)
    perm = call.wholes("perm") or tuple(range(len(now)))[::-1]
    if sorted(perm) != list(range(len(now))):
        raise UnsupportedError(f"perm {perm} is no order of {len(now)} axes")
    if call.batched:
        if perm[0] != 0:
            raise AlongBatchError("it puts another axis in the place of the samples")
        perm = tuple(axis - 1 for axis in perm[1:])
    return turned(call, call.value(0), perm)


def turned(call: Call, x: Value, perm: tuple[int, ...]) -> Value:
    """The tensor with its axes in another order, stored as it is, or as one row where it must be."""
    groups = x.grouped()
    if groups is None:
        x = call.building.flat(x)
        groups = x.grouped()
    assert groups is not None
    stored = sorted(piece for group in groups for piece in group)
    place = {piece[0]: i for i, piece in enumerate(stored)}
    order = tuple(place[piece[0]] for axis in perm for piece in groups[axis])
    return Value(x.index, tuple(n for _, n in stored), order, tuple(x.shape[axis] for axis in perm))


def by_axis(call: Call, x: Value, last: int | None = None) -> tuple[Value, tuple[int, ...]]:
    """The value with an axis of its volume for each of the tensor's, and which: usually channels last, or
    another axis."""
    rank = len(x.shape)
    axes = channels_last(rank) if call.batched else tuple(range(rank))
    if last is not None and (not axes or axes[-1] != last):
        axes = (*(axis for axis in axes if axis != last), last)
    if len(axes) > MOST_AXES:
        raise UnsupportedError(f"its operand has {len(axes)} axes besides the samples; {MOST_AXES} are read")
    return call.building.stored(x, axes), axes
