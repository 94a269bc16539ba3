"""What two equal volumes make number by number, the first of them in front:

    subtract       y = a - b     da = dy              db = -dy
    divide         y = a / b     da = dy / b          db = -dy a / b^2
    exponentiate   y = a^b       da = dy b a^(b - 1)  db = dy a^b log a

Sums, products, maxima and minima take any number of operands, and have files of their own. A gradient that
has no value, or none that is finite, is 0.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Backward, Case, Context, Forward, Kept, Layer
from kitnet.layers.join import way_to_equal
from kitnet.layers.terms import At, Number, Pass, Terms


@dataclass(frozen=True)
class Pairwise(Layer):
    """A family of layers y[i] = f(a[i], b[i]) of two operands with equal shapes."""

    joins = True

    def output_shape(self, *x: Shape) -> Shape:
        if len(x) < 2:
            raise ShapeError(f"{self.word} joins two branches or more", f"write {self.word}[one | other]")
        if len(x) > 2:
            raise ShapeError(
                f"{self.word} joins two branches, but got {len(x)}",
                f"write {self.word}[{self.word}[one | other] | third]",
            )
        if x[0] != x[1]:
            raise ShapeError(
                f"{self.word} takes equal volumes, but got {' and '.join(map(say, x))}", way_to_equal(x)
            )
        return x[0]

    @abstractmethod
    def _of(self, a: float, b: float) -> float:
        """f"""

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        return np.vectorize(self._of, otypes=[x[0].dtype])(*x)


@dataclass(frozen=True)
class Subtract(Pairwise):
    """`subtract[a | b]`: y = a - b, of branches with equal shapes."""

    word = "subtract"
    keeps = frozenset()

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        return Forward(x[0] - x[1])

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        return Backward((dy, -dy))

    def terms(self, run: Pass, at: At) -> Terms:
        if at.of == "y":
            return Terms((run.term(("x0", at.index)), run.term(("x1", at.index), times=-1)))
        return Terms((run.term(("dy", at.index), times=1 if at.of == "dx0" else -1),))

    def _of(self, a: float, b: float) -> float:
        return -b + a

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 2),) * 2)
        yield Case(cls(), ((5,),) * 2, batch=1)


@dataclass(frozen=True)
class Divide(Pairwise):
    """`divide[a | b]`: y = a / b, of branches with equal shapes; by 0 it is infinite, 0 / 0 is no number."""

    word = "divide"

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        with np.errstate(divide="ignore", invalid="ignore"):
            return Forward(x[0] / x[1])

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        a, b = kept.x
        over_b = np.divide(dy, b, out=np.zeros_like(dy), where=b != 0)
        return Backward((over_b, -np.divide(over_b * a, b, out=np.zeros_like(dy), where=b != 0)))

    def terms(self, run: Pass, at: At) -> Terms:
        """y = a times 1/b, da = dy times 1/b, db = -dy times a times 1/b^2."""
        b = run.number("x1", at.index).value
        if at.of == "dx1":
            term = run.term(("dy", at.index), ("x0", at.index), times=-1)
            return Terms((term.by(Number("1/x1^2", at.index, 1 / b**2)),))
        term = run.term(("x0" if at.of == "y" else "dy", at.index))
        return Terms((term.by(Number("1/x1", at.index, 1 / b)),))

    def _of(self, a: float, b: float) -> float:
        return a * b**-1.0

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(), ((2, 3, 2),) * 2)
        yield Case(cls(), ((5,),) * 2, batch=1)


@dataclass(frozen=True)
class Exponentiate(Pairwise):
    """`exponentiate[a | b]`: y = a^b, of branches with equal shapes. Where a is below 0 and b no whole
    number, y is no number."""

    word = "exponentiate"

    def forward(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Forward:
        with np.errstate(all="ignore"):
            return Forward(x[0] ** x[1])

    def backward(self, w: Arrays, kept: Kept, dy: Array) -> Backward:
        a, b = kept.x
        with np.errstate(all="ignore"):
            slopes = b * a ** (b - 1), a**b * np.log(a)
        return Backward(tuple(np.where(np.isfinite(slope), slope, 0) * dy for slope in slopes))

    def _of(self, a: float, b: float) -> float:
        return a**b

    @classmethod
    def cases(cls) -> Iterator[Case]:
        def above(random: np.random.Generator, shapes: tuple[Shape, ...]) -> tuple[Array, ...]:
            return random.uniform(0.5, 3, shapes[0]), random.uniform(-2, 2, shapes[1])

        yield Case(cls(), ((2, 2, 2),) * 2, draw=above)
        yield Case(cls(), ((5,),) * 2, batch=1, draw=above)
