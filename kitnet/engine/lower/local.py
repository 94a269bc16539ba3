"""Locally connected layers in both layouts; with channels in the lanes for scores."""

from __future__ import annotations

from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.bias import image_sums
from kitnet.engine.lower.contract import Implementation, no_way_back
from kitnet.engine.lower.window import window_of
from kitnet.kernels import local
from kitnet.kernels.spec import Window
from kitnet.layers import LocallyConnected


def _layer(b: Builder, i: int) -> tuple[LocallyConnected, Window]:
    layer = b.node(i).layer
    assert isinstance(layer, LocallyConnected)
    return layer, window_of(b, i)


def _forward(b: Builder, i: int) -> None:
    node, (layer, window) = b.node(i), _layer(b, i)
    x, y = b.place(node.inputs[0]), b.result(i)
    kernel = local.forward(
        "local",
        b.cpu,
        b.batch,
        x.volume,
        y.volume,
        window,
        bias=layer.bias,
        activation=b.fused_activation(i),
        blocks=b.tasks if b.few else b.blocks(y.volume.rows),
    )
    weight = b.weight(i, "weight")
    reads = {"x": x.ref, "weight": weight, "bias": b.weight(i, "bias") if layer.bias else weight}
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref}, across=b.few and b.batch.groups > 1)


def _backward(b: Builder, i: int, kept: None) -> None:
    node, (layer, window) = b.node(i), _layer(b, i)
    (source,), dy = node.inputs, through_fused_activation(b, i)
    if dy is None:
        return
    x = b.place(source)
    if b.learns(i):
        kernel = local.filter_gradient(
            "local_filter_gradient", b.cpu, b.batch, x.volume, dy.volume, window, tasks=b.tasks
        )
        reads, writes = {"x": x.ref, "dy": dy.ref}, {"dw": b.weight_gradient(i, "weight")}
        b.call(f"{node.path} filter gradient", kernel, reads, writes, across=True)
        if layer.bias:
            sums = image_sums(b, i, dy)
            b.sum_up(f"{node.path} bias gradient", *sums.of_positions, b.weight_gradient(i, "bias"))
    if b.wants(source):
        dx, accumulate = b.dx(source)
        kernel = local.input_gradient(
            "local_gradient",
            b.cpu,
            b.batch,
            dy.volume,
            dx.volume,
            window,
            accumulate=accumulate,
            blocks=b.blocks(dx.volume.rows),
        )
        reads = {"dy": dy.ref, "weight": b.weight(i, "weight")}
        b.call(f"{node.path} input gradient", kernel, reads, {"dx": dx.ref}, adds=accumulate)


IMPLEMENTATIONS = (
    Implementation(
        "local.images",
        "filters as they lie",
        ("local",),
        _forward,
        _backward,
        across=lambda b, i: b.back,  # every weight has one gradient, of all groups
    ),
    Implementation(
        "local.channels",
        "filters as they lie",
        ("local",),
        _forward,
        no_way_back,
        lanes="channels",
        takes_dense=True,
    ),
)
