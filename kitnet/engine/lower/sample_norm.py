"""Layer, group and instance normalisation: one mechanism, by what is normalised together."""

from __future__ import annotations

from dataclasses import replace

from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.contract import Implementation, no_way_back
from kitnet.engine.step import Ref
from kitnet.kernels import sample_norm
from kitnet.kernels.sets import Affine, Sets
from kitnet.layers import SampleNorm

NAMES = "scale", "shift"


def _layer(b: Builder, i: int) -> SampleNorm:
    layer = b.node(i).layer
    assert isinstance(layer, SampleNorm)
    return layer


def _sets(b: Builder, i: int) -> Sets:
    layer, shape = _layer(b, i), b.node(i).shape
    places, _, groups, _ = layer.sets(shape)
    one_a_channel = layer.scale_shape(shape) == shape[-1:]
    affine: Affine = "channels" if one_a_channel else "numbers"
    return Sets(groups, places > 1, affine if layer.affine else None)


def _weights(b: Builder, i: int, *names: str) -> dict[str, Ref]:
    return {name: b.weight(i, name) for name in names} if _layer(b, i).affine else {}


def _forward(b: Builder, i: int) -> dict[str, Ref]:
    """The statistics, where there is a way back."""
    node, sets, x, y = b.node(i), _sets(b, i), b.place(b.node(i).inputs[0]), b.place(b.fused.get(i, i))
    kernel = sample_norm.sample_norm(
        "sample_norm",
        b.cpu,
        b.batch,
        sets,
        x.volume,
        y.volume,
        _layer(b, i).eps,
        b.fused_activation(i),
        keeps=b.back,
        blocks=b.blocks(sets.pieces(x.volume, b.cpu.lanes)),
    )
    size = b.batch.groups * sets.count(x.volume) * b.batch.images
    kept = {name: b.room(f"{node.path}.{name}", size) for name in ("mean", "inverse") if b.back}
    b.call(f"{node.path} forward", kernel, {"x": x.ref, **_weights(b, i, *NAMES)}, {"y": y.ref, **kept})
    return kept


def _backward(b: Builder, i: int, kept: dict[str, Ref]) -> None:
    node, sets, dy = b.node(i), _sets(b, i), through_fused_activation(b, i)
    weights = b.learns(i) and _layer(b, i).affine
    if dy is None or not (weights or b.wants(node.inputs[0])):
        return
    (source,), x = node.inputs, b.place(node.inputs[0])
    if b.wants(source):
        dx, accumulate = b.dx_over(source, b.fused.get(i, i))
    else:
        dx, accumulate = b.spare(f"d {node.path} input", source), False
    pieces = sets.pieces(x.volume, b.cpu.lanes)
    blocks = b.sum_blocks(pieces) if sets.apart else b.blocks(pieces)
    volumes = x.volume, dy.volume, dx.volume
    kernel = sample_norm.sample_norm_gradient(
        "sample_norm_gradient", b.cpu, b.batch, sets, *volumes, accumulate, blocks
    )
    size, chunks = sets.weights(x.volume), kernel.tasks if sets.apart else b.batch.groups
    partial = {
        f"d{name}": b.room(f"{node.path}.partial {name}", chunks * size) for name in _weights(b, i, *NAMES)
    }
    reads = {"x": x.ref, **kept, **_weights(b, i, "scale"), "dy": dy.ref}
    if accumulate:
        reads["dx"] = dx.ref
    b.call(f"{node.path} backward", kernel, reads, {"dx": dx.ref, **partial})
    if weights:
        for name, part in zip(NAMES, partial.values(), strict=False):
            b.sum_up(f"{node.path}.{name}", chunks, size, part, b.weight_gradient(i, name))


_SAMPLE_NORM = Implementation(
    "samplenorm.images",
    "statistics in the lanes, then one pass",
    ("layernorm", "groupnorm", "instancenorm"),
    _forward,
    _backward,
)
IMPLEMENTATIONS = (
    _SAMPLE_NORM,
    replace(
        _SAMPLE_NORM,
        id="samplenorm.channels",
        sentence="statistics across the lanes, then one pass",
        lanes="channels",
        backward=no_way_back,
    ),
)
