"""What changes the shape of a tensor, or the order of its numbers, and computes nothing."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.interop.onnx.fault import AlongBatchError, UnsupportedError
from kitnet.interop.onnx.reading.building import MOST_AXES
from kitnet.interop.onnx.reading.call import Call
from kitnet.interop.onnx.reading.layout import Value, channels_last, stored_as
from kitnet.interop.onnx.reading.registry import reads
from kitnet.layers import LAYERS, Concatenate


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


@reads("Concat")
def concat(call: Call) -> Value:
    empty = [call.is_known(k) and not call.operands[k].size for k in range(len(call.operands))]
    values = [call.value(k) for k in range(len(call.operands)) if not empty[k]]
    rank = len(values[0].shape) + call.batched
    last = call.axis(call.whole("axis", 1), rank)
    if len(values) == 1:
        return values[0]
    axes = channels_last(rank - call.batched) if call.batched else tuple(range(rank))
    axes = (*(axis for axis in axes if axis != last), last)
    index = call.add(Concatenate(), *(call.building.stored(one, axes) for one in values))
    total = sum(one.shape[last] for one in values)
    shape = tuple(total if axis == last else n for axis, n in enumerate(values[0].shape))
    return stored_as(index, shape, axes)


@reads("Expand")
def expand(call: Call) -> Value:
    from kitnet.interop.onnx.reading.operators.arithmetic import spread

    x, given = call.value(0), call.whole_numbers(1, "shape")
    if call.batched:
        if len(given) > len(x.shape) + 1:
            raise AlongBatchError("it puts axes before that of the samples")
        if len(given) == len(x.shape) + 1:
            if given[0] not in (1, call.building.batch):
                raise AlongBatchError("it repeats samples")
            given = given[1:]
    try:
        return spread(call, x, np.broadcast_shapes(x.shape, given))
    except ValueError:
        raise UnsupportedError(f"{x.shape} does not expand to {given}") from None


@reads("Tile")
def tile(call: Call) -> Value:
    """Each axis once more before it, repeated, and both taken as one."""
    from kitnet.interop.onnx.reading.operators.arithmetic import spread

    x, times = call.value(0), call.whole_numbers(1, "repeats")
    if call.batched:
        if times[0] != 1:
            raise AlongBatchError("it repeats samples")
        times = times[1:]
    for axis, n in enumerate(times):
        if n > 1:
            before, behind = x.shape[:axis], x.shape[axis:]
            x = spread(call, x.reshaped((*before, 1, *behind)), (*before, n, *behind))
            x = x.reshaped((*before, n * behind[0], *behind[1:]))
    return x


@reads("Slice")
def slice_(call: Call) -> Value | Array:
    now = call.full_shape(0)
    starts, ends = call.whole_numbers(1, "starts"), call.whole_numbers(2, "ends")
    axes = call.whole_numbers(3, "axes") if call.has(3) else tuple(range(len(starts)))
    steps = call.whole_numbers(4, "steps") if call.has(4) else (1,) * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise UnsupportedError("its starts, ends, axes and steps do not fit each other")
    places = [range(n) for n in now]
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        n = now[axis % len(now)]
        places[axis % len(now)] = range(
            *slice(start, end if end >= -n or step > 0 else None, step).indices(n)
        )
    return taken(call, call.value(0), places)


def taken(call: Call, x: Value, places: list[range]) -> Value | Array:
    """These places of each axis of ONNX's; where none are left an array without numbers. Raises
    AlongBatchError where samples are left out."""
    if not all(map(len, places)):
        return np.zeros(tuple(map(len, places)), np.float32)
    if call.batched:
        if len(places[0]) != call.building.batch or places[0].step != 1:
            raise AlongBatchError("it takes some of the samples")
        places = places[1:]
    if all(one == range(n) for one, n in zip(places, x.shape, strict=True)):
        return x
    x, axes = by_axis(call, x)
    each = [places[axis] for axis in axes]
    layer = LAYERS["slice"](
        start=tuple(one.start for one in each),
        size=tuple(len(one) for one in each),
        step=tuple(one.step for one in each),
    )
    return stored_as(call.add(layer, x), tuple(map(len, places)), axes)


@reads("Split")
def split(call: Call) -> list[Value | Array]:
    x, now = call.value(0), call.full_shape(0)
    axis = call.whole("axis", 0)
    last = call.axis(axis, len(now)) + call.batched
    n, parts = now[last], call.whole("num_outputs", len(call.used))
    if call.has(1):
        sizes = call.whole_numbers(1, "split")
    else:
        each = -(-n // parts)
        sizes = tuple(max(0, min(each, n - i * each)) for i in range(parts))
    if sum(sizes) != n or min(sizes, default=0) < 0:
        raise UnsupportedError(f"parts of {sizes} are not {n} places")
    found: list[Value | Array] = []
    start = 0
    for part in sizes:
        places = [range(m) for m in now]
        places[last] = range(start, start + part)
        found.append(taken(call, x, places))
        start += part
    return found


@reads("Gather")
def gather(call: Call) -> Value:
    x, now = call.value(0), call.full_shape(0)
    indices = call.known(1, "indices")
    axis = call.axis(call.whole("axis", 0), len(now))
    n = x.shape[axis]
    if indices.dtype.kind not in "iu" or np.any(indices < -n) or np.any(indices >= n):
        raise UnsupportedError(f"its indices are no places of an axis of {n}")
    x, axes = by_axis(call, x)
    flat = tuple(int(i) for i in (indices % n).ravel())
    index = call.add(LAYERS["gather"](axis=1 + axes.index(axis), indices=flat), x)
    shape = (*x.shape[:axis], len(flat), *x.shape[axis + 1 :])
    y = stored_as(index, shape, axes)
    return y.reshaped((*shape[:axis], *indices.shape, *shape[axis + 1 :]))


@reads("DepthToSpace", "SpaceToDepth")
def depth_and_space(call: Call) -> Value:
    x, block = call.image(0), call.whole("blocksize", 0)
    depth, *sizes = x.shape
    if block < 1 or len(sizes) != 2:
        raise UnsupportedError(f"blocks of {block} do not fit {x.shape}")
    if call.kind == "DepthToSpace":
        layer = LAYERS["depthtospace"](block=block, order=call.text("mode", "DCR"))
        shape: Shape = (depth // block**2, *(n * block for n in sizes))
    else:
        layer = LAYERS["spacetodepth"](block=block, order=call.text("mode", "DCR"))
        shape = (depth * block**2, *(n // block for n in sizes))
    return replace(stored_as(call.add(layer, x), shape, channels_last(3)))
