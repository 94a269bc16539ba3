"""The receptive field: the places of the network's input that one number of a value depends on.

Along each axis the number at position o sees the places offset + o * jump to offset + o * jump + size - 1 of
the input; they begin below 0 where the window hangs over into padding. For an operand size and jump are 1 and
the offset is 0. A window of extent E with stride S and p places of padding before its input makes

    size   <- size + (E - 1) * jump
    offset <- offset - p * jump
    jump   <- S * jump

(Araujo, Norris & Sim, "Computing receptive fields of convolutional neural networks", Distill 2019.) A fully
connected layer is a window over all positions. A padding layer moves the offset as the padding of a window
does, whatever it shows there. A layer that enlarges, with S places of y for one of x, goes the other way:
each place reads at most ceil(E / S) places of x, and

    size   <- size + (ceil(E / S) - 1) * jump
    offset <- offset + ceil((p - E + 1) / S) * jump
    jump   <- jump / S

(transposed convolution; upsampling has E = S, two places where it is bilinear). Then the jump may be a
fraction, and places of y differ: the size is that of the largest field, in whole places, and a field begins
at offset + o * jump or less than a step of x before. Where branches meet,
a number sees from the first place to the last that any of them sees; the jump is the largest of the branches
with the most positions, since what is the same everywhere, as the weights of squeeze-and-excitation, moves
nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from kitnet.base.shape import Axis, Shape
from kitnet.layers import (
    Dropout,
    Flatten,
    Identity,
    Layer,
    MatrixProduct,
    Pad,
    Reduce,
    Resize,
    TransposedConvolution,
    Unpool,
    Upsample,
)
from kitnet.layers.pointwise import Pointwise
from kitnet.layers.rearrangement import Rearrangement
from kitnet.layers.window import Windowed, output_sizes
from kitnet.net.graph import Graph


@dataclass(frozen=True)
class Field:
    """What a value sees along one axis of the input. `positions` are the value's along this axis, or those of
    what was flattened.
    """

    size: Fraction | int
    jump: Fraction | int
    offset: Fraction | int
    positions: int

    @property
    def whole(self) -> Field:
        """In whole places: the size of the largest field."""
        return replace(self, size=math.ceil(self.size))


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
            x, inputs = graph.shapes_into(node), [found[i] for i in node.inputs]
            if isinstance(node.layer, Unpool):
                inputs = _unpooled(node.layer.axes(x[1]), *inputs)
            found.append(_through(node.layer, x, node.shape, _joined(inputs)))
    return [tuple(field.whole for field in seen) for seen in found]


def _through(layer: Layer, x: Sequence[Shape], y: Shape, seen: Fields) -> Fields:
    if _mixes_positions(layer, x[0], y):
        return _everything(seen)
    if in_place(layer) or layer.joins:
        return seen
    if len(seen) != len(x[0]) - 1:  # what was flattened or reshaped
        return _whole(seen)
    if isinstance(layer, Pad):
        return tuple(
            replace(field, offset=field.offset - before * field.jump, positions=positions)
            for field, (before, _), positions in zip(seen, layer.around(x[0]), y, strict=False)
        )
    if isinstance(layer, TransposedConvolution):
        axes = layer.adjoint_axes(x[0])
        return tuple(_painted(field, axis) for field, axis in zip(seen, axes, strict=True))
    if isinstance(layer, Upsample):
        bilinear = layer.mode == "bilinear"
        return tuple(
            _enlarged(field, size // field.positions, bilinear)
            for field, size in zip(seen, layer.sizes(x[0]), strict=True)
        )
    if isinstance(layer, Windowed):
        axes = layer.axes(x[0])
        if output_sizes(axes) == y[:-1] and len(axes) == len(seen):
            return tuple(_windowed(field, axis) for field, axis in zip(seen, axes, strict=True))
    elif len(y) > 1 and y[:-1] == x[0][:-1]:  # position by position
        return seen
    return _whole(seen)


def _mixes_positions(layer: Layer, x: Shape, y: Shape) -> bool:
    """Whether numbers go to other positions in a way that is not followed one by one."""
    if isinstance(layer, Rearrangement):
        return not layer.keeps_positions(x)
    return isinstance(layer, Resize | MatrixProduct) or (isinstance(layer, Reduce) and x[:-1] != y[:-1])


def _whole(seen: Fields) -> Fields:
    """Of one number that all positions together make."""
    return tuple(
        replace(field, size=field.size + (field.positions - 1) * field.jump, positions=1) for field in seen
    )


def _everything(seen: Fields) -> Fields:
    """Of numbers that all see what all positions together do."""
    return tuple(replace(field, jump=0) for field in _whole(seen))


def _windowed(field: Field, axis: Axis) -> Field:
    step = axis.size // axis.output if axis.regions else axis.stride  # of unequal regions the smaller step
    return Field(
        size=field.size + (axis.extent - 1) * field.jump,
        jump=field.jump * max(step, 1),
        offset=field.offset - axis.before * field.jump,
        positions=axis.output,
    )


def _painted(field: Field, axis: Axis) -> Field:
    """Of what a convolution's transposed one makes; `axis` is that of the convolution back."""
    return Field(
        size=field.size + (-(-axis.extent // axis.stride) - 1) * field.jump,
        jump=Fraction(field.jump, axis.stride),
        offset=field.offset - (axis.extent - 1 - axis.before) // axis.stride * field.jump,
        positions=axis.size,
    )


def _enlarged(field: Field, factor: int, bilinear: bool) -> Field:
    between = int(bilinear and factor > 1)  # the places to both sides of a centre
    return Field(
        size=field.size + between * field.jump,
        jump=Fraction(field.jump, factor),
        offset=field.offset - between * field.jump,
        positions=field.positions * factor,
    )


def _unpooled(axes: Sequence[Axis], pooled: Fields, seen: Fields) -> list[Fields]:
    """A place gets what was pooled of the windows around it, where it is the largest of all their places."""
    return [
        tuple(_painted(field, axis) for field, axis in zip(pooled, axes, strict=True)),
        tuple(_around(field, axis) for field, axis in zip(seen, axes, strict=True)),
    ]


def _around(field: Field, axis: Axis) -> Field:
    """All places of all windows that hold a place."""
    windows, first = -(-axis.extent // axis.stride), -((axis.extent - 1 - axis.before) // axis.stride)
    return replace(
        field,
        size=field.size + (axis.extent - 1 + (windows - 1) * axis.stride) * field.jump,
        offset=field.offset + (first * axis.stride - axis.before) * field.jump,
    )


def _joined(branches: Sequence[Fields]) -> Fields:
    """What several values see together; nothing where their inputs have not the same axes."""
    if len({len(branch) for branch in branches}) > 1:
        return ()
    return tuple(_union(along) for along in zip(*branches, strict=True))


def _union(along: Sequence[Field]) -> Field:
    first = min(field.offset for field in along)
    last = max(field.offset + field.size - 1 for field in along)
    most = max(field.positions for field in along)
    return Field(last - first + 1, max(f.jump for f in along if f.positions == most), first, most)
