"""Convolutions and linear layers in the terms of the kernels.

A linear layer is a convolution with the window of its whole input: its weights (inputs, units) lie in memory
as that convolution's filters do. A connection table's filters are spread into dense ones at the beginning of
each run, and the gradient is gathered back. A norm that the layer does in passing is folded into its filters
and its bias at the beginning, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from kitnet.engine.builder import Builder, sizes_of
from kitnet.engine.lower.norm import running_factor
from kitnet.engine.lower.window import kernel_window
from kitnet.engine.step import Ref
from kitnet.kernels import norm, update
from kitnet.kernels.spec import Volume, Window
from kitnet.layers import Convolution, Linear


@dataclass(frozen=True)
class Problem:
    """A convolution or linear layer in the terms of the kernels."""

    window: Window
    groups: int
    bias: bool
    weights: int  # of the dense filters


def problem_of(b: Builder, i: int) -> Problem:
    node = b.node(i)
    layer, (shape,) = node.layer, b.graph.shapes_into(node)
    assert isinstance(layer, Convolution | Linear)
    bias = layer.bias or b.norm(i) is not None
    if isinstance(layer, Linear):
        return Problem(Window(sizes_of(shape)), 1, bias, math.prod(shape) * layer.units)
    window = kernel_window(layer.axes(shape))
    return Problem(window, layer.groups, bias, window.taps * shape[-1] // layer.groups * layer.filters)


def dense_filters(b: Builder, i: int) -> Ref:
    """The dense filters: the layer's own, or a table's, spread out at the beginning of each run; with the
    folded norm in them if there is one.
    """
    return _spread_filters(b, i) if b.norm(i) is None else _folded(b, i)[0]


def _spread_filters(b: Builder, i: int) -> Ref:
    node = b.node(i)
    weight, filters = b.weight(f"{node.path}.weight"), Ref(f"{node.path}.filters")
    if not isinstance(node.layer, Convolution) or node.layer.table is None:
        return weight
    if filters.buffer not in b.buffers:
        spread, _ = table_of(b, i)
        b.room(filters.buffer, spread.size)
        reads = {"x": weight, "index": b.constant(f"{node.path}.spread", spread)}
        b.at_start(f"{node.path} filters", update.gather("gather", b.cpu, spread.size), reads, {"y": filters})
    return filters


def table_of(b: Builder, i: int) -> tuple[np.ndarray, np.ndarray]:
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


def _folded(b: Builder, i: int) -> tuple[Ref, Ref]:
    """Filters and bias with the norm in them."""
    node, after = b.node(i), b.norm(i)
    assert after is not None and isinstance(node.layer, Convolution | Linear)
    filters, level = Ref(f"{node.path}.folded filters"), Ref(f"{node.path}.folded bias")
    if filters.buffer not in b.buffers:
        norm_path, channels, size = b.node(after).path, node.shape[-1], problem_of(b, i).weights
        reads = {
            "weight": _spread_filters(b, i),
            "mean": b.state(f"{norm_path}.mean"),
            "factor": running_factor(b, after),
            "shift": b.weight(f"{norm_path}.shift"),
        }
        if node.layer.bias:
            reads["bias"] = b.weight(f"{node.path}.bias")
        b.room(filters.buffer, size)
        b.room(level.buffer, channels)
        kernel = norm.fold_filters(
            "fold_filters", b.cpu, size // channels, channels, node.layer.bias, b.tasks
        )
        b.at_start(f"{node.path} filters", kernel, reads, {"filters": filters, "level": level})
    return filters, level


def bias_of(b: Builder, i: int, problem: Problem, filters: Ref) -> Ref:
    """The bias, or where there is none some place that is not read."""
    if b.norm(i) is not None:
        return _folded(b, i)[1]
    return b.weight(f"{b.node(i).path}.bias") if problem.bias else filters


def blocks_of(b: Builder, volume: Volume) -> int:
    return b.blocks(volume.positions if volume.positions > 1 else volume.channels // 8)
