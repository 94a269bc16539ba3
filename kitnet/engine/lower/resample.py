"""Padding and upsampling in both layouts, by tables that are known when the plan is made."""

from __future__ import annotations

import itertools

import numpy as np

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation, in_both_layouts
from kitnet.engine.step import Place, Ref
from kitnet.kernels.resample import resample
from kitnet.layers.resampling import Line, Resampling


def _lines(b: Builder, i: int, back: bool) -> dict[int, Line]:
    """By the kernel's axis, those along which something is done."""
    node, layer = b.node(i), b.node(i).layer
    assert isinstance(layer, Resampling)
    (shape,) = b.graph.shapes_into(node)
    lines = [line.adjoint if back else line for line in layer.lines(shape)]
    numbered = enumerate(lines, start=3 - len(lines))
    return {axis: line for axis, line in numbered if not line.same}


def _table(b: Builder, path: str, axis: int, line: Line) -> dict[str, Ref]:
    starts = list(itertools.accumulate(map(len, line.sources), initial=0))
    every = list(itertools.chain(*line.sources)) or [(0, 0.0)]  # no array is empty
    arrays = {
        "starts": np.array(starts, np.int32),
        "sources": np.array([place for place, _ in every], np.int32),
        "shares": np.array([share for _, share in every], np.float32),
    }
    return {f"{what}{axis}": b.constant(f"{path}.{what}{axis}", array) for what, array in arrays.items()}


def _step(b: Builder, i: int, way: str, x: Place, y: Place, accumulate: bool = False) -> None:
    path, lines = f"{b.node(i).path} {way}", _lines(b, i, back=way == "backward")
    blocks = b.blocks(y.volume.rows)
    kernel = resample("resample", b.cpu, b.batch, x.volume, y.volume, tuple(lines), accumulate, blocks)
    reads = {"x": x.ref}
    for axis, line in lines.items():
        reads |= _table(b, path, axis, line)
    b.call(path, kernel, reads, {"y": y.ref}, adds=accumulate)


def _forward(b: Builder, i: int) -> None:
    _step(b, i, "forward", b.place(b.node(i).inputs[0]), b.place(i))


def _backward(b: Builder, i: int, kept: None) -> None:
    dy, (source,) = b.dy(i), b.node(i).inputs
    if dy is not None and b.wants(source):
        _step(b, i, "backward", dy, *b.dx(source))


RESAMPLES = in_both_layouts(Implementation("resample", "sums of shares", (Resampling,), _forward, _backward))
