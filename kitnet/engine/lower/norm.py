"""Batch normalisation: with the batch's statistics in training, which need all groups, and with the running
ones otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.contract import Implementation, in_both_layouts
from kitnet.engine.step import TOTAL, Place, Ref
from kitnet.kernels import norm, running_norm
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
    chunks, partial = b.meet(f"{node.path} statistics", kernel.tasks, 3 * channels, partial)
    kernel = norm.finish("finish", b.cpu, chunks, channels, layer.eps, layer.decay)
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
    chunks, partial = b.meet(f"{node.path} backward sums", tasks, 2 * channels, partial)
    kernel = norm.finish_gradient("finish_gradient", b.cpu, chunks, channels, x.volume.positions)
    moves = {name: b.room(f"{node.path}.{name}", channels) for name in ("slope", "level")}
    dw = {f"d{name}": b.weight_gradient(i, name) for name in ("scale", "shift")}
    reads = {
        "partial": partial, "inverse": statistics.inverse, "factor": statistics.factor,
        "count": TOTAL if b.setting.meets else b.count,
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
    node, last, source = b.node(i), b.fused.get(i, i), b.node(i).inputs[0]
    addend, activation = b.addend(i), b.activation_back(i)
    dy = b.dy(last) if addend is None else through_fused_activation(b, i)
    if dy is None:
        return
    if addend is not None:  # what the activation reads is stored
        activation = None
        b.pass_on(node.path, dy, addend)
    x, learns, moves = b.place(source), b.learns(i), b.wants(source)
    if not (learns or moves):
        return
    reads, writes = {"factor": running_factor(b, i), "dy": dy.ref}, {}
    seen = x if learns or activation else None
    if seen is not None:
        reads |= {"x": x.ref, "mean": b.state(i, "mean"), "shift": b.weight(i, "shift")}
    dx, accumulate = b.dx_over(source, last) if moves else (None, False)
    if dx is not None:
        writes["dx"] = dx.ref
        reads |= {"dx": dx.ref} if accumulate else {}
    positions = x.volume.positions
    kernel = running_norm.gradient(
        "running_gradient",
        b.cpu,
        b.batch,
        dy.volume,
        None if seen is None else seen.volume,
        None if dx is None else dx.volume,
        activation,
        learns,
        accumulate,
        b.sum_blocks(positions) if learns else b.blocks(positions),
    )
    if learns:
        writes["partial"] = b.room(f"{node.path}.partial gradient", kernel.tasks * 2 * x.volume.channels)
    b.call(f"{node.path} backward", kernel, reads, writes)
    if learns:
        channels = x.volume.channels
        chunks, partial = b.meet_at_end(
            f"{node.path} gradient", kernel.tasks, 2 * channels, writes["partial"]
        )
        last_step = running_norm.finish("finish_running_gradient", b.cpu, chunks, channels, _layer(b, i).eps)
        given = {"partial": partial, "var": b.state(i, "var")}
        dw = {f"d{name}": b.weight_gradient(i, name) for name in ("scale", "shift")}
        b.at_end(f"{node.path} gradient", last_step, given, dw)


def _not_for_scores(b: Builder, i: int) -> str | None:
    if _layer(b, i).mixes_samples(b.train):
        return None
    return "its statistics are fixed" if b.train else "scores do not depend on what else is in the batch"


def _not_in_training(b: Builder, i: int) -> str | None:
    return "training takes the batch's own statistics" if _layer(b, i).mixes_samples(b.train) else None


IMPLEMENTATIONS = (
    Implementation(
        "batchnorm.statistics.images",
        "statistics, then one pass",
        ("batchnorm",),
        _of_batch,
        _of_batch_backward,
        _not_for_scores,
        across=lambda b, i: True,
        meets=True,
    ),
    *in_both_layouts(
        Implementation(
            "batchnorm.running",
            "one pass with running statistics",
            ("batchnorm",),
            _running,
            _running_backward,
            _not_in_training,
        )
    ),
)
