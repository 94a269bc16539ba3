"""Some places of each axis: with the first place s, the step d and the size m,

    y[o] = x[s + o d],  o = 0, ..., m - 1

(written for one axis; a step below 0 goes backwards). Places that are not read have no gradient.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kitnet.base.error import ShapeError
from kitnet.base.shape import Shape, Sizes, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Case, Context
from kitnet.layers.rearrangement import Rearrangement, check_rank
from kitnet.layers.value import INTEGERS, SIZES, argument, as_shape


@dataclass(frozen=True)
class Slice(Rearrangement):
    """`slice start=0,2 size=4x3`: y = so many places of each axis from a first one on, counted from 0;
    `step=2,-1`: not each place but every second, or backwards. One number an axis, the depth among them."""

    word = "slice"

    start: tuple[int, ...] = argument(INTEGERS)
    size: Sizes = argument(SIZES)
    step: tuple[int, ...] | None = argument(INTEGERS, None)  # None: 1 each

    def output_shape(self, *x: Shape) -> Shape:
        size = as_shape(self.size)
        for what, numbers in (("start", self.start), ("size", size), ("step", self._steps)):
            check_rank(numbers, x[0], f"the {what} {','.join(map(str, numbers))}")
        if min(size) < 1:
            raise ShapeError(f"a size of {say(size)} is not possible", "use 1 or more")
        for axis, (n, s, m, d) in enumerate(zip(x[0], self.start, size, self._steps, strict=True), 1):
            if d == 0:
                raise ShapeError(f"a step of 0 along axis {axis} is not possible", "use 1, or -1 to go back")
            last = s + (m - 1) * d
            if not (0 <= s < n and 0 <= last < n):
                raise ShapeError(
                    f"a slice from place {s} to {last} does not lie in the {n} places of axis {axis} of "
                    f"{say(x[0])}",
                    f"places are 0 to {n - 1}",
                )
        return size

    @property
    def _steps(self) -> tuple[int, ...]:
        return self.step or (1,) * len(self.start)

    def keeps_positions(self, x: Shape) -> bool:
        sizes = as_shape(self.size)[:-1]
        return sizes == x[:-1] and set(self.start[:-1]) <= {0} and set(self._steps[:-1]) <= {1}

    def arrange(self, x: Array) -> Array:
        each = zip(self.start, as_shape(self.size), self._steps, strict=True)
        return x[:, *(_from(s, s + m * d, d) for s, m, d in each)]

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        y = x[0]
        for axis, m in enumerate(as_shape(self.size)):
            y = y.take([self.start[axis] + o * self._steps[axis] for o in range(m)], axis + 1)
        return y

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls((1, 3, 0), (2, 2, 1), (1, -2, 1)), ((3, 4, 2),))
        yield Case(cls((2,), 3), ((5,),), batch=1)


def _from(start: int, end: int, step: int) -> slice:
    """The places from a first one up to an end, which may lie before place 0."""
    return slice(start, end if end >= 0 else None, step)
