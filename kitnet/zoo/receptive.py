"""Receptive fields: how many places of the input, along each axis, one number of a value can see.

A window of extent E on a value whose neighbours lie j places of the input apart (its jump) sees (E - 1) j
places more, and its stride s makes the next jump s j (Araujo, Norris & Sim, "Computing receptive fields of
convolutional neural networks", Distill 2019). Where branches meet, the largest counts. Padding is seen as if
it were image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kitnet.base.shape import Shape
from kitnet.layers import Flatten, Layer, Linear
from kitnet.net import Graph, Node


@dataclass(frozen=True)
class _Seen:
    """Along each axis: places of the input that a number sees, and places from one number to the next."""

    field: Shape
    jump: Shape


def receptive_fields(graph: Graph) -> list[Shape]:
    """For each value of a graph, along the axes of the operand."""
    seen: list[_Seen] = []
    for node in graph.nodes:
        seen.append(_seen(graph, node, [seen[i] for i in node.inputs]))
    return [one.field for one in seen]


def _seen(graph: Graph, node: Node, inputs: Sequence[_Seen]) -> _Seen:
    if node.layer is None:
        ones = (1,) * (len(node.shape) - 1)
        return _Seen(ones, ones)
    field = tuple(map(max, zip(*(one.field for one in inputs), strict=True)))
    jump = tuple(map(max, zip(*(one.jump for one in inputs), strict=True)))
    reach, steps = _window(node.layer, graph.shapes_into(node)[0], len(field))
    return _Seen(
        tuple(f + r * j for f, r, j in zip(field, reach, jump, strict=True)),
        tuple(s * j for s, j in zip(steps, jump, strict=True)),
    )


def _window(layer: Layer, x: Shape, rank: int) -> tuple[Shape, Shape]:
    """How far a layer's window reaches beyond its first place, and the steps that it makes."""
    ones = (1,) * rank
    axes = getattr(layer, "axes", None)
    if axes is not None:
        return tuple(axis.extent - 1 for axis in axes(x)), tuple(axis.stride for axis in axes(x))
    if isinstance(layer, Linear | Flatten):  # all of the input at once
        return tuple(size - 1 for size in x[:-1] or ones), ones
    return (0,) * rank, ones
