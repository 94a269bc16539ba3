"""Batch normalisation: with the batch's statistics in training, which need all groups, and with the running
ones otherwise.
"""

from __future__ import annotations

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.lower.elementwise import pass_on
from kitnet.engine.step import COUNT, Place, Ref
from kitnet.kernels import norm
from kitnet.layers import BatchNorm

_COUNT = Ref(COUNT)


def _layer(b: Builder, i: int) -> BatchNorm:
    layer = b.node(i).layer
    assert isinstance(layer, BatchNorm)
    return layer


def _blocks(b: Builder, x: Place) -> int:
    return b.blocks(x.volume.positions)


def _normalise(b: Builder, i: int, mean: Ref, factor: Ref) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.result(i)
    reads = {"x": x.ref, "mean": mean, "factor": factor, "shift": b.weight(f"{node.path}.shift")}
    added, addend = b.addend(i), None
    if added is not None:
        place = b.place(added)
        reads["addend"], addend = place.ref, place.volume
    kernel = norm.normalise(
        "normalise", b.cpu, b.batch, x.volume, y.volume, b.fused_activation(i), _blocks(b, x), addend
    )
    b.call(f"{node.path} forward", kernel, reads, {"y": y.ref})


def _of_batch(b: Builder, i: int) -> None:
    node, layer, x = b.node(i), _layer(b, i), b.place(b.node(i).inputs[0])
    channels = x.volume.channels
    kernel = norm.statistics("statistics", b.cpu, b.batch, x.volume, _blocks(b, x))
    partial = b.room(f"{node.path}.partial statistics", kernel.tasks * 3 * channels)
    b.call(f"{node.path} statistics", kernel, {"x": x.ref, "count": _COUNT}, {"partial": partial})
    kernel = norm.finish("finish", b.cpu, kernel.tasks, channels, layer.eps, layer.decay)
    found = {name: b.room(f"{node.path}.{name}", channels) for name in ("mean", "inverse", "factor")}
    running = {f"running_{name}": b.state(f"{node.path}.{name}") for name in ("mean", "var")}
    reads = {"partial": partial, "scale": b.weight(f"{node.path}.scale")}
    b.call(f"{node.path} statistics of all", kernel, reads, {**found, **running}, across=True)
    _normalise(b, i, found["mean"], found["factor"])


def _of_batch_backward(b: Builder, i: int) -> None:
    node, last, x = b.node(i), b.fused.get(i, i), b.place(b.node(i).inputs[0])
    dy, addend = b.dy(last), b.addend(i)
    if dy is None:
        return
    channels, activation, blocks = x.volume.channels, b.activation_back(i), _blocks(b, x)
    mean, inverse, factor = (Ref(f"{node.path}.{name}") for name in ("mean", "inverse", "factor"))
    shift = b.weight(f"{node.path}.shift")
    given = {"x": x.ref, "mean": mean, "factor": factor, "shift": shift, "dy": dy.ref, "count": _COUNT}
    stored, read, written = None, {}, {}
    if addend is not None and activation is not None:
        y, d = b.place(last), b.changed_dy(last)
        stored, read, written = (y.volume, d.volume), {"y": y.ref}, {"d": d.ref}
    kernel = norm.gradient_sums(
        "gradient_sums", b.cpu, b.batch, x.volume, dy.volume, activation, blocks, stored
    )
    partial = b.room(f"{node.path}.partial gradient", kernel.tasks * 2 * channels)
    b.call(f"{node.path} backward sums", kernel, {**given, **read}, {**written, "partial": partial})
    if stored is not None:
        dy, activation = d, None
        given["dy"] = d.ref
    if addend is not None:
        pass_on(b, node.path, dy, addend)
    kernel = norm.finish_gradient("finish_gradient", b.cpu, kernel.tasks, channels, x.volume.positions)
    moves = {name: b.room(f"{node.path}.{name}", channels) for name in ("slope", "level")}
    dw = {f"d{name}": b.weight_gradient(f"{node.path}.{name}") for name in ("scale", "shift")}
    reads = {"partial": partial, "inverse": inverse, "factor": factor, "count": _COUNT}
    b.call(f"{node.path} backward sums of all", kernel, reads, {**dw, **moves}, across=True)
    if b.wants(node.inputs[0]):
        dx, accumulate = b.dx_over(node.inputs[0], last)
        kernel = norm.input_gradient(
            "norm_gradient", b.cpu, b.batch, x.volume, dy.volume, dx.volume, activation, accumulate, blocks
        )
        b.call(f"{node.path} backward", kernel, {**given, **moves}, {"dx": dx.ref}, adds=accumulate)


def running_factor(b: Builder, i: int) -> Ref:
    """scale / sqrt(running var + eps), made at the beginning of each run."""
    node, layer, channels = b.node(i), _layer(b, i), b.node(i).shape[-1]
    factor = Ref(f"{node.path}.factor")
    if factor.buffer not in b.buffers:
        b.room(factor.buffer, channels)
        reads = {"scale": b.weight(f"{node.path}.scale"), "var": b.state(f"{node.path}.var")}
        kernel = norm.fold("fold", b.cpu, channels, layer.eps)
        b.at_start(f"{node.path} factor", kernel, reads, {"factor": factor})
    return factor


def _running(b: Builder, i: int) -> None:
    _normalise(b, i, b.state(f"{b.node(i).path}.mean"), running_factor(b, i))


def _no_way_back(b: Builder, i: int) -> None:
    """Plans for scores have none."""


def _not_for_scores(b: Builder, i: int) -> str | None:
    return None if b.train else "scores do not depend on what else is in the batch"


def _not_in_training(b: Builder, i: int) -> str | None:
    return "training takes the batch's own statistics" if b.train else None


BATCH_STATISTICS = Implementation(
    "statistics, then one pass", (BatchNorm,), _of_batch, _of_batch_backward, _not_for_scores, across=True
)
RUNNING_STATISTICS = Implementation(
    "one pass with running statistics", (BatchNorm,), _running, _no_way_back, _not_in_training
)
