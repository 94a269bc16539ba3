"""Values as kernels hold them, for tests: the batch in the lanes, poison between, forbidden pages around."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from guard import guarded
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike, NDArray

from kitnet.kernels.jit import Compiled
from kitnet.kernels.spec import Batch, Volume

Array = NDArray[Any]


class Slab:
    """A volume in memory that ends, or begins, at a forbidden page with its last, or first, own channel."""

    def __init__(self, volume: Volume, batch: Batch, dtype: DTypeLike = np.float32, at: str = "end") -> None:
        self.volume, self.batch = volume, batch
        stride = volume.group_stride(batch)
        pixel = volume.pitch * batch.images
        size = (batch.groups - 1) * stride + (volume.positions - 1) * pixel + volume.channels * batch.images
        self.raw = guarded(size, dtype, at)
        b = self.raw.itemsize
        shape = (batch.groups, volume.positions, volume.channels, batch.images)
        self.lanes = as_strided(self.raw, shape, (b * stride, b * pixel, b * batch.images, b))

    def put(self, values: Array) -> Slab:
        """values (n, *sizes, channels), n up to the batch; unused lanes are 0."""
        every = np.zeros((self.batch.groups * self.batch.images, *self.lanes.shape[1:3]), values.dtype)
        every[: len(values)] = values.reshape(len(values), *self.lanes.shape[1:3])
        per_group = every.reshape(self.batch.groups, self.batch.images, *self.lanes.shape[1:3])
        self.lanes[...] = per_group.transpose(0, 2, 3, 1)
        return self

    def get(self, count: int | None = None) -> Array:
        """(n, depth, height, width, channels)"""
        values = self.lanes.transpose(0, 3, 1, 2).reshape(-1, *self.volume.sizes, self.volume.channels)
        return values[:count].copy()

    def gaps(self) -> bytes:
        """What lies between the volume's own channels; a kernel must leave it alone."""
        own = np.zeros(self.raw.size, bool)
        strides = tuple(stride // self.raw.itemsize for stride in self.lanes.strides)
        as_strided(own, self.lanes.shape, strides)[...] = True
        return self.raw[~own].tobytes()


def run(code: Compiled, outputs: tuple[str, ...], **arguments: Slab | Array) -> None:
    """Run twice from the same memory: the second run must give the same bits, inputs and gaps stay."""
    raw: Mapping[str, Array] = {
        name: each.raw if isinstance(each, Slab) else each for name, each in arguments.items()
    }
    before = {name: each.copy() for name, each in raw.items()}
    slabs = {name: each for name, each in arguments.items() if isinstance(each, Slab)}
    gaps = {name: each.gaps() for name, each in slabs.items()}
    code(**raw)
    first = {name: raw[name].tobytes() for name in outputs}
    for name in outputs:
        raw[name][...] = before[name]
    code(**raw)
    for name, each in raw.items():
        if name in outputs:
            assert each.tobytes() == first[name], f"{code.name}: {name} differs on a second run"
        elif not any(np.shares_memory(each, raw[output]) for output in outputs):
            assert each.tobytes() == before[name].tobytes(), f"{code.name}: {name} was changed"
    for name, gap in gaps.items():
        assert slabs[name].gaps() == gap, f"{code.name}: something was written between the channels of {name}"


def fitting(values: Array, at: str = "end") -> Array:
    """A copy of an array between forbidden pages."""
    copy = guarded(values.shape, values.dtype, at)
    copy[...] = values
    return copy


def volume(*shape: int, extra: int = 0) -> Volume:
    """Of (sizes..., channels), sizes of 1 in front of ranks below three; `extra` channels are others'."""
    *sizes, channels = shape
    d, h, w = (1,) * (3 - len(sizes)) + tuple(sizes)
    return Volume((d, h, w), channels, channels + extra)
