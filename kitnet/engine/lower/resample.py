"""Padding, upsampling and resizing in both layouts, by tables that are known when the plan is made."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation, in_both_layouts
from kitnet.engine.step import Place, Ref
from kitnet.kernels.resample import resample
from kitnet.layers.resampling import Line, Resampling


def _lines(b: Builder, i: int) -> tuple[Line, ...]:
    layer, (shape,) = b.node(i).layer, b.graph.shapes_into(b.node(i))
    assert isinstance(layer, Resampling)
    return layer.lines(shape)


def _table(b: Builder, path: str, axis: int, line: Line) -> dict[str, Ref]:
    starts = list(itertools.accumulate(map(len, line.sources), initial=0))
    every = list(itertools.chain(*line.sources)) or [(0, 0.0)]  # no array is empty
    arrays = {
        "starts": np.array(starts, np.int32),
        "sources": np.array([place for place, _ in every], np.int32),
        "shares": np.array([share for _, share in every], np.float32),
    }
    return {f"{what}{axis}": b.constant(f"{path}.{what}{axis}", array) for what, array in arrays.items()}


def resampled(
    b: Builder, label: str, lines: Sequence[Line], x: Place, y: Place, accumulate: bool = False
) -> None:
    """The step from x to y along these lines, one for each of the last axes."""
    # By the kernel's axis, those along which something is done.
    done = {axis: line for axis, line in enumerate(lines, start=3 - len(lines)) if not line.same}
    blocks, reads = b.blocks(y.volume.rows), {"x": x.ref}
    kernel = resample("resample", b.cpu, b.batch, x.volume, y.volume, tuple(done), accumulate, blocks)
    for axis, line in done.items():
        reads |= _table(b, label, axis, line)
    b.call(label, kernel, reads, {"y": y.ref}, adds=accumulate)


def _forward(b: Builder, i: int) -> None:
    resampled(b, f"{b.node(i).path} forward", _lines(b, i), b.place(b.node(i).inputs[0]), b.place(i))


def _backward(b: Builder, i: int, kept: None) -> None:
    dy, (source,), label = b.dy(i), b.node(i).inputs, f"{b.node(i).path} backward"
    if dy is not None and b.wants(source):
        resampled(b, label, [line.adjoint for line in _lines(b, i)], dy, *b.dx(source))


IMPLEMENTATIONS = in_both_layouts(
    Implementation("resample", "sums of shares", ("pad", "resize", "upsample"), _forward, _backward)
)
