"""LeNet's trainable subsampling, for scores in both layouts."""

from __future__ import annotations

from dataclasses import replace

from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.contract import Implementation, no_way_back
from kitnet.engine.lower.window import window_of
from kitnet.kernels import subsample


def _subsample(b: Builder, i: int) -> None:
    last = b.fused.get(i, i)
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(last)
    kernel = subsample.subsample(
        "subsample",
        b.cpu,
        b.batch,
        window_of(b, i),
        x.volume,
        y.volume,
        b.fused_activation(i),
        b.blocks(b.volume(last).rows),
    )
    reads = {name: b.weight(i, name) for name in ("coefficient", "bias")}
    b.call(f"{node.path} forward", kernel, {"x": x.ref, **reads}, {"y": y.ref})


def _subsample_backward(b: Builder, i: int, kept: None) -> None:
    node, dy = b.node(i), through_fused_activation(b, i)
    if dy is None:
        return
    (source,), x = node.inputs, b.place(node.inputs[0])
    if b.wants(source):
        dx, accumulate = b.dx(source)
    else:
        dx, accumulate = b.spare(f"d {node.path} input", source), False
    kernel = subsample.subsample_gradient(
        "subsample_gradient",
        b.cpu,
        b.batch,
        window_of(b, i),
        x.volume,
        dy.volume,
        dx.volume,
        accumulate,
        b.sum_blocks(b.volume(i).rows),
    )
    channels = dy.volume.channels
    partial_sums = b.room(f"{node.path}.partial", kernel.tasks * 2 * channels)
    reads = {"x": x.ref, "dy": dy.ref, "coefficient": b.weight(i, "coefficient")}
    if accumulate:
        reads["dx"] = dx.ref
    b.call(f"{node.path} backward", kernel, reads, {"dx": dx.ref, "partial": partial_sums})
    if not b.learns(i):
        return
    both = b.room(f"{node.path}.both", 2 * channels)
    b.sum_up(node.path, kernel.tasks, 2 * channels, partial_sums, both)
    for name, first in (("coefficient", 0), ("bias", channels)):
        b.add_up(f"{node.path}.{name}", 1, channels, both.plus(first), b.weight_gradient(i, name))


_SUBSAMPLE = Implementation(
    "subsample.images",
    "sums, coefficient and bias in one pass",
    ("subsample",),
    _subsample,
    _subsample_backward,
)
IMPLEMENTATIONS = (
    _SUBSAMPLE,
    replace(_SUBSAMPLE, id="subsample.channels", lanes="channels", backward=no_way_back),
)
