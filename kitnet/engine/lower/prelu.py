"""The parametric ReLU, with the gradients of its slopes as partial sums of its tasks."""

from __future__ import annotations

from dataclasses import replace

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation, no_way_back
from kitnet.kernels import prelu


def _forward(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    kernel = prelu.prelu("prelu", b.cpu, b.batch, x.volume, y.volume, b.blocks(b.volume(i).rows))
    b.call(f"{node.path} forward", kernel, {"x": x.ref, "slope": b.weight(i, "slope")}, {"y": y.ref})


def _backward(b: Builder, i: int, kept: None) -> None:
    node, dy = b.node(i), b.dy(i)
    if dy is None:
        return
    (source,), x = node.inputs, b.place(node.inputs[0])
    if b.wants(source):
        dx, accumulate = b.dx_over(source, i)
    else:
        dx, accumulate = b.spare(f"d {node.path} input", source), False
    volumes, blocks = (x.volume, dy.volume, dx.volume), b.sum_blocks(b.volume(i).rows)
    kernel = prelu.prelu_gradient("prelu_gradient", b.cpu, b.batch, *volumes, accumulate, blocks)
    channels = dy.volume.channels
    partial = b.room(f"{node.path}.partial", kernel.tasks * channels)
    reads = {"x": x.ref, "slope": b.weight(i, "slope"), "dy": dy.ref}
    if accumulate:
        reads["dx"] = dx.ref
    b.call(f"{node.path} backward", kernel, reads, {"dx": dx.ref, "partial": partial})
    if b.learns(i):
        b.sum_up(f"{node.path}.slope", kernel.tasks, channels, partial, b.weight_gradient(i, "slope"))


_IMAGES = Implementation("prelu.images", "one pass", ("prelu",), _forward, _backward)
IMPLEMENTATIONS = (_IMAGES, replace(_IMAGES, id="prelu.channels", lanes="channels", backward=no_way_back))
