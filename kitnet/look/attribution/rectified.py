"""Deconvolutional networks and guided back-propagation: what goes back through a ReLU is rectified.

What comes to a ReLU from above, R, goes on below it as

    back-propagation        R where x > 0       (the gradient)
    deconvolution           R where R > 0       Zeiler & Fergus, "Visualizing and understanding convolutional
                                                networks", 2014, section 2.1
    guided back-propagation R where both hold   Springenberg, Dosovitskiy, Brox & Riedmiller, "Striving for
                                                simplicity: the all convolutional net", 2015, figure 1

All other layers go back as they do for the gradient: a convolution by its filters turned by 180 degrees, a
max pool to the places that won, by its indices (unpooling with switches). Where pooling windows overlap what
comes to one place is added. The way back begins with the strongest number of one map, all others 0, or with
the score of a class.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from kitnet.base.error import KitnetError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array
from kitnet.layers import Backward, Case, Context, Forward, Kept, Layer, Relu
from kitnet.layers.contract import Arrays
from kitnet.look.inside import Inside
from kitnet.look.probe import Probe
from kitnet.net import Graph, Net


class _Unregistered:
    """Its word is none of the language."""

    word = "rectified"


@dataclass(frozen=True)
class Rectified(_Unregistered, Layer):
    """A ReLU whose way back is not its gradient; with `gated` also only where x > 0. It stands in the graphs
    of this file alone."""

    relu: Relu
    gated: bool

    keeps = frozenset({"y"})

    def __post_init__(self) -> None:
        """Nothing is read back from the language."""

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return self.relu.forward(w, state, ctx, *x)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        positive = np.maximum(dy, 0)
        return self.relu.backward(w, kept, positive) if self.gated else Backward((positive,))

    @classmethod
    def cases(cls) -> Iterator[Case]:
        return iter(())


def rectified(net: Net, gated: bool) -> Net:
    """The network with its own weights and other ReLUs. Raises KitnetError where it has none."""
    graph = Graph()
    for node in net.graph.nodes:
        if node.layer is None:
            graph.operand(node.path, node.shape)
            continue
        layer = Rectified(node.layer, gated) if isinstance(node.layer, Relu) else node.layer
        graph.add(node.path, layer, *node.inputs, owner=None if node.owner == node.path else node.owner)
    for name, i in net.graph.outputs.items():
        graph.output(name, i)
    if not any(isinstance(node.layer, Rectified) for node in graph.nodes):
        raise KitnetError(
            "the network has no relu, whose way back deconvnet and guided change; ask for saliency instead"
        )
    return Net(graph).share(net)


@dataclass(frozen=True)
class Projection:
    """What a number of the network goes back to: `values` (H,W,C) at the input, from `number` at `path` and
    `index`."""

    values: Array
    path: str
    index: tuple[int, ...]
    number: float


class Deconvnet:
    """What a probe looks into, made ready for projections; `gated` for guided back-propagation. Raises
    KitnetError."""

    def __init__(self, probe: Probe, gated: bool = False) -> None:
        self._probe = probe.through(lambda net: rectified(net, gated))

    def __call__(
        self, image: Any, of: int | str | None = None, path: str | None = None, map: int | None = None
    ) -> Projection:
        """Of the score of the class `of`, usually the best one; or of the strongest number of `map` of the
        value `path`, usually the map with the strongest one. Raises KitnetError."""
        inside = self._probe(image)
        if path is None:
            if map is not None:
                raise KitnetError("a map is one of a layer; name the layer, too")
            number = inside.best(1)[0][0] if of is None else of
            path, index = inside.scored, _at(inside, self._probe.class_number(number))
            start = 1.0
        elif of is not None:
            raise KitnetError("a class and a layer are two beginnings; name one of them")
        else:
            index = strongest(inside, path, map)
            start = float(inside.values[path][index])
        seed = np.zeros_like(inside.values[path])
        seed[index] = start
        back = self._probe(image, seeds={path: seed})
        return Projection(back.gradients[self._probe.input], path, index, float(inside.values[path][index]))


def strongest(inside: Inside, path: str, map: int | None = None) -> tuple[int, ...]:
    """Where the largest number of a value, or of one map of it, is. Raises KitnetError."""
    value = inside.value(path)
    if map is not None:
        if not 0 <= map < value.shape[-1]:
            raise KitnetError(f"{path} has {value.shape[-1]} maps and no map {map}; the first one is 0")
        value = np.where(np.arange(value.shape[-1]) == map, value, -np.inf)
    return _index(int(value.argmax()), value.shape)


def _at(inside: Inside, number: int) -> tuple[int, ...]:
    return _index(number, inside.values[inside.scored].shape)


def _index(flat: int, shape: Shape) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(flat, shape))
