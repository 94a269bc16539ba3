"""How far a network's borders reach: which positions of a value see padding, and how far apart in the image
two neighbouring positions look.

Padding stands around the image that a network is given. Where a network is evaluated on crops of an image it
stands around every crop; where it slides over the whole image, that image goes on there. So both give the
same scores only where no padding reaches in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kitnet.base.error import KitnetError
from kitnet.base.shape import Axis, Shape, padding_of
from kitnet.layers import ContrastNorm, Layer, LocalResponseNorm
from kitnet.layers.pad import Pad
from kitnet.layers.sample_norm import SampleNorm
from kitnet.layers.window import Windowed, output_sizes
from kitnet.net import Graph, Node


@dataclass(frozen=True)
class Reach:
    """Along one axis of a value: how many places of the image lie between two positions, and for each
    position whether padding before the first place, or behind the last one, has a part in it."""

    jump: int
    before: tuple[bool, ...]
    behind: tuple[bool, ...]

    def through(self, axis: Axis) -> Reach:
        """Of the value that a window makes of this one."""
        starts = [axis.start(o) for o in range(axis.output)]
        seen = [[start + t * axis.dilation for t in axis.taps(o)] for o, start in enumerate(starts)]
        return Reach(
            self.jump * axis.stride,
            tuple(
                s < 0 or any(self.before[p] for p in places) for s, places in zip(starts, seen, strict=True)
            ),
            tuple(
                s + axis.extent > axis.size or any(self.behind[p] for p in places)
                for s, places in zip(starts, seen, strict=True)
            ),
        )


Reaches = tuple[Reach, ...]  # one an axis


def reaches(graph: Graph) -> tuple[Reaches, tuple[str, ...]]:
    """The reach of the main output of a graph of one operand, and the layers that let borders in: those that
    pad, and norms whose statistics are of the whole image.

    Raises KitnetError for a layer of which a step is no whole step of the image.
    """
    found: dict[int, Reaches] = {}
    causes: list[str] = []
    for i in graph.leading_to(graph.main):
        node = graph.nodes[i]
        if node.layer is None:
            found[i] = tuple(Reach(1, (False,) * n, (False,) * n) for n in node.shape[:-1])
            continue
        seen = [found[j] for j in node.inputs]
        found[i], pads = _through(node, node.layer, graph.shapes_into(node), seen)
        if pads:
            causes.append(node.path)
    return found[graph.main], tuple(causes)


def _through(node: Node, layer: Layer, x: Sequence[Shape], seen: Sequence[Reaches]) -> tuple[Reaches, bool]:
    """The reach of what a layer makes of values, and whether it lets borders in."""
    if _mixes(layer, x[0]):
        return tuple(Reach(r.jump, *(((True,) * len(r.before),) * 2)) for r in seen[0]), True
    if isinstance(layer, Pad):
        ones = (1,) * len(seen[0])
        places = padding_of(layer.places, x[0][:-1], ones, ones)
        ring = layer.mode == "circular"
        return tuple(_padded(r, *pair, ring) for r, pair in zip(seen[0], places, strict=True)), True
    axes = _axes(layer, x[0])
    if axes and not layer.joins and output_sizes(axes) == node.shape[:-1]:
        pads = any(a.start(0) < 0 or a.start(a.output - 1) + a.extent > a.size for a in axes)
        return tuple(r.through(a) for r, a in zip(seen[0], axes, strict=True)), pads
    if all(len(each) == len(seen[0]) for each in seen) and _fits(layer, node.shape, x):
        return tuple(
            _joined(along, n) for along, n in zip(zip(*seen, strict=True), node.shape, strict=False)
        ), False
    raise KitnetError(
        f"{node.path}: a step in what {layer.word} gives is no whole step in the image, so that the network "
        "does not slide over it"
    )


def _padded(reach: Reach, before: int, behind: int, ring: bool) -> Reach:
    """With places more; on a ring each of them shows the other end."""
    return Reach(
        reach.jump,
        (True,) * before + reach.before + (ring,) * behind,
        (ring,) * before + reach.behind + (True,) * behind,
    )


def _mixes(layer: Layer, x: Shape) -> bool:
    """Whether numbers of all positions have a part in each."""
    if isinstance(layer, SampleNorm):
        return layer.sets(x)[1] > 1
    return isinstance(layer, ContrastNorm)


def _axes(layer: Layer, x: Shape) -> tuple[Axis, ...]:
    if isinstance(layer, LocalResponseNorm):
        return layer.window_axes(x) if layer.region != "across" else ()
    return layer.axes(x) if isinstance(layer, Windowed) else ()


def _fits(layer: Layer, y: Shape, x: Sequence[Shape]) -> bool:
    """Whether operands and result have the same positions, or an operand of a join a single one for all."""
    return len(y) > 1 and all(shape[:-1] == y[:-1] or (layer.joins and set(shape[:-1]) == {1}) for shape in x)


def _joined(along: Sequence[Reach], positions: int) -> Reach:
    """What values see together; one with a single position is read at all of them."""
    jump = max((r.jump for r in along if len(r.before) == positions), default=1)
    spread = [
        r if len(r.before) == positions else Reach(jump, r.before * positions, r.behind * positions)
        for r in along
    ]
    return Reach(
        jump,
        tuple(map(any, zip(*(r.before for r in spread), strict=True))),
        tuple(map(any, zip(*(r.behind for r in spread), strict=True))),
    )
