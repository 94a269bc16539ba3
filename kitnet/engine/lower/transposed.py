"""Transposed convolutions: a convolution's way back as the way forward, and its way forward as the way
back."""

from __future__ import annotations

from dataclasses import replace

from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.bias import image_sums
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.lower.filter_gradient import products
from kitnet.engine.lower.problem import Problem, blocks_of
from kitnet.engine.lower.window import kernel_window
from kitnet.kernels import convolution
from kitnet.layers import TransposedConvolution


def _problem(b: Builder, i: int) -> Problem:
    """The convolution from y to x. Its bias is none of this one's."""
    node = b.node(i)
    layer, (shape,) = node.layer, b.graph.shapes_into(node)
    assert isinstance(layer, TransposedConvolution)
    window = kernel_window(layer.axes(shape))
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
    if problem.bias and b.request.weights:
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


TRANSPOSED = Implementation(
    "transposed.direct.images", "a convolution's way back", (TransposedConvolution,), _forward, _backward
)
