"""Pooling in both layouts, and trainable subsampling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.contract import Implementation, in_both_layouts, no_way_back
from kitnet.engine.lower.window import kernel_window
from kitnet.engine.step import Ref
from kitnet.kernels import pool, subsample, sum_pool
from kitnet.kernels.emit import Kernel
from kitnet.kernels.spec import Window
from kitnet.layers import L2Pool, MaxPool, MeanPool, SquarePool, Subsampling, SumPool
from kitnet.layers.pooling import Pooling


def _window(b: Builder, i: int) -> Window:
    layer, (shape,) = b.node(i).layer, b.graph.shapes_into(b.node(i))
    assert isinstance(layer, Pooling | Subsampling)
    return kernel_window(layer.axes(shape))


def _max(b: Builder, i: int) -> Ref | None:
    """The indices of the largest values, where there is a way back."""
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    kernel = pool.max_pool(
        "max_pool",
        b.cpu,
        b.batch,
        _window(b, i),
        x.volume,
        y.volume,
        switches=b.back,
        blocks=b.blocks(b.volume(i).rows),
        rectified=b.back and b.take_over_relu(node.inputs[0]),
    )
    writes, indices = {"y": y.ref}, None
    if b.back:
        volume = replace(y.volume if b.few else y.volume.dense, type=pool.switch_type(_window(b, i)))
        writes["switches"] = indices = b.room_for(f"{node.path}.indices", volume)
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, writes)
    return indices


def _max_backward(b: Builder, i: int, indices: Ref) -> None:
    _backward(b, i, pool.max_pool_gradient, "max_pool_gradient", {"switches": indices})


def _kind(b: Builder, i: int) -> sum_pool.Kind:
    match b.node(i).layer:
        case MeanPool(count_pad=counted):
            return "padded_mean" if counted else "mean"
        case SquarePool():
            return "square"
        case L2Pool():
            return "l2"
    return "sum"


def _sum(b: Builder, i: int) -> None:
    node, x, y, kind = b.node(i), b.place(b.node(i).inputs[0]), b.place(i), _kind(b, i)
    blocks, window = b.blocks(b.volume(i).rows), _window(b, i)
    kernel = sum_pool.sum_pool(f"{kind}_pool", b.cpu, b.batch, window, x.volume, y.volume, blocks, kind=kind)
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, {"y": y.ref})


def _sum_backward(b: Builder, i: int, kept: None) -> None:
    node, kind = b.node(i), _kind(b, i)
    assert node.layer is not None
    given = {"x": node.inputs[0], "y": i}
    places = {name: b.place(j) for name, j in given.items() if name in node.layer.keeps}
    volumes = {name: place.volume for name, place in places.items()}
    write = partial(sum_pool.sum_pool_gradient, kind=kind, x=volumes.get("x"), y=volumes.get("y"))
    _backward(b, i, write, f"{kind}_pool_gradient", {name: place.ref for name, place in places.items()})


def _backward(b: Builder, i: int, write: Callable[..., Kernel], name: str, kept: Mapping[str, Ref]) -> None:
    """The step that `write` gives a kernel for; it reads dy and what forward kept."""
    node, dy = b.node(i), b.dy(i)
    if dy is None or not b.wants(node.inputs[0]):
        return
    dx, accumulate = b.dx(node.inputs[0])
    blocks = b.blocks(b.volume(i).rows)
    kernel = write(name, b.cpu, b.batch, _window(b, i), dy.volume, dx.volume, accumulate, blocks)
    b.call(f"{node.path} backward", kernel, {**kept, "dy": dy.ref}, {"dx": dx.ref}, adds=accumulate)


def _subsample(b: Builder, i: int) -> None:
    last = b.fused.get(i, i)
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(last)
    kernel = subsample.subsample(
        "subsample",
        b.cpu,
        b.batch,
        _window(b, i),
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
        _window(b, i),
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
    if not b.request.weights:
        return
    both = b.room(f"{node.path}.both", 2 * channels)
    b.sum_up(node.path, kernel.tasks, 2 * channels, partial_sums, both)
    for name, first in (("coefficient", 0), ("bias", channels)):
        b.sum_up(f"{node.path}.{name}", 1, channels, both.plus(first), b.weight_gradient(i, name))


_SUMS: dict[type[Pooling], str] = {
    SumPool: "sums",
    MeanPool: "sums",
    SquarePool: "sums of squares",
    L2Pool: "roots of sums of squares",
}
POOLS = (
    *in_both_layouts(
        Implementation("maxpool", "largest values and their indices", (MaxPool,), _max, _max_backward)
    ),
    *(
        one
        for layer, sentence in _SUMS.items()
        for one in in_both_layouts(Implementation(layer.word, sentence, (layer,), _sum, _sum_backward))
    ),
)
_SUBSAMPLE = Implementation(
    "subsample.images",
    "sums, coefficient and bias in one pass",
    (Subsampling,),
    _subsample,
    _subsample_backward,
)
SUBSAMPLES = (
    _SUBSAMPLE,
    replace(_SUBSAMPLE, id="subsample.channels", lanes="channels", backward=no_way_back),
)
