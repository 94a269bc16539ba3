"""Activations of their own, sums, concatenations, and layers that only say the same in another shape."""

from __future__ import annotations

from itertools import accumulate

from kitnet.engine.activation import activation_of
from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.contract import Implementation
from kitnet.engine.step import Place
from kitnet.kernels import elementwise
from kitnet.kernels.activation import KINDS
from kitnet.layers import LAYERS, Add, Concatenate, Flatten, Identity


def _activate(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    activation, blocks = activation_of(node.layer), b.blocks(y.volume.positions)
    assert activation is not None
    kernel = elementwise.activate("activate", b.cpu, b.batch, x.volume, activation, y.volume, blocks)
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, {"y": y.ref})


def _activate_backward(b: Builder, i: int) -> None:
    node, activation, dy = b.node(i), activation_of(b.node(i).layer), b.dy(i)
    if dy is None or not b.wants(node.inputs[0]):
        return
    assert activation is not None
    source = b.place(i if activation.reads == "y" else node.inputs[0])
    dx, accumulate = b.dx_over(node.inputs[0], i)
    kernel = elementwise.activation_gradient(
        "activation_gradient",
        b.cpu,
        b.batch,
        source=source.volume,
        activation=activation,
        dy=dy.volume,
        dx=dx.volume,
        accumulate=accumulate,
        blocks=b.blocks(source.volume.positions),
    )
    reads = {"source": source.ref, "dy": dy.ref}
    b.call(f"{node.path} backward", kernel, reads, {"dx": dx.ref}, adds=accumulate)


def _add(b: Builder, i: int) -> None:
    node = b.node(i)
    y = b.place_over(b.fused.get(i, i), node.inputs)
    xs = [b.place(j) for j in node.inputs]
    kernel = elementwise.add(
        "add",
        b.cpu,
        b.batch,
        [x.volume for x in xs],
        y.volume,
        activation=b.fused_activation(i),
        blocks=b.blocks(y.volume.positions),
    )
    b.call(f"{node.path} forward", kernel, {f"x{j}": x.ref for j, x in enumerate(xs)}, {"y": y.ref})


def _add_backward(b: Builder, i: int) -> None:
    node, dy = b.node(i), through_fused_activation(b, i)
    if dy is None:
        return
    for j in node.inputs:
        pass_on(b, node.path, dy, j)


def pass_on(b: Builder, path: str, dy: Place, j: int) -> None:
    """The gradient dy as value j's: in the same memory if it is the first one."""
    if b.wants(j) and not b.share(j, dy):
        _copy(b, f"{path} backward to {b.node(j).path}", dy, *b.dx(j))


def _concatenate(b: Builder, i: int) -> None:
    node, whole = b.node(i), b.place(i)
    for j, part in zip(node.inputs, _slices(b, i, whole), strict=True):
        if b.place(j) != part:  # else it was written there
            _copy(b, f"{node.path} forward from {b.node(j).path}", b.place(j), part, False)


def _concatenate_backward(b: Builder, i: int) -> None:
    node, dy = b.node(i), b.dy(i)
    if dy is None:
        return
    for j, part in zip(node.inputs, _slices(b, i, dy), strict=True):
        pass_on(b, node.path, part, j)


def _slices(b: Builder, i: int, whole: Place) -> list[Place]:
    """The part of a joined value that each branch is."""
    depths = [b.node(j).shape[-1] for j in b.node(i).inputs]
    return [
        b.part(whole, first, depth) for first, depth in zip(accumulate([0, *depths]), depths, strict=False)
    ]


def _copy(b: Builder, label: str, source: Place, target: Place, accumulate: bool) -> None:
    kernel = elementwise.copy(
        "copy",
        b.cpu,
        b.batch,
        source.volume,
        target.volume,
        accumulate=accumulate,
        blocks=b.blocks(source.volume.positions),
    )
    b.call(label, kernel, {"x": source.ref}, {"y": target.ref}, adds=accumulate)


def _same(b: Builder, i: int) -> None:
    b.alias(i, b.node(i).inputs[0])


def _nothing(b: Builder, i: int) -> None:
    """The gradient lies where it should already."""


ACTIVATION = Implementation(
    "vector polynomials", tuple(LAYERS[kind] for kind in KINDS), _activate, _activate_backward
)
ADD = Implementation("one pass", (Add,), _add, _add_backward)
CONCATENATE = Implementation(
    "slices, or copies into them", (Concatenate,), _concatenate, _concatenate_backward
)
SAME = Implementation("no step at all", (Flatten, Identity), _same, _nothing)
