"""Activations of their own, sums, concatenations, and layers that only say the same in another shape: written
once for both layouts.
"""

from __future__ import annotations

from itertools import accumulate

from kitnet.engine.activation import activation_of
from kitnet.engine.builder import Builder
from kitnet.engine.lower.activation import through_fused_activation
from kitnet.engine.lower.contract import Implementation, in_both_layouts
from kitnet.engine.step import Place
from kitnet.kernels import elementwise
from kitnet.kernels.activation import KINDS, Activation
from kitnet.kernels.pad_channels import pad_channels


def _activation(b: Builder, i: int) -> Activation:
    activation = activation_of(b.node(i).layer)
    assert activation is not None
    return activation


def _activate(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    blocks = b.blocks(y.volume.positions)
    kernel = elementwise.activate("activate", b.cpu, b.batch, x.volume, _activation(b, i), y.volume, blocks)
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, {"y": y.ref})


def _activate_backward(b: Builder, i: int, kept: None) -> None:
    node, dy, activation = b.node(i), b.dy(i), _activation(b, i)
    if dy is None or not b.wants(node.inputs[0]):
        return
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


def _add_backward(b: Builder, i: int, kept: None) -> None:
    dy = through_fused_activation(b, i)
    for j in b.node(i).inputs if dy else ():
        assert dy is not None
        b.pass_on(b.node(i).path, dy, j)


def _concatenate(b: Builder, i: int) -> None:
    node, whole = b.node(i), b.place(i)
    for j, part in zip(node.inputs, _slices(b, i, whole), strict=True):
        if b.place(j) != part:  # else it was written there
            b.copy(f"{node.path} forward from {b.node(j).path}", b.place(j), part)


def _concatenate_backward(b: Builder, i: int, kept: None) -> None:
    node, dy = b.node(i), b.dy(i)
    for j, part in zip(node.inputs, _slices(b, i, dy) if dy else [], strict=dy is not None):
        b.pass_on(node.path, part, j, part=True)


def _slices(b: Builder, i: int, whole: Place) -> list[Place]:
    """The part of a joined value that each branch is."""
    depths = [b.node(j).shape[-1] for j in b.node(i).inputs]
    starts = accumulate([0, *depths])
    return [b.part(whole, first, depth) for first, depth in zip(starts, depths, strict=False)]


def _pad_channels(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    blocks = b.blocks(x.volume.positions)
    kernel = pad_channels("pad_channels", b.cpu, b.batch, x.volume, y.volume, blocks)
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, {"y": y.ref})


def _pad_channels_backward(b: Builder, i: int, kept: None) -> None:
    node, dy = b.node(i), b.dy(i)
    (j,) = node.inputs
    if dy is not None:
        b.pass_on(node.path, b.part(dy, 0, b.volume(j).channels), j, part=True)


def _same(b: Builder, i: int) -> bool:
    """No step where numbers lie as they should: a flat form has no lanes that no channel fills. A value whose
    gradient is read out has one of its own."""
    node, (j,) = b.node(i), b.node(i).inputs
    x, flat = b.volume(j), b.volume(i)
    asked = {node.path, b.node(b.root(j)).path} & set(b.request.gradients)
    if not asked and x.positions * x.pitch == flat.positions * flat.pitch:
        b.alias(i, j)
        return True
    b.copy(f"{node.path} forward", b.place(j), b.place(i))
    return False


def _same_backward(b: Builder, i: int, alias: bool) -> None:
    """The gradient of an alias lies where it should already."""
    dy, (j,) = b.dy(i), b.node(i).inputs
    if not alias and dy is not None and b.wants(j):
        b.copy(f"{b.node(i).path} backward", dy, *b.dx(j))


SAME = Implementation(
    "same", "no step where no lane is empty", ("flatten", "identity"), _same, _same_backward, aliases=True
)
_EACH = (
    Implementation("activation", "vector polynomials", tuple(KINDS), _activate, _activate_backward),
    Implementation("add", "one pass", ("add",), _add, _add_backward),
    Implementation("concat", "slices, or copies into them", ("concat",), _concatenate, _concatenate_backward),
    Implementation(
        "padchannels", "a copy, and zeros", ("padchannels",), _pad_channels, _pad_channels_backward
    ),
    SAME,
)
IMPLEMENTATIONS = tuple(one for each in _EACH for one in in_both_layouts(each))
