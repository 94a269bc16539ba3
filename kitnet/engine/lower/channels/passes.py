"""Everything but products, on values whose channels lie in the lanes.

What treats every number alike runs on the kernels for the other layout: a pixel's channels are one vector
after the other, as a channel's images are there.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate

from kitnet.engine.activation import activation_of
from kitnet.engine.builder import Builder
from kitnet.engine.lower.channels.convolution import unfilled
from kitnet.engine.lower.contract import Implementation, only_forward
from kitnet.engine.lower.dropout import DROPOUT
from kitnet.engine.lower.norm import running_factor
from kitnet.engine.lower.window import kernel_window
from kitnet.engine.step import Place
from kitnet.kernels import elementwise, pool
from kitnet.kernels.activation import KINDS
from kitnet.kernels.channels import copy, norm, softmax, subsample
from kitnet.kernels.spec import Batch, Volume, Window
from kitnet.layers import (
    LAYERS,
    Add,
    BatchNorm,
    Concatenate,
    Flatten,
    Identity,
    MaxPool,
    MeanPool,
    Softmax,
    Subsampling,
)


def _alike(b: Builder, place: Place) -> tuple[Batch, Volume]:
    """The value as one with its channels where images are in the other layout."""
    return Batch(b.batch.groups, place.volume.pitch), Volume(place.volume.sizes, 1, 1)


def _rows(b: Builder, i: int) -> int:
    depth, height, _ = b.volume(i).sizes
    return b.blocks(depth * height)


def _positions(b: Builder, i: int) -> int:
    return b.blocks(b.volume(i).positions)


def _window(b: Builder, i: int) -> Window:
    layer, (shape,) = b.node(i).layer, b.graph.shapes_into(b.node(i))
    assert isinstance(layer, MaxPool | MeanPool | Subsampling)
    return kernel_window(layer.axes(shape))


def _pool(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    (batch, source), (_, sink) = _alike(b, x), _alike(b, y)
    if isinstance(node.layer, MaxPool):
        kernel = pool.max_pool(
            "max_pool", b.cpu, batch, _window(b, i), source, sink, switches=False, blocks=_rows(b, i)
        )
    else:
        kernel = pool.mean_pool("mean_pool", b.cpu, batch, _window(b, i), source, sink, _rows(b, i))
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, {"y": y.ref})


def _subsample(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(b.fused.get(i, i))
    kernel = subsample.subsample(
        "subsample", b.cpu, b.batch, _window(b, i), x.volume, y.volume, b.fused_activation(i), _rows(b, i)
    )
    reads = {name: b.weight(f"{node.path}.{name}") for name in ("coefficient", "bias")}
    b.call(f"{node.path} forward", kernel, {"x": x.ref, **reads}, {"y": y.ref})


def _activate(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    activation, (batch, volume) = activation_of(node.layer), _alike(b, x)
    assert activation is not None
    kernel = elementwise.activate("activate", b.cpu, batch, volume, activation, blocks=_positions(b, i))
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, {"y": y.ref})


def _add(b: Builder, i: int) -> None:
    node, xs, y = b.node(i), [b.place(j) for j in b.node(i).inputs], b.place(b.fused.get(i, i))
    batch, volume = _alike(b, y)
    kernel = elementwise.add(
        "add", b.cpu, batch, [volume] * len(xs), volume, b.fused_activation(i), _positions(b, i)
    )
    b.call(f"{node.path} forward", kernel, {f"x{j}": x.ref for j, x in enumerate(xs)}, {"y": y.ref})


def _normalise(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(b.fused.get(i, i))
    kernel = norm.normalise(
        "normalise", b.cpu, b.batch, x.volume, y.volume, b.fused_activation(i), _positions(b, i)
    )
    reads = {"mean": b.state(f"{node.path}.mean"), "factor": running_factor(b, i)}
    reads["shift"] = b.weight(f"{node.path}.shift")
    b.call(f"{node.path} forward", kernel, {"x": x.ref, **reads}, {"y": y.ref})


def _softmax(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    kernel = softmax.softmax("softmax", b.cpu, b.batch, x.volume, y.volume, _positions(b, i))
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, {"y": y.ref})


def _copy(b: Builder, label: str, source: Place, target: Place) -> None:
    blocks = b.blocks(source.volume.positions)
    kernel = copy.copy("copy", b.cpu, b.batch, source.volume, target.volume, blocks)
    b.call(label, kernel, {"x": source.ref}, {"y": target.ref})


def _concatenate(b: Builder, i: int) -> None:
    node, whole = b.node(i), b.place(i)
    depths = [b.node(j).shape[-1] for j in node.inputs]
    for j, first, depth in zip(node.inputs, accumulate([0, *depths]), depths, strict=False):
        part = Place(whole.ref.plus(first), replace(whole.volume, channels=depth))
        _copy(b, f"{node.path} forward from {b.node(j).path}", b.place(j), part)


def _same(b: Builder, i: int) -> None:
    """No step where numbers lie as they should; a flat form has no lanes that no channel fills."""
    node = b.node(i)
    x, flat = b.place(node.inputs[0]), b.volume(i)
    if x.volume.positions * x.volume.pitch == flat.positions * flat.pitch:
        b.alias(i, node.inputs[0])
    else:
        _copy(b, f"{node.path} forward", x, b.place(i))


POOL = Implementation("channels in the lanes", (MaxPool, MeanPool), _pool, only_forward, unfilled)
SUBSAMPLE = Implementation("channels in the lanes", (Subsampling,), _subsample, only_forward, unfilled)
ACTIVATION = Implementation(
    "vector polynomials", tuple(LAYERS[kind] for kind in KINDS), _activate, only_forward, unfilled
)
ADD = Implementation("one pass", (Add,), _add, only_forward, unfilled)
CONCATENATE = Implementation("copies into slices", (Concatenate,), _concatenate, only_forward)
SAME = Implementation("no step where no lane is empty", (Flatten, Identity), _same, only_forward)
NORM = Implementation("one pass with running statistics", (BatchNorm,), _normalise, only_forward)
SOFTMAX = Implementation("channels in the lanes", (Softmax,), _softmax, only_forward)

PASSES = (POOL, SUBSAMPLE, ACTIVATION, ADD, CONCATENATE, SAME, NORM, SOFTMAX, DROPOUT)
