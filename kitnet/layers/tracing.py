"""The terms of a number of any layer, found by asking its formulas.

A gradient is linear in dy. The terms of a number of dx or dw are therefore the numbers of dy that reach it,
each times what backward gives for a dy of 1 there and 0 elsewhere.

The terms of a number of y are the operands times the slopes that backward gives, where their sum is y. Where
it is not, and y depends on a single number, the formula closes that number. In all other cases a last term
`rest` is what the sum lacks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kitnet.base.spec import Array
from kitnet.layers.terms import At, Closing, Index, Number, Term, Terms

if TYPE_CHECKING:
    from kitnet.layers.terms import Pass

MOVE = 2.0**-10  # relative; a number reaches the numbers of y that move with it


def found_terms(run: Pass, at: At) -> Terms:
    """The terms of a number of y, of dx or of dw."""
    return _of_y(run, at.index) if at.of == "y" else _of_gradient(run, at)


def sum_of_dy(run: Pass, channel: int) -> Terms:
    """The gradient of a bias, which is added to every number of its channel."""
    places = np.ndindex(run.made.y.shape[:-1])
    return Terms(tuple(run.term(("dy", (*place, channel))) for place in places))


def _of_y(run: Pass, index: Index) -> Terms:
    value, slopes = run.number("y", index).value, run.send_back(_one(run.made.y, index)).dx
    by_operand = [[] if slope is None else _slopes(run, i, slope) for i, slope in enumerate(slopes)]
    every = list(itertools.chain(*by_operand))
    candidates = [terms for terms, slope in zip(by_operand, slopes, strict=True) if slope is not None]
    for terms in [*candidates, every] if candidates else []:
        if _adds_up(terms, value, run.made.y):
            return Terms(tuple(terms))
    reached = [term.factors[0] for term in every]
    for i, slope in enumerate(slopes):
        if slope is None:
            reached += [run.number(f"x{i}", place) for place in _that_move(run, i, index)]
    if len(reached) == 1:
        return Terms((Term((reached[0],)),), _formula(run, reached[0], index))
    rest = value - math.fsum(term.value for term in every)
    return Terms((*every, Term((Number("rest", (), rest),))))


def _slopes(run: Pass, operand: int, slope: Array) -> list[Term]:
    places = (tuple(map(int, place)) for place in np.argwhere(slope))
    return [run.term((f"x{operand}", place), times=slope[place]) for place in places]


def _that_move(run: Pass, operand: int, index: Index) -> Iterator[Index]:
    """The places of an operand without a gradient at which y[index] changes with the sign."""
    x, own = run.x[operand], index[0]
    for place in np.ndindex(x.shape):
        if place[0] != own and not run.layer.mixes_samples(run.ctx.train):
            continue
        moved = _with(run, f"x{operand}", place, -x[place] if x[place] else x.dtype.type(1))
        if moved.made.y[index] != run.made.y[index]:
            yield place


def _formula(run: Pass, number: Number, index: Index) -> Closing:
    """The layer's own formula as a function of one number."""

    def function(value: float) -> float:
        return float(_with(run, number.path, number.index, value).made.y[index])

    return Closing(run.layer.word, function)


def _of_gradient(run: Pass, at: At) -> Terms:
    value = run.number(at.of, at.index).value
    for places in (_reached(run, at), np.ndindex(run.made.y.shape)):
        terms = list(_weighted(run, at, places))
        if _adds_up(terms, value, run.made.y):
            break
    return Terms(tuple(terms))


def _reached(run: Pass, at: At) -> list[Index]:
    """The places of y that move with the number of which `at` is the gradient."""
    path = at.of.removeprefix("d")
    old = run.array(path)[at.index]
    moved = _with(run, path, at.index, old * (1 + MOVE) if old else old + MOVE)
    return [tuple(map(int, place)) for place in np.argwhere(moved.made.y != run.made.y)]


def _weighted(run: Pass, at: At, places: Iterable[Index]) -> Iterator[Term]:
    for place in places:
        back = replace(run, dy=_one(run.made.y, place))
        weight = back.array(at.of)[at.index]
        if weight:
            yield run.term(("dy", place), times=weight)


def _one(like: Array, index: Index) -> Array:
    """Zeros with a one."""
    dy = np.zeros_like(like)
    dy[index] = 1
    return dy


def _with(run: Pass, path: str, index: Index, value: Any) -> Pass:
    """The pass with another value of one number of an operand or a parameter."""
    array = np.array(run.array(path))
    array[index] = value
    if path in run.w:
        return replace(run, w={**run.w, path: array})
    i = int(path.removeprefix("x"))
    return replace(run, x=(*run.x[:i], array, *run.x[i + 1 :]))


def _adds_up(terms: Iterable[Term], value: float, like: Array) -> bool:
    """Whether the terms come to the value, up to rounding."""
    values = [term.value for term in terms]
    allowed = 4 * float(np.finfo(like.dtype).eps) * (math.fsum(map(abs, values)) + abs(value))
    return abs(math.fsum(values) - value) <= allowed
