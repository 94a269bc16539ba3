"""Convolutions and linear layers in the terms of the kernels.

A linear layer is a convolution with the window of its whole input: its weights (inputs, units) lie in memory
as that convolution's filters do. A connection table's filters are spread into dense ones at the beginning of
each run, those of a true convolution are turned, and the gradient is gathered back: kernels know correlation
alone. A norm that the layer does in passing is folded into its bias and its filters: into what is made of
these, or else into a copy of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from kitnet.engine.builder import Builder
from kitnet.engine.lower.norm import running_factor
from kitnet.engine.lower.window import kernel_window
from kitnet.engine.setting import sizes_of
from kitnet.engine.step import FLOAT, LARGE, Ref
from kitnet.kernels import norm, update
from kitnet.kernels.channels import in_place
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


def reads_in_place(b: Builder, i: int) -> bool:
    """Whether a product of few images reads its filters where they lie: a packed copy would be large."""
    problem, shape = problem_of(b, i), b.node(i).shape
    places = b.batch.groups * math.prod(shape[:-1])
    large = FLOAT * problem.weights >= LARGE and problem.groups == 1
    return large and in_place.suits(b.cpu, problem.weights // shape[-1], shape[-1], places)


def filters_of(b: Builder, i: int) -> Ref:
    """The dense filters as products read them: with the folded norm in them if there is one."""
    if b.norm(i) is None:
        return dense_filters(b, i)

    def make() -> Ref:
        channels, size, path = b.node(i).shape[-1], problem_of(b, i).weights, b.node(i).path
        kernel = norm.fold_filters("fold_filters", b.cpu, size // channels, channels, b.tasks)
        filters = b.room(f"{path}.folded filters", size)
        b.at_start(f"{path} filters", kernel, made_of(b, i), {"filters": filters})
        return filters

    return b.once(("folded filters", i), make)


def made_of(b: Builder, i: int) -> dict[str, Ref]:
    """What a kernel reads that makes something of the filters: these, and the `factor` of each if a norm is
    folded into them.
    """
    after, weight = b.norm(i), dense_filters(b, i)
    return {"weight": weight} if after is None else {"weight": weight, "factor": running_factor(b, after)}


def is_spread(b: Builder, i: int) -> bool:
    """Whether the filters that are correlated lie otherwise than the layer's own."""
    layer = b.node(i).layer
    return isinstance(layer, Convolution) and (layer.flip or layer.table is not None)


def dense_filters(b: Builder, i: int) -> Ref:
    """The layer's own filters, or a table's spread out and those of a true convolution turned, at the
    beginning of each run.
    """
    weight = b.weight(i, "weight")
    if not is_spread(b, i):
        return weight

    def make() -> Ref:
        (spread, _), path = spread_of(b, i), b.node(i).path
        filters = b.room(f"{path}.filters", spread.size)
        reads = {"x": weight, "index": b.constant(f"{path}.spread", spread)}
        b.at_start(f"{path} filters", update.gather("gather", b.cpu, spread.size), reads, {"y": filters})
        return filters

    return b.once(("dense filters", i), make)


def spread_of(b: Builder, i: int) -> tuple[np.ndarray, np.ndarray]:
    """For each weight of the dense filters the layer's own that it is (-1 for none), and for each of these
    its place there.
    """
    node = b.node(i)
    layer, (shape,) = node.layer, b.graph.shapes_into(node)
    assert isinstance(layer, Convolution)
    own = np.arange(layer.params(shape)["weight"].size).reshape(layer.params(shape)["weight"].shape)
    spread = layer.dense(own + 1, shape[-1]).reshape(-1) - 1
    where = np.zeros(own.size, np.int32)
    where[spread[spread >= 0]] = np.flatnonzero(spread >= 0)
    return spread.astype(np.int32), where


def bias_of(b: Builder, i: int, problem: Problem, filters: Ref) -> Ref:
    """The bias, with the folded norm in it if there is one; or where there is none some place that is not
    read.
    """
    node, after = b.node(i), b.norm(i)
    if after is None:
        return b.weight(i, "bias") if problem.bias else filters
    channels = node.shape[-1]
    reads = {
        "mean": b.state(after, "mean"),
        "factor": running_factor(b, after),
        "shift": b.weight(after, "shift"),
    }
    assert isinstance(node.layer, Convolution | Linear)
    if node.layer.bias:
        reads["bias"] = b.weight(i, "bias")
    level = b.room(f"{node.path}.folded bias", channels)
    kernel = norm.fold_bias("fold_bias", b.cpu, channels, node.layer.bias)
    b.at_start(f"{node.path} bias", kernel, reads, {"level": level})
    return level


def blocks_of(b: Builder, volume: Volume) -> int:
    return b.blocks(volume.positions if volume.positions > 1 else volume.channels // 8)
