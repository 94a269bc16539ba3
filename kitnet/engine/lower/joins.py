"""Products and maxima of branches, and layers that make maps of others: written once for both layouts."""

from __future__ import annotations

from dataclasses import replace

from kitnet.engine.builder import Builder
from kitnet.engine.lower.contract import Implementation, in_both_layouts
from kitnet.engine.step import Place, Ref
from kitnet.kernels import maps, maximum, product
from kitnet.layers import Maxout, Shuffle


def _multiply(b: Builder, i: int) -> None:
    node, y = b.node(i), b.place_over(i, b.node(i).inputs)
    xs = [b.place(j) for j in node.inputs]
    volumes, blocks = [x.volume for x in xs], b.blocks(y.volume.positions)
    kernel = product.multiply("multiply", b.cpu, b.batch, volumes, y.volume, blocks=blocks)
    b.call(f"{node.path} forward", kernel, _named(xs), {"y": y.ref})


def _multiply_backward(b: Builder, i: int, kept: None) -> None:
    """The gradient of an operand is dy times all others, and of one number a map the sum over positions."""
    node, dy = b.node(i), b.dy(i)
    if dy is None:
        return
    xs = [b.place(j) for j in node.inputs]
    for n, j in enumerate(node.inputs):
        if not b.wants(j):
            continue
        factors, (dx, accumulate) = [dy, *xs[:n], *xs[n + 1 :]], b.dx(j)
        given = b.cpu, b.batch, [x.volume for x in factors], dx.volume, accumulate
        if dx.volume.positions == dy.volume.positions:
            kernel = product.multiply("multiply_gradient", *given, b.blocks(dy.volume.positions))
        else:
            kernel = product.sum_of_products("multiply_sums", *given, b.blocks(dx.volume.channels))
        label = f"{node.path} backward to {b.node(j).path}"
        b.call(label, kernel, _named(factors), {"y": dx.ref}, adds=accumulate)


def _named(xs: list[Place]) -> dict[str, Ref]:
    return {f"x{n}": x.ref for n, x in enumerate(xs)}


def _maximum(b: Builder, i: int) -> Ref | None:
    """Which operand won, where there is a way back."""
    node, xs, y = b.node(i), [b.place(j) for j in b.node(i).inputs], b.place(i)
    volumes, blocks = [x.volume for x in xs], b.blocks(y.volume.positions)
    kernel = maximum.maximum("maximum", b.cpu, b.batch, volumes, y.volume, b.back, blocks)
    writes, winners = {"y": y.ref}, None
    if b.back:
        volume = replace(y.volume if b.few else y.volume.dense, type=maximum.number_type(len(xs)))
        writes["winners"] = winners = b.room_for(f"{node.path}.winners", volume)
    b.call(f"{node.path} forward", kernel, _named(xs), writes)
    return winners


def _maximum_backward(b: Builder, i: int, winners: Ref) -> None:
    node, dy = b.node(i), b.dy(i)
    for n, j in enumerate(node.inputs if dy else ()):
        assert dy is not None
        if b.wants(j):
            dx, accumulate = b.dx(j)
            which, blocks = (n, len(node.inputs)), b.blocks(dy.volume.positions)
            volumes = dy.volume, dx.volume
            kernel = maximum.maximum_gradient(
                "maximum_gradient", b.cpu, b.batch, *which, *volumes, accumulate, blocks
            )
            label = f"{node.path} backward to {b.node(j).path}"
            reads = {"winners": winners, "dy": dy.ref}
            b.call(label, kernel, reads, {"dx": dx.ref}, adds=accumulate)


def _pieces(b: Builder, i: int) -> int:
    layer = b.node(i).layer
    assert isinstance(layer, Maxout)
    return layer.pieces


def _maxout(b: Builder, i: int) -> Ref | None:
    """Which piece won, where there is a way back."""
    node, x, y, pieces = b.node(i), b.place(b.node(i).inputs[0]), b.place(i), _pieces(b, i)
    volumes, blocks = (x.volume, y.volume), b.blocks(y.volume.positions)
    kernel = maps.maxout("maxout", b.cpu, b.batch, pieces, *volumes, b.back, blocks)
    writes, winners = {"y": y.ref}, None
    if b.back:
        volume = replace(y.volume.dense, type=maximum.number_type(pieces))
        writes["winners"] = winners = b.room_for(f"{node.path}.winners", volume)
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, writes)
    return winners


def _maxout_backward(b: Builder, i: int, winners: Ref) -> None:
    node, dy = b.node(i), b.dy(i)
    if dy is None or not b.wants(node.inputs[0]):
        return
    dx, accumulate = b.dx(node.inputs[0])
    volumes, blocks = (dy.volume, dx.volume), b.blocks(dy.volume.positions)
    kernel = maps.maxout_gradient(
        "maxout_gradient", b.cpu, b.batch, _pieces(b, i), *volumes, accumulate, blocks
    )
    reads = {"winners": winners, "dy": dy.ref}
    b.call(f"{node.path} backward", kernel, reads, {"dx": dx.ref}, adds=accumulate)


def _groups(b: Builder, i: int) -> int:
    layer = b.node(i).layer
    assert isinstance(layer, Shuffle)
    return layer.groups


def _shuffle(b: Builder, i: int) -> None:
    node, x, y = b.node(i), b.place(b.node(i).inputs[0]), b.place(i)
    blocks = b.blocks(y.volume.positions)
    kernel = maps.shuffle("shuffle", b.cpu, b.batch, _groups(b, i), x.volume, y.volume, blocks=blocks)
    b.call(f"{node.path} forward", kernel, {"x": x.ref}, {"y": y.ref})


def _shuffle_backward(b: Builder, i: int, kept: None) -> None:
    node, dy = b.node(i), b.dy(i)
    if dy is None or not b.wants(node.inputs[0]):
        return
    dx, accumulate = b.dx(node.inputs[0])
    volumes, blocks = (dy.volume, dx.volume), b.blocks(dy.volume.positions)
    each = dy.volume.channels // _groups(b, i)
    kernel = maps.shuffle("shuffle_gradient", b.cpu, b.batch, each, *volumes, accumulate, blocks)
    b.call(f"{node.path} backward", kernel, {"x": dy.ref}, {"y": dx.ref}, adds=accumulate)


_EACH = (
    Implementation("multiply", "one pass", ("multiply",), _multiply, _multiply_backward),
    Implementation("maximum", "one pass, and which won", ("maximum",), _maximum, _maximum_backward),
    Implementation("maxout", "one pass, and which won", ("maxout",), _maxout, _maxout_backward),
    Implementation("shuffle", "maps moved in one pass", ("shuffle",), _shuffle, _shuffle_backward),
)
IMPLEMENTATIONS = tuple(one for each in _EACH for one in in_both_layouts(each))
