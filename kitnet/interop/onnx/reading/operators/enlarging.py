"""What lays tensors side by side, repeats one, or moves places between its depth and its image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kitnet.base.shape import Shape
from kitnet.interop.onnx.fault import AlongBatchError, UnsupportedError
from kitnet.interop.onnx.reading.call import Call
from kitnet.interop.onnx.reading.layout import Value, channels_last, stored_as
from kitnet.interop.onnx.reading.operators.arithmetic import spread
from kitnet.interop.onnx.reading.registry import reads
from kitnet.layers import LAYERS, Concatenate


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
