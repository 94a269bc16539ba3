"""What layers share that only put numbers elsewhere: each number of y is one number of x.

    y[n, o] = x[n, source[o]]
    dx[n, i] = sum over all o with source[o] = i of  dy[n, o]

A layer says how it arranges an array; arranging the numbers 0, 1, 2, ... of the places of x says where each
number of y comes from, and so what goes back.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms


@dataclass(frozen=True)
class Rearrangement(Layer):
    """A family of layers without weights, whose y holds numbers of x at other places."""

    keeps = frozenset()
    repeats: ClassVar[bool] = False  # whether a number of x may be at several places of y

    @abstractmethod
    def arrange(self, x: Array) -> Array:
        """y of x (N, ...), a view where that will do."""

    def sources(self, x: Shape) -> Array:
        """For every number of y, in order, the place of x that it comes from, both counted row by row."""
        return self.arrange(np.arange(math.prod(x)).reshape(1, *x)).ravel()

    def keeps_positions(self, x: Shape) -> bool:
        """Whether numbers change their place in the depth alone, if at all."""
        return False

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.array(self.arrange(x[0]), order="C"))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        batch, *sizes = kept.shapes[0]
        sources = self.sources(tuple(sizes))
        dx, rows = np.zeros((batch, math.prod(sizes)), dy.dtype), dy.reshape(batch, len(sources))
        if self.repeats:
            np.add.at(dx.T, sources, rows.T)
        else:
            dx[:, sources] = rows
        return Backward((dx.reshape(kept.shapes[0]),))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is a number of x0, and dx0 the sum of dy over the places where a number of x0 is."""
        n, *place = at.index
        x, y = run.x[0].shape[1:], run.made.y.shape[1:]
        sources = self.sources(x)
        if at.of == "y":
            return Terms((run.term(("x0", (n, *_place(int(sources[_number(place, y)]), x)))),))
        found = np.flatnonzero(sources == _number(place, x))
        return Terms(tuple(run.term(("dy", (n, *_place(int(o), y)))) for o in found))


def _number(place: list[int], sizes: Shape) -> int:
    return int(np.ravel_multi_index(tuple(place), sizes)) if sizes else 0


def _place(number: int, sizes: Shape) -> tuple[int, ...]:
    return tuple(map(int, np.unravel_index(number, sizes))) if sizes else ()


def check_axis(axis: int, x: Shape) -> None:
    """Raises ShapeError for an axis that a volume does not have; its axes count from 1, the batch is 0."""
    if not 1 <= axis <= len(x):
        raise ShapeError(f"{say(x)} has no axis {axis}", f"its axes are 1 to {len(x)}")


def check_rank(numbers: tuple[int, ...], x: Shape, what: str) -> None:
    """Raises ShapeError unless there is one number an axis."""
    if len(numbers) != len(x):
        raise ShapeError(
            f"{what} has {len(numbers)} numbers, but {say(x)} has {len(x)} axes", "give one an axis"
        )
