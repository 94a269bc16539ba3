"""The product of branches, number by number: y = a b ..., da = dy b ...

An operand of a single position, 1x1xC or C, is multiplied at every position of the others, as the weights of
maps are in squeeze-and-excitation (Hu, Shen & Sun 2018, equation 4); its gradient is the sum over them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms


@dataclass(frozen=True)
class Multiply(Layer):
    """`multiply[a | b | ...]`: y = a b ..., of equal volumes, or of such and of one number a map."""

    word = "multiply"
    joins = True

    def output_shape(self, *x: Shape) -> Shape:
        if len(x) < 2:
            raise ShapeError("multiply joins two branches or more", "write multiply[one | other]")
        largest = max(x, key=lambda shape: (math.prod(shape[:-1]), len(shape)))
        if any(shape != largest and not self._is_spread(shape, largest) for shape in x):
            raise ShapeError(
                f"equal volumes can be multiplied, or one number a map, but got {' * '.join(map(say, x))}",
                "make them equal, or 1x1 of equal depth",
            )
        return largest

    def _is_spread(self, shape: Shape, over: Shape) -> bool:
        """Whether an operand has one number for each map of the others."""
        return shape[-1:] == over[-1:] and math.prod(shape[:-1]) == 1

    def _alike(self, *x: Array) -> list[Array]:
        """The operands with as many axes as y."""
        rank = max(one.ndim for one in x)
        return [one.reshape(len(one), *(1,) * (rank - one.ndim), *one.shape[1:]) for one in x]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        first, *others = self._alike(*x)
        for other in others:
            first = first * other
        return Forward(first)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        x = self._alike(*kept.x)
        found = []
        for i, (one, shape) in enumerate(zip(x, kept.shapes, strict=True)):
            d = dy
            for other in (*x[:i], *x[i + 1 :]):
                d = d * other
            spread = tuple(axis for axis in range(1, d.ndim) if one.shape[axis] != d.shape[axis])
            found.append(d.sum(spread).reshape(shape))
        return Backward(tuple(found))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is the product of the operands' numbers at its place, and dx of dy and the other ones', summed
        over the places where a number is read."""
        if at.of == "y":
            return Terms((run.term(*self._factors(run, at.index)),))
        i = int(at.of.removeprefix("dx"))
        places = [
            place
            for place in np.ndindex(run.made.y.shape)
            if place[0] == at.index[0] and self._factors(run, place)[i][1] == at.index
        ]
        return Terms(
            tuple(
                run.term(("dy", place), *(one for j, one in enumerate(self._factors(run, place)) if j != i))
                for place in places
            )
        )

    def _factors(self, run: Pass, place: tuple[int, ...]) -> list[tuple[str, tuple[int, ...]]]:
        """Where the operands have the numbers of a place of y."""
        found = []
        for i, x in enumerate(run.x):
            inner = place[1:] if math.prod(x.shape[1:-1]) > 1 else (*(0,) * (x.ndim - 2), place[-1])
            found.append((f"x{i}", (place[0], *inner)))
        return found

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        sizes = self.output_shape(*(one.shape[1:] for one in x))
        y = np.empty((len(x[0]), *sizes), x[0].dtype)
        for n, *place, c in np.ndindex(*y.shape):
            rows = [one[n].reshape(-1, one.shape[-1])[:, c] for one in x]
            at = int(np.ravel_multi_index(place, sizes[:-1])) if place else 0
            y[n, *place, c] = math.prod(float(row[at % len(row)]) for row in rows)
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 4),) * 2)
        yield Case(cls(), ((3, 2, 17), (1, 1, 17)), batch=3)
        yield Case(cls(), ((5,), (2, 3, 5), (2, 3, 5)), batch=1)
        yield Case(cls(), ((7,), (7,)))
