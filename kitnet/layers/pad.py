"""Padding as a layer of its own: y is x with more places around it. With n places of x and p before them,

    y[o] = x[i],  i = o - p,  inside; outside  zero:       0
                                               replicate:  x at the nearest rim
                                               reflect:    i is mirrored at the first and the last place,
                                                           which are not repeated: -1 -> 1, n -> n - 2
                                               circular:   i modulo n, as on a ring

(written for one axis). The gradient of a place of x is the sum over all places of y that show it.
Convolutions pad with zeros by themselves; where the rim should not be darker than the rest, pad before them
and write `valid`. NumPy calls the modes constant, edge, reflect and wrap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kitnet.base.error import ShapeError
from kitnet.base.shape import Pad as Places
from kitnet.base.shape import Shape, padding_of, say
from kitnet.base.spec import Array
from kitnet.layers.contract import Arrays, Case, Context
from kitnet.layers.resampling import Line, Resampling
from kitnet.layers.value import PLACES, argument, choice

# Each with NumPy's name for it.
MODES = {"zero": "constant", "replicate": "edge", "reflect": "reflect", "circular": "wrap"}


@dataclass(frozen=True)
class Pad(Resampling):
    """`pad1`: y = x with a place more on each side, 0 there; `pad2 reflect`: two that mirror x; `replicate`
    repeats the rim, `circular` goes on at the other side. Places are one number, or one number or pair an
    axis."""

    word = "pad"
    numbers = ("places",)

    places: Places = argument(PLACES)
    mode: str = argument(choice(*MODES, bare=True), "zero")

    def sizes(self, x: Shape) -> Shape:
        for n, pair in zip(x[:-1], self.around(x), strict=True):
            most = {"reflect": n - 1, "circular": n}.get(self.mode)
            if most is not None and max(pair) > most:
                raise ShapeError(
                    f"{self.mode} padding of {max(pair)} places needs more than the {n} of its {say(x)} "
                    "input",
                    f"use at most {most}",
                )
        return tuple(n + sum(pair) for n, pair in zip(x[:-1], self.around(x), strict=True))

    def around(self, x: Shape) -> list[tuple[int, int]]:
        """The places before and behind each axis."""
        ones = (1,) * (len(x) - 1)
        return padding_of(self.places, x[:-1], ones, ones)

    def lines(self, x: Shape) -> tuple[Line, ...]:
        return tuple(self._line(n, *pair) for n, pair in zip(x[:-1], self.around(x), strict=True))

    def _line(self, n: int, before: int, after: int) -> Line:
        places = (self._source(i, n) for i in range(-before, n + after))
        return Line(n, tuple(() if i is None else ((i, 1.0),) for i in places))

    def _source(self, i: int, n: int) -> int | None:
        if 0 <= i < n:
            return i
        match self.mode:
            case "replicate":
                return min(max(i, 0), n - 1)
            case "reflect":
                return n - 1 - abs(n - 1 - abs(i))
            case "circular":
                return i % n
        return None

    def definition(self, w: Arrays, state: Arrays, ctx: Context, *x: Array) -> Array:
        pads = self.around(x[0].shape[1:])
        return np.pad(x[0], [(0, 0), *pads, (0, 0)], mode=MODES[self.mode])  # type: ignore[call-overload]

    @classmethod
    def cases(cls) -> Iterator[Case]:
        yield Case(cls(1), ((2, 3, 2),))
        yield Case(cls(((2, 1), (0, 3)), "reflect"), ((3, 4, 2),))
        yield Case(cls((1, 2), "replicate"), ((2, 1, 3),), batch=1)
        yield Case(cls(((3, 2),), "circular"), ((3, 2),))
        yield Case(cls((0, 1, 1), "reflect"), ((2, 2, 3, 1),))
