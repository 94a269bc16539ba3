"""The receptive field: the places of the network's input that one number of a value depends on.

Along each axis the number at position o sees the places offset + o * jump to offset + o * jump + size - 1 of
the input; they begin below 0 where the window hangs over into padding. For an operand size and jump are 1 and
the offset is 0. A window of extent E with stride S and p places of padding before its input makes

    size   <- size + (E - 1) * jump
    offset <- offset - p * jump
    jump   <- S * jump

(Araujo, Norris & Sim, "Computing receptive fields of convolutional neural networks", Distill 2019.) A fully
connected layer is a window over all positions. A padding layer moves the offset as the padding of a window
does, whatever it shows there. Where branches meet, a number sees from the first place to the last that any of
them sees, and the largest jump counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kitnet.base.shape import Axis, Shape
from kitnet.layers import Dropout, Flatten, Identity, Layer, Pad
from kitnet.layers.pointwise import Pointwise
from kitnet.layers.window import Windowed, output_sizes
from kitnet.net.graph import Graph


@dataclass(frozen=True)
class Field:
    """What a value sees along one axis of the input. `positions` are the value's along this axis, or those of
    what was flattened.
    """

    size: int
    jump: int
    offset: int
    positions: int


Fields = tuple[Field, ...]  # one an axis; none where the input has no axes


def in_place(layer: Layer) -> bool:
    """Whether y may lie where x was: each number of y takes the place of the one of x that it is made of."""
    return isinstance(layer, Pointwise | Dropout | Flatten | Identity)


def fields(graph: Graph) -> list[Fields]:
    """The receptive field of every value of a graph."""
    found: list[Fields] = []
    for node in graph.nodes:
        if node.layer is None:
            found.append(tuple(Field(1, 1, 0, size) for size in node.shape[:-1]))
        else:
            seen = _joined([found[i] for i in node.inputs])
            found.append(_through(node.layer, graph.shapes_into(node), node.shape, seen))
    return found


def _through(layer: Layer, x: Sequence[Shape], y: Shape, seen: Fields) -> Fields:
    if in_place(layer) or layer.joins:
        return seen
    if isinstance(layer, Pad):
        return tuple(
            replace(field, offset=field.offset - before * field.jump, positions=positions)
            for field, (before, _), positions in zip(seen, layer.around(x[0]), y, strict=False)
        )
    if isinstance(layer, Windowed):
        axes = layer.axes(x[0])
        if output_sizes(axes) == y[:-1] and len(axes) == len(seen):
            return tuple(_windowed(field, axis) for field, axis in zip(seen, axes, strict=True))
    elif len(y) > 1 and y[:-1] == x[0][:-1]:  # position by position
        return seen
    return tuple(
        replace(field, size=field.size + (field.positions - 1) * field.jump, positions=1) for field in seen
    )


def _windowed(field: Field, axis: Axis) -> Field:
    step = axis.size // axis.output if axis.regions else axis.stride  # of unequal regions the smaller step
    return Field(
        size=field.size + (axis.extent - 1) * field.jump,
        jump=field.jump * max(step, 1),
        offset=field.offset - axis.before * field.jump,
        positions=axis.output,
    )


def _joined(branches: Sequence[Fields]) -> Fields:
    """What several values see together; nothing where their inputs have not the same axes."""
    if len({len(branch) for branch in branches}) > 1:
        return ()
    return tuple(_union(along) for along in zip(*branches, strict=True))


def _union(along: Sequence[Field]) -> Field:
    first = min(field.offset for field in along)
    last = max(field.offset + field.size - 1 for field in along)
    return Field(last - first + 1, max(f.jump for f in along), first, max(field.positions for field in along))
