"""Where branches meet: the sum of equal volumes, the concatenation along the depth, and the identity.

add        y = a + b + ...      da = dy, db = dy, ... (He et al. 2015)
concat     y = [a b ...]        da, db, ... are the parts of dy (Szegedy et al. 2014)
identity   y = x                dx = dy
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.terms import At, Pass, Terms

ALIKE = "with same a convolution keeps its sizes, and a stride that all branches have shrinks them alike"


def way_to_equal(x: Sequence[Shape]) -> str:
    """What makes branches of different volumes equal, for an error."""
    number, other = next((i, one) for i, one in enumerate(x, 1) if one != x[0])
    if len(other) != len(x[0]) or len(other) == 1:
        return "make them equal"
    if other[:-1] == x[0][:-1]:
        return f"make them equal, such as by conv1-{x[0][-1]} at the end of branch {number}"
    return f"make them equal: {ALIKE}"


@dataclass(frozen=True)
class Add(Layer):
    """`add[a | b | ...]`: y = a + b + ..., of branches with equal shapes."""

    word = "add"
    joins = True
    keeps = frozenset()

    def output_shape(self, *x: Shape) -> Shape:
        if len(x) < 2:
            raise ShapeError("add joins two branches or more", "write add[one | other]")
        if len(set(x)) > 1:
            raise ShapeError(
                f"only equal volumes can be added, but got {' + '.join(map(say, x))}", way_to_equal(x)
            )
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        y = x[0] + x[1]
        for other in x[2:]:
            y = y + other
        return Forward(y)

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((dy,) * len(kept.shapes))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is the sum of the operands' numbers at its place, and dy goes to each of them."""
        if at.of == "y":
            return Terms(tuple(run.term((f"x{i}", at.index)) for i in range(len(run.x))))
        return Terms((run.term(("dy", at.index)),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.stack(x).sum(0)

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 4),) * 2)
        yield Case(cls(), ((5,),) * 3, batch=1)


@dataclass(frozen=True)
class Concatenate(Layer):
    """`concat[a | b | ...]`: y = the branches side by side along the depth; their other axes are equal."""

    word = "concat"
    joins = True
    keeps = frozenset()

    def output_shape(self, *x: Shape) -> Shape:
        if len(x) < 2:
            raise ShapeError("concat joins two branches or more", "write concat[one | other]")
        if len({shape[:-1] for shape in x}) > 1:
            raise ShapeError(
                f"only volumes of equal sizes can be concatenated, but got {' and '.join(map(say, x))}",
                f"make all axes but the depth equal: {ALIKE}",
            )
        return *x[0][:-1], sum(shape[-1] for shape in x)

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(np.concatenate(x, -1))

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        cuts = list(accumulate(shape[-1] for shape in kept.shapes))[:-1]
        return Backward(tuple(np.split(dy, cuts, -1)))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is a number of one operand, and its dy goes there."""
        *place, channel = at.index
        firsts = [0, *accumulate(x.shape[-1] for x in run.x)]
        if at.of == "y":
            i = max(i for i, first in enumerate(firsts[:-1]) if first <= channel)
            return Terms((run.term((f"x{i}", (*place, channel - firsts[i]))),))
        i = int(at.of.removeprefix("dx"))
        return Terms((run.term(("dy", (*place, firsts[i] + channel))),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty((*x[0].shape[:-1], sum(one.shape[-1] for one in x)), x[0].dtype)
        first = 0
        for one in x:
            for c in range(one.shape[-1]):
                y[..., first + c] = one[..., c]
            first += one.shape[-1]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 4), (2, 3, 1), (2, 3, 2)))
        yield Case(cls(), ((5,), (2,)), batch=1)


@dataclass(frozen=True)
class Identity(Layer):
    """`identity`: y = x, for a branch that passes its input on."""

    word = "identity"
    keeps = frozenset()

    def output_shape(self, *x: Shape) -> Shape:
        return x[0]

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0].copy())

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((dy,))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is x0, and dx0 is dy."""
        return Terms((run.term(("x0" if at.of == "y" else "dy", at.index)),))

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return x[0]

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 4),))
