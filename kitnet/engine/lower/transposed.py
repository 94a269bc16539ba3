"""Transposed convolutions. With images in the lanes a convolution's way back is the way forward, and its way
forward the way back. With channels in the lanes, for scores, the numbers of x are put as far apart as the
stride says, with zeros between and around, and an ordinary convolution with turned filters follows.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kitnet.base.shape import Axis
from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.bias import image_sums
from kitnet.engine.lower.contract import Implementation, no_way_back
from kitnet.engine.lower.filter_gradient import products
from kitnet.engine.lower.problem import Problem, blocks_of
from kitnet.engine.lower.resample import resampled
from kitnet.engine.lower.window import kernel_window
from kitnet.engine.setting import sizes_of
from kitnet.engine.step import Place, Ref
from kitnet.kernels import convolution, update
from kitnet.kernels.channels import convolution as channels
from kitnet.kernels.channels.pack import pack
from kitnet.kernels.spec import Window
from kitnet.layers import TransposedConvolution
from kitnet.layers.convolution import turn
from kitnet.layers.resampling import Line


def _problem(b: Builder, i: int) -> Problem:
    """The convolution from y to x. Its bias is none of this one's."""
    node = b.node(i)
    layer, (shape,) = node.layer, b.graph.shapes_into(node)
    assert isinstance(layer, TransposedConvolution)
    window = kernel_window(layer.adjoint_axes(shape))
    weights = window.taps * shape[-1] * layer.filters // layer.groups
    return Problem(window, layer.groups, layer.bias, weights)


def _forward(b: Builder, i: int) -> None:
    node, problem = b.node(i), _problem(b, i)
    x, y = b.place(node.inputs[0]), b.result(i)
    kernel = convolution.input_gradient(
        "transposed",
        b.cpu,
        b.batch,
        x.volume,
        y.volume,
        problem.window,
        groups=problem.groups,
        bias=problem.bias,
        activation=b.fused_activation(i),
        blocks=blocks_of(b, y.volume),
    )
    reads = {"dy": x.ref, "weight": b.weight(i, "weight")}
    if problem.bias:
        reads["bias"] = b.weight(i, "bias")
    b.call(f"{node.path} forward", kernel, reads, {"dx": y.ref})


def _backward(b: Builder, i: int, kept: None) -> None:
    node, problem = b.node(i), _problem(b, i)
    (source,), dy, weight = node.inputs, through_fused_activation(b, i), b.weight(i, "weight")
    if dy is None:
        return
    products(b, i, replace(problem, bias=False), dy, b.place(source))
    if problem.bias and b.learns(i):
        sums = image_sums(b, i, dy)
        b.sum_up(f"{node.path} bias gradient", *sums.of_filters, b.weight_gradient(i, "bias"))
    if b.wants(source):
        dx, accumulate = b.dx(source)
        kernel = convolution.forward(
            "convolution",
            b.cpu,
            b.batch,
            dy.volume,
            dx.volume,
            problem.window,
            groups=problem.groups,
            bias=False,
            accumulate=accumulate,
            blocks=blocks_of(b, dx.volume),
        )
        reads = {"x": dy.ref, "weight": weight, "bias": weight}
        b.call(f"{node.path} input gradient", kernel, reads, {"y": dx.ref}, adds=accumulate)


def _spread(a: Axis) -> Line:
    """From x to what an unpadded convolution of stride 1 reads for y."""
    last = a.extent - 1
    where = [divmod(u - last + a.before, a.stride) for u in range(a.size + last)]
    return Line(a.output, tuple(((i, 1.0),) if not rest and 0 <= i < a.output else () for i, rest in where))


def _turned(b: Builder, i: int) -> Ref:
    """The filters as those of an ordinary convolution, (taps, C/groups, K), made at the beginning of each
    run."""
    node, (shape,) = b.node(i), b.graph.shapes_into(b.node(i))
    layer = node.layer
    assert isinstance(layer, TransposedConvolution)
    own = layer.params(shape)["weight"]
    numbers = np.split(np.arange(own.size).reshape(own.shape), layer.groups, -1)
    index = np.concatenate([turn(each) for each in numbers], -1).reshape(-1).astype(np.int32)
    filters = b.room(f"{node.path}.turned filters", own.size)
    reads = {"x": b.weight(i, "weight"), "index": b.constant(f"{node.path}.turned", index)}
    b.at_start(f"{node.path} filters", update.gather("gather", b.cpu, own.size), reads, {"y": filters})
    return filters


def _few(b: Builder, i: int) -> None:
    node, (shape,) = b.node(i), b.graph.shapes_into(b.node(i))
    layer, x, y = node.layer, b.place(node.inputs[0]), b.result(i)
    assert isinstance(layer, TransposedConvolution)
    lines = [_spread(a) for a in layer.adjoint_axes(shape)]
    sizes = sizes_of((*(len(line.sources) for line in lines), shape[-1]))
    volume = replace(x.volume, sizes=sizes)
    spread = Place(b.room_for(f"{node.path}.spread", volume), volume, b.batch)
    resampled(b, f"{node.path} spread", lines, x, spread)
    window = _problem(b, i).window
    plain = Window(window.size, dilation=window.dilation)
    shapes = b.cpu, b.batch, volume, y.volume, plain
    packing = channels.packing(*shapes, groups=layer.groups, blocks=b.tasks)
    packed = b.room(f"{node.path}.packed", packing.size)
    b.at_start(
        f"{node.path} packed",
        pack("pack", b.cpu, packing, tasks=8),
        {"weight": _turned(b, i)},
        {"packed": packed},
    )
    kernel = channels.forward(
        "convolution",
        *shapes,
        groups=layer.groups,
        bias=layer.bias,
        activation=b.fused_activation(i),
        blocks=b.tasks,
    )
    bias = b.weight(i, "bias") if layer.bias else packed
    reads = {"x": spread.ref, "packed": packed, "bias": bias}
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref}, across=b.batch.groups > 1)


IMPLEMENTATIONS = (
    Implementation(
        "transposed.direct.images", "a convolution's way back", ("transposed",), _forward, _backward
    ),
    Implementation(
        "transposed.spread.channels",
        "zeros between, then a convolution",
        ("transposed",),
        _few,
        no_way_back,
        lanes="channels",
    ),
)
