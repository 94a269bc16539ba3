"""Batch normalisation: with the batch's statistics in training, which need all groups, and with the running
ones otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation, in_both_layouts
from kitnet.engine.step import Place, Ref
from kitnet.kernels import norm
from kitnet.layers import BatchNorm


def _layer(b: Builder, i: int) -> BatchNorm:
    layer = b.node(i).layer
    assert isinstance(layer, BatchNorm)
    return layer


def _normalise(b: Builder, i: int, mean: Ref, factor: Ref) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.result(i)
    reads = {"x": x.ref, "mean": mean, "factor": factor, "shift": b.weight(i, "shift")}
    activation, blocks, added = b.fused_activation(i), b.blocks(x.volume.positions), b.addend(i)
    addend = None if added is None else b.place(added)
    if addend is not None:
        reads["addend"] = addend.ref
    volumes, sum_with = (x.volume, y.volume), addend.volume if addend else None
    kernel = norm.normalise("normalise", b.cpu, b.batch, *volumes, activation, blocks, sum_with)
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref})


@dataclass(frozen=True)
class _Statistics:
    """Of the batch, for each channel; the factor is scale / sqrt(var + eps)."""

    mean: Ref
    inverse: Ref
    factor: Ref


def _of_batch(b: Builder, i: int) -> _Statistics:
    node, layer, x = b.node(i), _layer(b, i), b.place(b.node(i).inputs[0])
    channels = x.volume.channels
    kernel = norm.statistics("statistics", b.cpu, b.batch, x.volume, b.sum_blocks(x.volume.positions))
    partial = b.room(f"{node.path}.partial statistics", kernel.tasks * 3 * channels)
    b.call(f"{node.path} statistics", kernel, {"x": x.ref, "count": b.count}, {"partial": partial})
    kernel = norm.finish("finish", b.cpu, kernel.tasks, channels, layer.eps, layer.decay)
    found = {name: b.room(f"{node.path}.{name}", channels) for name in ("mean", "inverse", "factor")}
    running = {f"running_{name}": b.state(i, name) for name in ("mean", "var")}
    reads = {"partial": partial, "scale": b.weight(i, "scale")}
    b.call(f"{node.path} statistics of all", kernel, reads, {**found, **running}, across=True)
    _normalise(b, i, found["mean"], found["factor"])
    return _Statistics(**found)


def _of_batch_backward(b: Builder, i: int, statistics: _Statistics) -> None:
    node, last, x = b.node(i), b.fused.get(i, i), b.place(b.node(i).inputs[0])
    dy, addend, activation = b.dy(last), b.addend(i), b.activation_back(i)
    if dy is None:
        return
    given = {
        "x": x.ref, "mean": statistics.mean, "factor": statistics.factor, "shift": b.weight(i, "shift"),
        "dy": dy.ref, "count": b.count,
    }  # fmt: skip
    stored, read, written = None, {}, {}
    if addend is not None and activation is not None:
        y, d = b.place(last), b.changed_dy(last)
        stored, read, written = (y.volume, d.volume), {"y": y.ref}, {"d": d.ref}
    blocks = b.sum_blocks(x.volume.positions)
    kernel = norm.gradient_sums(
        "gradient_sums", b.cpu, b.batch, x.volume, dy.volume, activation, blocks, stored
    )
    partial = b.room(f"{node.path}.partial gradient", kernel.tasks * 2 * x.volume.channels)
    b.call(f"{node.path} backward sums", kernel, {**given, **read}, {**written, "partial": partial})
    if stored is not None:
        dy, activation = d, None
        given["dy"] = d.ref
    if addend is not None:
        b.pass_on(node.path, dy, addend)
    moves = _moves(b, i, statistics, x, kernel.tasks, partial)
    if b.wants(node.inputs[0]):
        dx, accumulate = b.dx_over(node.inputs[0], last)
        volumes, blocks = (x.volume, dy.volume, dx.volume), b.blocks(x.volume.positions)
        kernel = norm.input_gradient(
            "norm_gradient", b.cpu, b.batch, *volumes, activation, accumulate, blocks
        )
        b.call(f"{node.path} backward", kernel, {**given, **moves}, {"dx": dx.ref}, adds=accumulate)


def _moves(b: Builder, i: int, statistics: _Statistics, x: Place, tasks: int, partial: Ref) -> dict[str, Ref]:
    """The gradients of the parameters, and what takes the batch's mean and slope out of dx."""
    node, channels = b.node(i), x.volume.channels
    kernel = norm.finish_gradient("finish_gradient", b.cpu, tasks, channels, x.volume.positions)
    moves = {name: b.room(f"{node.path}.{name}", channels) for name in ("slope", "level")}
    dw = {f"d{name}": b.weight_gradient(i, name) for name in ("scale", "shift")}
    reads = {
        "partial": partial, "inverse": statistics.inverse, "factor": statistics.factor, "count": b.count
    }  # fmt: skip
    b.call(f"{node.path} backward sums of all", kernel, reads, {**dw, **moves}, across=True)
    return moves


def running_factor(b: Builder, i: int) -> Ref:
    """scale / sqrt(running var + eps), made at the beginning of each run."""
    node, channels = b.node(i), b.node(i).shape[-1]

    def make() -> Ref:
        factor = b.room(f"{node.path}.factor", channels)
        reads = {"scale": b.weight(i, "scale"), "var": b.state(i, "var")}
        kernel = norm.fold("fold", b.cpu, channels, _layer(b, i).eps)
        b.at_start(f"{node.path} factor", kernel, reads, {"factor": factor})
        return factor

    return b.once(("factor", i), make)


def _running(b: Builder, i: int) -> None:
    _normalise(b, i, b.state(i, "mean"), running_factor(b, i))


def _running_backward(b: Builder, i: int, kept: None) -> None:
    """Nothing, since it is taken only where nothing wants a gradient of it."""


def _not_for_scores(b: Builder, i: int) -> str | None:
    if _layer(b, i).mixes_samples(b.train):
        return None
    return "its statistics are fixed" if b.train else "scores do not depend on what else is in the batch"


def _not_where_it_learns(b: Builder, i: int) -> str | None:
    if _layer(b, i).mixes_samples(b.train):
        return "training takes the batch's own statistics"
    return "it has no way back" if b.wants(i) else None


IMPLEMENTATIONS = (
    Implementation(
        "batchnorm.statistics.images",
        "statistics, then one pass",
        ("batchnorm",),
        _of_batch,
        _of_batch_backward,
        _not_for_scores,
        across=lambda b, i: True,
    ),
    *in_both_layouts(
        Implementation(
            "batchnorm.running",
            "one pass with running statistics",
            ("batchnorm",),
            _running,
            _running_backward,
            _not_where_it_learns,
        )
    ),
)
