"""Convolutions and linear layers, directly on values whose batch lies in the lanes."""

from __future__ import annotations

from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.lower.filter_gradient import filter_gradient
from kitnet.engine.lower.problem import bias_of, blocks_of, dense_filters, problem_of
from kitnet.kernels import convolution
from kitnet.layers import Convolution, Linear


def forward(b: Builder, i: int) -> None:
    node, problem = b.node(i), problem_of(b, i)
    x, y = b.place(node.inputs[0]), b.place(b.fused.get(i, i))
    filters = dense_filters(b, i)
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
        blocks=blocks_of(b, y.volume),
    )
    reads = {"x": x.ref, "weight": filters, "bias": bias_of(b, i, problem, filters)}
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref})


def backward(b: Builder, i: int) -> None:
    node, problem = b.node(i), problem_of(b, i)
    dy = through_fused_activation(b, i)
    if dy is None:
        return
    filter_gradient(b, i, problem)
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
            blocks=blocks_of(b, dx.volume),
        )
        reads = {"dy": dy.ref, "weight": dense_filters(b, i)}
        b.call(f"{node.path} input gradient", kernel, reads, {"dx": dx.ref}, adds=accumulate)


DIRECT = Implementation("direct, batch in the lanes", (Convolution, Linear), forward, backward)
