"""Pooling and trainable subsampling on values whose batch lies in the lanes."""

from __future__ import annotations

from dataclasses import replace

from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.lower.sums import sum_up
from kitnet.engine.lower.window import kernel_window
from kitnet.engine.step import Ref
from kitnet.kernels import pool, subsample
from kitnet.kernels.spec import Window
from kitnet.layers import MaxPool, MeanPool, Subsampling


def _window(b: Builder, i: int) -> Window:
    layer, (shape,) = b.node(i).layer, b.graph.shapes_into(b.node(i))
    assert isinstance(layer, MaxPool | MeanPool | Subsampling)
    return kernel_window(layer.axes(shape))


def _rows(b: Builder, i: int) -> int:
    """Into how many blocks of output rows the work on a group is cut."""
    depth, height, _ = b.place(i).volume.sizes
    return b.blocks(depth * height)


def _switches(b: Builder, i: int) -> Ref:
    return Ref(f"{b.node(i).path}.switches")


def _max(b: Builder, i: int) -> None:
    node, window, x, y = b.node(i), _window(b, i), b.place(b.node(i).inputs[0]), b.place(i)
    kernel = pool.max_pool(
        "max_pool",
        b.cpu,
        b.batch,
        window,
        x.volume,
        y.volume,
        switches=b.train,
        blocks=_rows(b, i),
        rectified=b.train and b.take_over_relu(node.inputs[0]),
    )
    writes = {"y": y.ref}
    if b.train:
        bytes_each = pool.switch_type(window).bytes
        dense = replace(y.volume, pitch=y.volume.channels)
        writes["switches"] = b.room_for(f"{node.path}.switches", dense, bytes_each)
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, writes)


def _max_backward(b: Builder, i: int) -> None:
    node, dy = b.node(i), b.dy(i)
    if dy is None or not b.wants(node.inputs[0]):
        return
    dx, accumulate = b.dx(node.inputs[0])
    kernel = pool.max_pool_gradient(
        "max_pool_gradient", b.cpu, b.batch, _window(b, i), dy.volume, dx.volume, accumulate, _rows(b, i)
    )
    reads = {"switches": _switches(b, i), "dy": dy.ref}
    b.call(f"{node.path} backward", kernel, reads, {"dx": dx.ref}, adds=accumulate)


def _mean(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    kernel = pool.mean_pool("mean_pool", b.cpu, b.batch, _window(b, i), x.volume, y.volume, _rows(b, i))
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, {"y": y.ref})


def _mean_backward(b: Builder, i: int) -> None:
    node, dy = b.node(i), b.dy(i)
    if dy is None or not b.wants(node.inputs[0]):
        return
    dx, accumulate = b.dx(node.inputs[0])
    kernel = pool.mean_pool_gradient(
        "mean_pool_gradient", b.cpu, b.batch, _window(b, i), dy.volume, dx.volume, accumulate, _rows(b, i)
    )
    b.call(f"{node.path} backward", kernel, {"dy": dy.ref}, {"dx": dx.ref}, adds=accumulate)


def _subsample(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(b.fused.get(i, i))
    kernel = subsample.subsample(
        "subsample",
        b.cpu,
        b.batch,
        _window(b, i),
        x.volume,
        y.volume,
        b.fused_activation(i),
        _rows(b, b.fused.get(i, i)),
    )
    reads = {
        "x": x.ref,
        "coefficient": b.weight(f"{node.path}.coefficient"),
        "bias": b.weight(f"{node.path}.bias"),
    }
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref})


def _subsample_backward(b: Builder, i: int) -> None:
    node, dy = b.node(i), through_fused_activation(b, i)
    if dy is None:
        return
    x, source = b.place(node.inputs[0]), node.inputs[0]
    if b.wants(source):
        dx, accumulate = b.dx(source)
    else:
        dx, accumulate = b.spare(f"d {node.path} input", source), False
    kernel = subsample.subsample_gradient(
        "subsample_gradient",
        b.cpu,
        b.batch,
        _window(b, i),
        x.volume,
        dy.volume,
        dx.volume,
        accumulate,
        _rows(b, i),
    )
    channels = dy.volume.channels
    partial = b.room(f"{node.path}.partial", kernel.tasks * 2 * channels)
    reads = {"x": x.ref, "dy": dy.ref, "coefficient": b.weight(f"{node.path}.coefficient")}
    if accumulate:
        reads["dx"] = dx.ref
    b.call(f"{node.path} backward", kernel, reads, {"dx": dx.ref, "partial": partial})
    both = b.room(f"{node.path}.both", 2 * channels)
    sum_up(b, node.path, kernel.tasks, 2 * channels, partial, both)
    for name, first in (("coefficient", 0), ("bias", channels)):
        sum_up(
            b, f"{node.path}.{name}", 1, channels, both.plus(first), b.weight_gradient(f"{node.path}.{name}")
        )


MAX_POOL = Implementation("switches", (MaxPool,), _max, _max_backward)
MEAN_POOL = Implementation("sums", (MeanPool,), _mean, _mean_backward)
SUBSAMPLE = Implementation(
    "sums, coefficient and bias in one pass", (Subsampling,), _subsample, _subsample_backward
)
