"""What padding, upsampling and resizing share: along each axis, a number of y is a sum of shares of x.

    y[n, o, c]  = sum over i of  share[o, i] * x[n, i, c]
    dx[n, i, c] = sum over o of  share[o, i] * dy[n, o, c]

(written for one axis; with several the shares are multiplied). A `Line` has the shares of one axis that are
not 0, and its adjoint those of the way back.
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms

Sources = tuple[tuple[int, float], ...]  # places with their shares


@dataclass(frozen=True)
class Line:
    """Along one axis: how many places x has, and for each place of y the places of x that it takes from."""

    size: int
    sources: tuple[Sources, ...]

    @property
    def adjoint(self) -> Line:
        """The line from y to x."""
        found: list[list[tuple[int, float]]] = [[] for _ in range(self.size)]
        for o, sources in enumerate(self.sources):
            for i, share in sources:
                found[i].append((o, share))
        return Line(len(self.sources), tuple(map(tuple, found)))

    @property
    def same(self) -> bool:
        """Whether y is x along this axis."""
        return self.sources == tuple(((place, 1.0),) for place in range(self.size))

    def apply(self, x: Array, axis: int) -> Array:
        """x with this line along an axis."""
        x = np.moveaxis(x, axis, -1)
        y = np.zeros((*x.shape[:-1], len(self.sources)), x.dtype)
        for terms in itertools.zip_longest(*map(list, self.sources)):
            where = [o for o, term in enumerate(terms) if term is not None]
            places, shares = zip(*(term for term in terms if term is not None), strict=True)
            y[..., where] += x[..., list(places)] * np.array(shares, x.dtype)
        return np.moveaxis(y, -1, axis)


@dataclass(frozen=True)
class Resampling(Layer):
    """A family of layers without weights; each says its sizes, and its lines, which are as long as these."""

    keeps = frozenset()

    @abstractmethod
    def sizes(self, x: Shape) -> Shape:
        """Of y, without its depth, from the sizes alone: a volume that is only described may be of any.
        Raises ShapeError."""

    @abstractmethod
    def lines(self, x: Shape) -> tuple[Line, ...]:
        """One an axis."""

    def output_shape(self, *x: Shape) -> Shape:
        if len(x[0]) not in (2, 3, 4):
            raise ShapeError(
                f"{self.word} is for volumes such as 28x28x1, but its input is {say(x[0])}",
                "put it before the layers that flatten",
            )
        return *self.sizes(x[0]), x[0][-1]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(_apply(x[0], self.lines(x[0].shape[1:])))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((_apply(dy, [line.adjoint for line in self.lines(kept.shapes[0][1:])]),))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is the sum of shares of x0, and dx0 that of the same shares of dy."""
        lines, (n, *place, c) = self.lines(run.x[0].shape[1:]), at.index
        if at.of == "y":
            name, sources = "x0", [line.sources[o] for line, o in zip(lines, place, strict=True)]
        elif at.of == "dx0":
            name, sources = "dy", [line.adjoint.sources[i] for line, i in zip(lines, place, strict=True)]
        else:
            return super().terms(run, at)
        return Terms(
            tuple(run.term((name, (n, *where, c)), times=share) for where, share in _products(sources))
        )


def _apply(x: Array, lines: Sequence[Line]) -> Array:
    for axis, line in enumerate(lines, start=1):
        x = line.apply(x, axis)
    return np.ascontiguousarray(x)


def _products(sources: Sequence[Sources]) -> Iterator[tuple[tuple[int, ...], float]]:
    for each in itertools.product(*sources):
        yield tuple(place for place, _ in each), math.prod(share for _, share in each)
