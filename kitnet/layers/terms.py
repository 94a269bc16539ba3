"""What makes one number of a layer, written as a sum: a convolution's y[0, 2, 3, k] is

    bias[k] + x0[0, 2, 3, 0] * weight[0, 0, 0, k] + x0[0, 2, 3, 1] * weight[0, 0, 1, k] + ...

with the index and the value of every number in it. `Pass(...).terms(At("y", (0, 2, 3, k)))` finds the terms
of a number of y, of a gradient `dx0`, or of the gradient of a parameter such as `dweight`. A number that is
no sum of products is a function of one, its closing function: y = tanh(sum).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kitnet.base.error import KitnetError, nearest
from kitnet.base.spec import Array

if TYPE_CHECKING:
    from kitnet.layers.contract import Backward, Context, Forward, Layer

Index = tuple[int, ...]
LISTED = 12  # terms of a sum that is too long to list


@dataclass(frozen=True)
class At:
    """The place of a number: an array's name as `Pass.array` takes it, and the index in it, sample first."""

    of: str
    index: Index


class Number(NamedTuple):
    """A factor with its place. A number between the formulas, such as `normalised`, has a name that is no
    array of the layer."""

    path: str
    index: Index  # type: ignore[assignment]  # of a tuple, which nobody asks it for
    value: float


class Term(NamedTuple):
    """times * the product of the factors."""

    factors: tuple[Number, ...]
    times: float = 1.0

    @property
    def value(self) -> float:
        product = self.times
        for factor in self.factors:
            product *= factor.value
        return product

    def by(self, factor: Number) -> Term:
        """The term times another factor."""
        return Term((*self.factors, factor), self.times)


@dataclass(frozen=True)
class Closing:
    """A function of one number, with a name to show."""

    name: str
    function: Callable[[float], float]


IDENTITY = Closing("identity", lambda total: total)


class Rest(NamedTuple):
    """The smaller terms of a long sum, which are not listed: how many, and what they come to."""

    terms: int = 0
    value: float = 0.0


@dataclass(frozen=True)
class Terms:
    """The closing function of the sum of the terms, and of the rest where not all are listed."""

    terms: tuple[Term, ...]
    close: Closing = IDENTITY
    rest: Rest = Rest()

    @cached_property
    def total(self) -> float:
        return math.fsum((*(term.value for term in self.terms), self.rest.value))

    @property
    def value(self) -> float:
        return self.close.function(self.total)


@dataclass(frozen=True)
class Pass:
    """One pass of a batch through a layer, forward and, where `dy` is given, backward."""

    layer: Layer
    w: Mapping[str, Array]
    state: Mapping[str, Array]
    ctx: Context
    x: tuple[Array, ...]
    dy: Array | None = None
    longest: int | None = None  # a sum of more products lists its largest ones alone

    def listing(self, longest: int) -> Pass:
        """The same pass, which shares what it has computed and lists no sum of more than `longest`
        products."""
        other = copy.copy(self)
        object.__setattr__(other, "longest", longest)  # of a copy that nobody has yet
        return other

    @cached_property
    def made(self) -> Forward:
        return self.layer.forward(self.w, self.state, self.ctx, *self.x)

    def send_back(self, dy: Array) -> Backward:
        return self.layer.backward(self.w, self.layer.kept(self.x, self.made), dy)

    @cached_property
    def arrays(self) -> dict[str, Array]:
        """Every array by its name: `x0`, `x1`, `y`, the parameters and extras by their own, and the gradients
        as `dy`, `dx0`, `dweight`."""
        found = {f"x{i}": x for i, x in enumerate(self.x)} | dict(self.w) | dict(self.made.extras)
        found["y"] = self.made.y
        if self.dy is not None:
            back = self.send_back(self.dy)
            found["dy"] = self.dy
            found |= {f"dx{i}": dx for i, dx in enumerate(back.dx) if dx is not None}
            found |= {f"d{name}": dw for name, dw in back.dw.items()}
        return found

    @property
    def traced(self) -> list[str]:
        """The arrays whose numbers have terms: y and the gradients that there are."""
        gradients = (f"d{name}" for name in (*(f"x{i}" for i in range(len(self.x))), *self.w))
        return ["y", *(name for name in gradients if name in self.arrays)]

    def array(self, path: str) -> Array:
        """The array of this name. Raises KitnetError."""
        if path not in self.arrays:
            raise KitnetError(
                f"{self.layer.word} has no array {path!r}{nearest(path, self.arrays)}; "
                f"it has {', '.join(self.arrays)}"
            )
        return self.arrays[path]

    def number(self, path: str, index: Index) -> Number:
        """One number of an array. Raises KitnetError where the array has no such place."""
        array, place = self.array(path), tuple(map(int, index))
        if len(place) == array.ndim and (not place or min(place) >= 0):
            with suppress(IndexError):
                return Number(path, place, float(array[place]))
        raise KitnetError(f"{path} of {self.layer.word} has shape {array.shape}, and no place {index}")

    def term(self, *places: tuple[str, Index], times: float = 1.0) -> Term:
        """The product of the numbers at these places."""
        return Term(tuple(self.number(path, index) for path, index in places), float(times))

    def products(self, *factors: tuple[str, Sequence[Index]]) -> list[Term]:
        """As many terms as there are places: each the product of one number of every factor. All numbers of a
        factor are read at once, as a window of thousands needs it."""
        found = []
        for path, places in factors:
            array = self.array(path)  # of places there may be none, where a window lies in the padding
            values = array[tuple(np.array(places, int).reshape(len(places), array.ndim).T)].tolist()
            found.append([Number(path, place, value) for place, value in zip(places, values, strict=True)])
        return [Term(numbers) for numbers in zip(*found, strict=True)]

    def largest(self, *factors: tuple[str, Array]) -> tuple[list[Term], Rest]:
        """As `products`, of places (n, axes) as arrays; of a sum that is longer than it may be the `LISTED`
        largest terms, in their order, and the rest."""
        shown, rest = np.arange(len(factors[0][1])), Rest()
        if self.longest is not None and len(shown) > self.longest:
            values = [self.array(path)[tuple(places.T)].astype(np.float64) for path, places in factors]
            terms = math.prod(values[1:], start=values[0])
            order = np.argsort(-np.abs(terms), kind="stable")
            shown, left = np.sort(order[:LISTED]), order[LISTED:]
            rest = Rest(len(left), math.fsum(terms[left].tolist()))
        listed = ((path, [*map(tuple, places[shown].tolist())]) for path, places in factors)
        return self.products(*listed), rest

    def terms(self, at: At) -> Terms:
        """What makes the number at this place. Raises KitnetError where there is none, or none that the layer
        makes."""
        self.number(at.of, at.index)
        if at.of not in self.traced:
            raise KitnetError(
                f"{at.of} of {self.layer.word} is not made of terms; trace {' or '.join(self.traced)}"
            )
        return self.layer.terms(self, at)
