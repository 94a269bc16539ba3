"""One number of all along some axes, which keep one place each:

mean   y = (1 / M) sum x      dx = dy / M          M numbers
sum    y = sum x              dx = dy
max    y = the largest x      dx = dy at the first place that has it, row by row, 0 elsewhere
min    y = the smallest x     the same
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape
from kitnet.base.spec import Array, Buffer
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.rearrangement import check_axis
from kitnet.layers.terms import At, Pass, Terms
from kitnet.layers.value import INTEGERS, argument, choice

KINDS = ("mean", "sum", "max", "min")


@dataclass(frozen=True)
class Reduce(Layer):
    """`reduce mean over=1,2`: y = the mean over these axes, counted from 1, of which one place is left;
    `sum`, `max` and `min` likewise."""

    word = "reduce"
    keeps = frozenset()

    of: Literal["mean", "sum", "max", "min"] = argument(choice(*KINDS, bare=True))
    over: tuple[int, ...] = argument(INTEGERS)

    def output_shape(self, *x: Shape) -> Shape:
        for axis in self.over:
            check_axis(axis, x[0])
        if len(set(self.over)) < len(self.over):
            raise ShapeError(f"{','.join(map(str, self.over))} names an axis twice", "name each axis once")
        return tuple(1 if axis in self.over else n for axis, n in enumerate(x[0], start=1))

    @property
    def _picks(self) -> bool:
        return self.of in ("max", "min")

    def _count(self, x: Shape) -> int:
        return math.prod(x[axis - 1] for axis in self.over)

    def extras(self, *x: Shape) -> dict[str, Buffer]:
        """Which of the numbers along the axes won, in their order."""
        return {"indices": Buffer(self.output_shape(*x), "int32", per_sample=True)} if self._picks else {}

    def _rows(self, x: Array) -> Array:
        """x (N, ...) with the axes last and as one: a view, or a copy."""
        others = [axis for axis in range(x.ndim) if axis not in self.over]
        return x.transpose(*others, *sorted(self.over)).reshape(
            *(x.shape[axis] for axis in others), self._count(x.shape[1:])
        )

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        if not self._picks:
            total = x[0].sum(self.over, keepdims=True)
            return Forward(total / self._count(x[0].shape[1:]) if self.of == "mean" else total)
        rows = self._rows(x[0])
        winners = rows.argmax(-1) if self.of == "max" else rows.argmin(-1)
        shape = (len(x[0]), *self.output_shape(x[0].shape[1:]))
        y = np.take_along_axis(rows, winners[..., None], -1)
        return Forward(y.reshape(shape), {"indices": winners.reshape(shape).astype(np.int32)})

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        shape = kept.shapes[0]
        if not self._picks:
            share = dy / self._count(shape[1:]) if self.of == "mean" else dy
            return Backward((np.array(np.broadcast_to(share, shape)),))
        numbers = np.arange(self._count(shape[1:])).reshape(
            [n if axis in self.over else 1 for axis, n in enumerate(shape)]
        )
        return Backward((np.where(kept.extras["indices"] == numbers, dy, 0),))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is the sum of shares of the numbers along the axes, or one of them; dx0 the share of dy."""
        n, *place = at.index
        sizes = run.x[0].shape[1:]
        row = tuple(0 if axis in self.over else i for axis, i in enumerate(place, start=1))
        along = [range(m) if axis in self.over else (i,) for axis, (m, i) in _numbered(sizes, row)]
        places = [(n, *each) for each in itertools.product(*along)]
        share = 1 / len(places) if self.of == "mean" else 1.0
        if self._picks:
            places = [places[int(run.array("indices")[n, *row])]]
        if at.of == "y":
            return Terms(tuple(run.term(("x0", each), times=share) for each in places))
        return Terms((run.term(("dy", (n, *row)), times=share),) if at.index in places else ())

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty((len(x[0]), *self.output_shape(x[0].shape[1:])), x[0].dtype)
        of: Callable[[list[float]], float] = {
            "mean": lambda row: math.fsum(row) / len(row),
            "sum": math.fsum,
            "max": lambda row: sorted(row)[-1],
            "min": lambda row: sorted(row)[0],
        }[self.of]
        for place in np.ndindex(*y.shape):
            row = x[0][tuple(slice(None) if axis in self.over else i for axis, i in enumerate(place))]
            y[place] = of(row.ravel().tolist())
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls("mean", (1, 2)), ((2, 3, 2),))
        yield Case(cls("sum", (3, 1)), ((2, 1, 3),), batch=1)
        yield Case(cls("max", (2,)), ((2, 4),), batch=1)
        yield Case(cls("min", (1, 3)), ((2, 2, 2),))


def _numbered(sizes: Shape, place: Shape) -> Iterator[tuple[int, tuple[int, int]]]:
    return enumerate(zip(sizes, place, strict=True), start=1)
