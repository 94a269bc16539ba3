"""The largest or the smallest of branches, number by number: y = max(a, b, ...), as cuda-convnet joins by
`eltmax`, and y = min(a, b, ...).

The gradient dy goes to the winner alone; of equal values the first operand's wins.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array, Buffer
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.join import way_to_equal
from kitnet.layers.terms import At, Pass, Terms


@dataclass(frozen=True)
class Extreme(Layer):
    """A family of layers whose y is one of the operands' numbers at each place."""

    joins = True
    keeps = frozenset()

    @abstractmethod
    def _winners(self, every: Array) -> Array:
        """Which of the operands, along the first axis, wins at each place."""

    def output_shape(self, *x: Shape) -> Shape:
        if len(x) < 2:
            raise ShapeError(f"{self.word} joins two branches or more", f"write {self.word}[one | other]")
        if len(set(x)) > 1:
            raise ShapeError(
                f"only equal volumes have a {self.word}, but got {' and '.join(map(say, x))}",
                way_to_equal(x),
            )
        return x[0]

    def extras(self, *x: Shape) -> dict[str, Buffer]:
        return {"indices": Buffer(x[0], "int32", per_sample=True)}

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        every = np.stack(x)
        winners = self._winners(every)
        y = np.take_along_axis(every, winners[None], 0)[0]
        return Forward(y, {"indices": winners.astype(np.int32)})

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        winners = kept.extras["indices"]
        return Backward(tuple(np.where(winners == i, dy, 0) for i in range(len(kept.shapes))))

    def terms(self, run: Pass, at: At) -> Terms:
        """y is the winner's number at its place, and dy goes there."""
        winner = int(run.array("indices")[at.index])
        if at.of == "y":
            return Terms((run.term((f"x{winner}", at.index)),))
        return Terms((run.term(("dy", at.index)),) if at.of == f"dx{winner}" else ())


@dataclass(frozen=True)
class Maximum(Extreme):
    """`maximum[a | b | ...]`: y = max(a, b, ...), of branches with equal shapes."""

    word = "maximum"

    def _winners(self, every: Array) -> Array:
        return every.argmax(0)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty_like(x[0])
        for place in np.ndindex(*y.shape):
            y[place] = sorted(one[place] for one in x)[-1]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 4),) * 2)
        yield Case(cls(), ((17,),) * 3, batch=1)


@dataclass(frozen=True)
class Minimum(Extreme):
    """`minimum[a | b | ...]`: y = min(a, b, ...), of branches with equal shapes."""

    word = "minimum"

    def _winners(self, every: Array) -> Array:
        return every.argmin(0)

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = np.empty_like(x[0])
        for place in np.ndindex(*y.shape):
            y[place] = sorted(one[place] for one in x)[0]
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 2, 3),) * 2)
        yield Case(cls(), ((5,),) * 3, batch=1)
