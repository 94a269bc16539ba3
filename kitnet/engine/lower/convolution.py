"""Convolutions and linear layers, directly on values whose batch lies in the lanes.

A linear layer is a convolution with the window of its whole input: its weights (inputs, units) lie in memory
as that convolution's filters do. A connection table's filters are spread into dense ones at the beginning of
each run, and the gradient is gathered back.

Wide 3x3 convolutions go by Winograd's filtering, forward and back to the input; their filters are mapped at
the beginning of each run, too. The gradient of the filters is the direct one for all.
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
from kitnet.kernels import convolution, convolution_gradient, update, winograd
from kitnet.kernels.spec import Volume, Window
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


def _bias(b: Builder, i: int, problem: _Problem, filters: Ref) -> Ref:
    """The bias, or where there is none some place that is not read."""
    return b.weight(f"{b.node(i).path}.bias") if problem.bias else filters


def _blocks(b: Builder, volume: Volume) -> int:
    return b.blocks(volume.positions if volume.positions > 1 else volume.channels // 8)


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
        blocks=_blocks(b, y.volume),
    )
    reads = {"x": x.ref, "weight": filters, "bias": _bias(b, i, problem, filters)}
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
            blocks=_blocks(b, dx.volume),
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


# Where Winograd's filtering wins clearly, measured on two AVX-512 cores with 16 and 32 images. With 16
# channels it is 1.2 times as fast as the direct sum if all places of its tiles are used, with 32 if half of
# them are, with 64 and more 2 to 3 times. On 5x5 outputs and smaller, mapping the filters eats the gain.
LEAST_SIDE = 6
LEAST_USE = 0.55  # of the places of tiles
LEAST_CHANNELS = 14  # times the use
MOST_FILTERS = 1 << 19  # input channels times filters; mapped they take 75 MB


def refuses_winograd(b: Builder, i: int) -> str | None:
    layer = b.node(i).layer
    if not isinstance(layer, Convolution):
        return "only for convolutions"
    if layer.table is not None:
        return "the layer has a connection table"
    (shape,), problem = b.graph.shapes_into(b.node(i)), _problem(b, i)
    window, channels, (_, high, wide) = problem.window, shape[-1], sizes_of(b.node(i).shape)
    if window.size != (1, 3, 3):
        return "only for 3x3 windows"
    if window.stride != (1, 1, 1) or window.dilation != (1, 1, 1):
        return "only for stride 1 and dilation 1"
    if problem.groups > 1:
        return f"only without groups; the layer has {problem.groups}"
    if min(high, wide) < LEAST_SIDE:
        return f"slower below {LEAST_SIDE}x{LEAST_SIDE} outputs; here {high}x{wide}"
    use = winograd.use(high, wide)
    if use < LEAST_USE:
        return f"{high}x{wide} outputs fill 4x4 tiles badly, {use:.0%}"
    if min(channels, layer.filters) * use < LEAST_CHANNELS:
        return f"slower with so few channels, {channels} into {layer.filters}"
    if channels * layer.filters > MOST_FILTERS:
        size = 4 * winograd.FREQUENCIES * channels * layer.filters / 1e6
        return f"the mapped filters would take {size:.0f} MB"
    return None


def _mapped(b: Builder, i: int, name: str, depth: int, rows: int, turned: bool) -> Ref:
    """The layer's filters, mapped at the beginning of each run."""
    path = b.node(i).path
    u = b.room(f"{path}.{name}", winograd.FREQUENCIES * depth * rows)
    kernel = winograd.filters("winograd_filters", b.cpu, depth, rows, turned=turned, tasks=b.tasks)
    b.at_start(f"{path} {name}", kernel, {"weight": _filters(b, i)}, {"u": u})
    return u


def winograd_forward(b: Builder, i: int) -> None:
    node, problem = b.node(i), _problem(b, i)
    x, y = b.place(node.inputs[0]), b.place(b.fused.get(i, i))
    u = _mapped(b, i, "mapped filters", x.volume.channels, y.volume.channels, turned=False)
    kernel = winograd.convolve(
        "winograd",
        b.cpu,
        b.batch,
        x.volume,
        y.volume,
        problem.window.before,
        bias=problem.bias,
        activation=b.fused_word(i),
        blocks=_blocks(b, y.volume),
    )
    reads = {"x": x.ref, "u": u, "bias": _bias(b, i, problem, u)}
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref})


def winograd_backward(b: Builder, i: int) -> None:
    node, problem = b.node(i), _problem(b, i)
    dy = through_fused_activation(b, i)
    if dy is None:
        return
    _filter_gradient(b, i, problem)
    if b.wants(node.inputs[0]):
        dx, accumulate = b.dx(node.inputs[0])
        u = _mapped(b, i, "turned filters", dy.volume.channels, dx.volume.channels, turned=True)
        _, high, wide = problem.window.before
        kernel = winograd.convolve(
            "winograd_gradient",
            b.cpu,
            b.batch,
            dy.volume,
            dx.volume,
            (0, 2 - high, 2 - wide),
            bias=False,
            accumulate=accumulate,
            blocks=_blocks(b, dx.volume),
        )
        reads = {"x": dy.ref, "u": u, "bias": u}
        b.call(f"{node.path} input gradient", kernel, reads, {"y": dx.ref}, adds=accumulate)


WINOGRAD = Implementation(
    "winograd F(4x4,3x3)", (Convolution,), winograd_forward, winograd_backward, refuses_winograd
)
DIRECT = Implementation("direct, batch in the lanes", (Convolution, Linear), forward, backward)
