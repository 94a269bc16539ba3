"""Depthwise convolutions, every channel with a filter of its own, in both layouts."""

from __future__ import annotations

from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.contract import Implementation, in_both_layouts
from kitnet.engine.lower.filter_gradient import add_partial
from kitnet.engine.lower.problem import bias_of, dense_filters, filters_of, problem_of
from kitnet.kernels import depthwise, depthwise_gradient
from kitnet.layers import Convolution, Layer


def _may_be(layer: Layer) -> bool:
    return isinstance(layer, Convolution) and layer.table is None and 1 < layer.groups == layer.filters


def _refuses(b: Builder, i: int) -> str | None:
    (shape,), (_, high, wide) = b.graph.shapes_into(b.node(i)), problem_of(b, i).window.size
    channels, filters = shape[-1], b.node(i).shape[-1]
    if channels != filters:
        return f"only where a filter sees one channel; here each sees {channels // filters}"
    if high * wide > depthwise.MOST_TAPS:
        return f"only for windows of at most {depthwise.MOST_TAPS} taps"
    return None


def _forward(b: Builder, i: int) -> None:
    node, problem = b.node(i), problem_of(b, i)
    x, y, addend = b.place(node.inputs[0]), b.result(i), b.addend(i)
    kernel = depthwise.forward(
        "depthwise",
        b.cpu,
        b.batch,
        x.volume,
        y.volume,
        problem.window,
        bias=problem.bias,
        activation=b.fused_activation(i),
        addend=addend is not None,
        blocks=b.blocks(y.volume.rows),
    )
    weight = filters_of(b, i)
    reads = {"x": x.ref, "weight": weight, "bias": bias_of(b, i, problem, weight)}
    if addend is not None:
        reads["addend"] = b.place(addend).ref
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref}, adds=b.over(i))


def _backward(b: Builder, i: int, kept: None) -> None:
    node, problem = b.node(i), problem_of(b, i)
    dy = through_fused_activation(b, i)
    if dy is None:
        return
    x = b.place(node.inputs[0])
    if b.learns(i):
        kernel = depthwise_gradient.filter_gradient(
            "depthwise_filter_gradient",
            b.cpu,
            b.batch,
            x.volume,
            dy.volume,
            problem.window,
            bias=problem.bias,
            blocks=b.sum_blocks(dy.volume.rows),
        )
        add_partial(b, i, problem, kernel, {"x": x.ref, "dy": dy.ref}, kernel.tasks)
    if b.wants(node.inputs[0]):
        dx, accumulate = b.dx(node.inputs[0])
        kernel = depthwise.input_gradient(
            "depthwise_gradient",
            b.cpu,
            b.batch,
            dy.volume,
            dx.volume,
            problem.window,
            accumulate=accumulate,
            blocks=b.blocks(dx.volume.rows),
        )
        reads = {"dy": dy.ref, "weight": dense_filters(b, i)}
        b.call(f"{node.path} input gradient", kernel, reads, {"dx": dx.ref}, adds=accumulate)


IMPLEMENTATIONS = in_both_layouts(
    Implementation(
        "conv.depthwise",
        "each channel with its filter",
        ("conv",),
        _forward,
        _backward,
        _refuses,
        only=_may_be,
    )
)
