"""Convolutions and linear layers, directly on values whose batch lies in the lanes.

A linear layer is a convolution with the window of its whole input: its weights (inputs, units) lie in memory
as that convolution's filters do. A connection table's filters are spread into dense ones at the beginning of
each run, and the gradient is gathered back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from kitnet.engine.builder import Builder, sizes_of
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.lower.sums import sum_up
from kitnet.engine.lower.window import kernel_window
from kitnet.engine.step import Ref
from kitnet.kernels import convolution, convolution_gradient, update
from kitnet.kernels.spec import Window
from kitnet.layers import Convolution, Linear


@dataclass(frozen=True)
class _Problem:
    """A convolution or linear layer in the terms of the kernels."""

    window: Window
    groups: int
    bias: bool
    weights: int  # of the dense filters


def _problem(b: Builder, i: int) -> _Problem:
    node = b.node(i)
    layer, (shape,) = node.layer, b.graph.shapes_into(node)
    if isinstance(layer, Linear):
        return _Problem(Window(sizes_of(shape)), 1, layer.bias, math.prod(shape) * layer.units)
    assert isinstance(layer, Convolution)
    window = kernel_window(layer.axes(shape))
    return _Problem(window, layer.groups, layer.bias, window.taps * shape[-1] // layer.groups * layer.filters)


def _filters(b: Builder, i: int) -> Ref:
    """The dense filters: the layer's own, or a table's spread out."""
    node = b.node(i)
    if not isinstance(node.layer, Convolution) or node.layer.table is None:
        return b.weight(f"{node.path}.weight")
    return Ref(f"{node.path}.filters")


def _table(b: Builder, i: int) -> tuple[np.ndarray, np.ndarray]:
    """For each dense filter weight the packed one that it is (-1 for none), and for each packed one its dense
    place.
    """
    node = b.node(i)
    layer, (shape,) = node.layer, b.graph.shapes_into(node)
    assert isinstance(layer, Convolution) and layer.table is not None
    packed = np.arange(layer.params(shape)["weight"].size).reshape(layer.params(shape)["weight"].shape)
    spread = layer.dense(packed + 1, shape[-1]).reshape(-1) - 1
    where = np.zeros(packed.size, np.int32)
    where[spread[spread >= 0]] = np.flatnonzero(spread >= 0)
    return spread.astype(np.int32), where


def forward(b: Builder, i: int) -> None:
    node, problem = b.node(i), _problem(b, i)
    x, y = b.place(node.inputs[0]), b.place(b.fused.get(i, i))
    filters = _filters(b, i)
    if filters.buffer != "@weights":
        spread, _ = _table(b, i)
        b.room(filters.buffer, spread.size)
        reads = {"x": b.weight(f"{node.path}.weight"), "index": b.constant(f"{node.path}.spread", spread)}
        b.at_start(f"{node.path} filters", update.gather("gather", b.cpu, spread.size), reads, {"y": filters})
    kernel = convolution.forward(
        "convolution",
        b.cpu,
        b.batch,
        x.volume,
        y.volume,
        problem.window,
        groups=problem.groups,
        bias=problem.bias,
        activation=b.fused_word(i),
        blocks=b.blocks(y.volume.positions if y.volume.positions > 1 else y.volume.channels // 8),
    )
    bias = b.weight(f"{node.path}.bias") if problem.bias else filters  # not read where there is none
    reads = {"x": x.ref, "weight": filters, "bias": bias}
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref})


def backward(b: Builder, i: int) -> None:
    node, problem = b.node(i), _problem(b, i)
    dy = through_fused_activation(b, i)
    if dy is None:
        return
    _filter_gradient(b, i, problem)
    if b.wants(node.inputs[0]):
        dx, accumulate = b.dx(node.inputs[0])
        kernel = convolution.input_gradient(
            "input_gradient",
            b.cpu,
            b.batch,
            dy.volume,
            dx.volume,
            problem.window,
            groups=problem.groups,
            accumulate=accumulate,
            blocks=b.blocks(dx.volume.positions if dx.volume.positions > 1 else dx.volume.channels // 8),
        )
        reads = {"dy": dy.ref, "weight": _filters(b, i)}
        b.call(f"{node.path} input gradient", kernel, reads, {"dx": dx.ref}, adds=accumulate)


def _filter_gradient(b: Builder, i: int, problem: _Problem) -> None:
    node, dy = b.node(i), b.dy(b.fused.get(i, i))
    assert dy is not None
    x, chunks, units = b.place(node.inputs[0]), b.chunks(), dy.volume.channels
    filters = _filters(b, i)
    packed = filters.buffer != "@weights"
    weight = b.weight_gradient(f"{node.path}.weight")
    whole = b.room(f"d {filters.buffer}", problem.weights) if packed else weight
    partial = b.room(f"{node.path}.partial", chunks * problem.weights) if chunks > 1 else whole
    bias = bias_partial = partial  # not written where there is none
    if problem.bias:
        bias = bias_partial = b.weight_gradient(f"{node.path}.bias")
        if chunks > 1:
            bias_partial = b.room(f"{node.path}.bias_partial", chunks * units)
    kernel = convolution_gradient.filter_gradient(
        "filter_gradient",
        b.cpu,
        b.batch,
        x.volume,
        dy.volume,
        problem.window,
        groups=problem.groups,
        bias=problem.bias,
        chunks=chunks,
        parts=1 if chunks > 1 else b.tasks,
    )
    writes = {"partial": partial, "bias_partial": bias_partial}
    across = chunks < b.batch.groups
    b.call(f"{node.path} filter gradient", kernel, {"x": x.ref, "dy": dy.ref}, writes, across=across)
    if chunks > 1:
        sum_up(b, f"{node.path} filter gradient", chunks, problem.weights, partial, whole)
        if problem.bias:
            sum_up(b, f"{node.path} bias gradient", chunks, units, bias_partial, bias)
    if packed:
        _, where = _table(b, i)
        reads = {"x": whole, "index": b.constant(f"{node.path}.where", where)}
        b.at_end(f"{node.path} links", update.gather("gather", b.cpu, where.size), reads, {"y": weight})


DIRECT = Implementation("direct, batch in the lanes", (Convolution, Linear), forward, backward)
