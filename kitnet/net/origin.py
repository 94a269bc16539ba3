"""Where the sizes of a value come from, for the error about a layer that does not fit behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Protocol

from kitnet.base.error import KitnetError, ShapeError
from kitnet.base.misfit import MisfitError, Repair, of_input
from kitnet.base.shape import Shape, say
from kitnet.layers import Identity, Layer
from kitnet.net.rest import way

if TYPE_CHECKING:
    from kitnet.net.graph import Node

TOLD = 5  # volumes of a chain, the last ones
TRIED = 20_000  # shapes of layers at most, while an input that fits is looked for
REACH = 64  # how far from the sizes of the input another is looked for


class Takes(Protocol):
    """Whether a whole network takes an input, with another layer in the place of one of its own or not."""

    def __call__(self, volume: Shape, old: Layer | None = None, new: Layer | None = None) -> bool: ...


def so_far(nodes: Sequence[Node], inputs: Sequence[int]) -> str:
    """' (so far: 32x32x1 -> conv1 28x28x6 -> maxpool1 14x14x6)' of the values that a layer reads; nothing
    where all are operands.

    Layers that leave the shape as it is are told only at the end of a chain, and of several operands of a
    layer the first is followed.
    """
    if all(nodes[i].layer is None for i in inputs):
        return ""
    return f" (so far: {' and '.join(' -> '.join(_chain(nodes, i)) for i in inputs)})"


def _chain(nodes: Sequence[Node], end: int) -> list[str]:
    told: list[str] = []
    i = end
    while nodes[i].layer is not None:
        before = nodes[i].inputs[0]
        if i == end or nodes[i].shape != nodes[before].shape:
            layer = nodes[i].layer
            assert layer is not None
            how = way(layer, [nodes[j].shape for j in nodes[i].inputs])
            told.append(f"{nodes[i].path} {say(nodes[i].shape)}{how}")
        i = before
    first = say(nodes[i].shape)
    return [first, *(["..."] if len(told) > TOLD else []), *reversed(told[:TOLD])]


def with_tried_repairs(
    error: MisfitError,
    nodes: Sequence[Node],
    layer: Layer,
    inputs: Sequence[int],
    takes: Takes | None,
) -> MisfitError:
    """The error with the repairs of the layer that it takes, and of these only those with which the whole
    network fits, where there are any.
    """
    shapes = [nodes[i].shape for i in inputs]
    operands = [nodes[i].shape for i in _ancestors(nodes, inputs) if nodes[i].layer is None]

    def repaired(repair: Repair) -> Layer:
        return replace(layer, **repair.arguments)  # type: ignore[type-var]  # a layer is a dataclass

    def of_layer(repair: Repair) -> bool:
        if repair.arguments.keys() - {one.name for one in fields(layer)}:  # type: ignore[arg-type]
            return False
        try:
            repaired(repair).output_shape(*shapes)
        except KitnetError:
            return False
        return True

    def of_network(repair: Repair) -> bool:
        assert takes is not None
        return takes(operands[0], layer, repaired(repair))

    error = error.only(of_layer)
    if takes is None or len(operands) != 1:
        return error
    whole = error.only(of_network)
    return whole if whole.otherwise or any(one.arguments for one in whole.repairs) else error


def with_repaired_input(
    error: MisfitError,
    nodes: Sequence[Node],
    layer: Layer,
    inputs: Sequence[int],
    takes: Takes | None,
) -> MisfitError:
    """The error with an input of the network in place of the layer's: one with which the layer fits, and all
    that follow, where `takes` says whether a whole network takes an input.
    """
    if all(nodes[i].layer is None for i in inputs):  # the layer's input is the network's
        if takes is None:
            return error
        for repair in error.repairs:
            if fitting := [volume for volume in repair.volumes if takes(volume)]:
                return error.with_input(of_input(fitting, _change(nodes[inputs[0]].shape, fitting)))
    return error.with_input(_input_that_fits(nodes, layer, inputs, takes))


def _input_that_fits(
    nodes: Sequence[Node], layer: Layer, inputs: Sequence[int], takes: Takes | None
) -> Repair | None:
    """Other sizes of the network's one operand, the nearest on both sides."""
    before = _ancestors(nodes, inputs)
    operands = [i for i in before if nodes[i].layer is None]
    if len(operands) != 1:
        return None
    (operand,) = operands
    *sizes, depth = nodes[operand].shape
    found: list[Shape] = []
    for sign in (-1, 1):
        for change in range(1, min(REACH, TRIED // (2 * len(before))) + 1):
            volume = (*(size + sign * change for size in sizes), depth)
            if min(volume) < 1 or not _fits(nodes, before, {operand: volume}, layer, inputs):
                continue
            if takes is None or takes(volume):
                found.append(volume)
                break
    if not found:
        return None
    whose = "input" if list(inputs) == [operand] else "input of the network"
    return of_input(found, _change(nodes[operand].shape, found), whose)


def _change(shape: Shape, volumes: Sequence[Shape]) -> int:
    """How far the nearest of them is."""
    return min(max(abs(a - b) for a, b in zip(shape, volume, strict=True)) for volume in volumes)


def _ancestors(nodes: Sequence[Node], inputs: Sequence[int]) -> list[int]:
    """All values that these are computed from, and themselves, in order."""
    found, left = set(inputs), list(inputs)
    while left:
        new = set(nodes[left.pop()].inputs) - found
        found |= new
        left += new
    return sorted(found)


def takes_input(nodes: Sequence[Node], operand: int, volume: Shape) -> bool:
    """Whether all layers fit with another volume in the place of an operand."""
    shapes = {i: node.shape for i, node in enumerate(nodes) if node.layer is None}
    return _fits(nodes, range(len(nodes)), {**shapes, operand: volume}, Identity(), [0])


def _fits(
    nodes: Sequence[Node],
    before: Sequence[int],
    shapes: dict[int, Shape],
    layer: Layer,
    inputs: Sequence[int],
) -> bool:
    """Whether the layer, and all before it, take an operand of the shape in `shapes`."""
    try:
        for i in before:
            one = nodes[i].layer
            if one is not None:
                shapes[i] = one.output_shape(*(shapes[j] for j in nodes[i].inputs))
        layer.output_shape(*(shapes[i] for i in inputs))
    except ShapeError:
        return False
    return True
