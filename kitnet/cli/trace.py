"""`kitnet trace`: the arithmetic of one number of a network."""

from __future__ import annotations

import math
import re
from typing import Annotated

from cyclopts import Parameter

from kitnet.base.argument import whole
from kitnet.base.error import KitnetError, shorten
from kitnet.cli.flags import Engine, Json, Megapixels, Whole
from kitnet.cli.grid_text import grid_lines
from kitnet.cli.looked import Image, Invert, Looked, Of, Target, read_looked, read_picture
from kitnet.cli.screen import Column, busy, fits, print_json, print_table, say, say_wrapped
from kitnet.layers import Term
from kitnet.layers.terms import IDENTITY
from kitnet.look import Inside, Part, Probe, Trace, say_place
from kitnet.look.grids import grids_of

TERMS = 40  # of a sum that are printed


def command(
    model: Looked,
    /,
    *,
    image: Image,
    at: Annotated[
        str, Parameter(help="A number by path and index, such as conv1[3,4,2], row, column and map.")
    ],
    backward: bool = False,
    target: Target = None,
    of: Of = None,
    terms: Whole = TERMS,
    invert: Invert = False,
    megapixels: Megapixels = None,
    engine: Engine = None,
    json: Json = False,
) -> None:
    """The arithmetic of one number of a network on one picture: what the layer multiplied and added.

    Of a convolution it is the window, the weights, their products and the bias, of a max pool the winner, of
    a norm the numbers of its formula. An activation is traced to the sum that it was given.

    Parameters
    ----------
    backward
        Trace the gradient at this place instead: of a value, such as conv1[3,4,2] or input[0,0,0], or of a
        parameter, such as conv1.weight[0,0,0,2]. What flows back comes from every layer that reads it.
    terms
        How many terms of a sum to print, those that are largest; the rest is added up. Those of a window
        stand as grids where all of a map's fit.
    """
    whole("--terms", terms, 1)
    path, index = read_place(at)
    if not backward and (target is not None or of is not None):
        flag = "--target" if target is not None else "--class"
        raise KitnetError(f"{flag} says what gradients are of; add --backward, or leave it out")
    if target is not None and of is not None:
        raise KitnetError("gradients are of the loss of --target or of the score of --class; leave one out")
    pixels = read_picture(image, megapixels, invert)
    with busy("computing all values"):
        probe = Probe(read_looked(model), engine=engine)
        inside, told = _looked(probe, pixels, backward, target, of)
        found = inside.trace(path, index, backward)
    if json:
        print_json({"gradient_of": told or None, **found.to_json()})
        return
    if backward:
        say(f"gradients of {told}")
    _say(found, terms)


def _looked(
    probe: Probe, pixels: object, backward: bool, target: str | None, of: str | None
) -> tuple[Inside, str]:
    """What is inside, and what gradients are of."""
    if not backward:
        return probe(pixels), ""
    if target is not None:
        return probe(pixels, target), f"the loss {probe.loss.word} for the class {target}"
    of = probe(pixels).best(1)[0][0] if of is None else of
    return probe(pixels, output=of), f"the score of the class {of}"


def read_place(text: str) -> tuple[str, tuple[int, ...]]:
    """'conv1[3,4,2]' -> ('conv1', (3, 4, 2)). Raises KitnetError."""
    found = re.fullmatch(r"([^\[\]]+)(?:\[(\d{1,9}(?:,\d{1,9})*)\])?", text.replace(" ", ""))
    if not found:
        raise KitnetError(
            f"--at {shorten(text)} is no place; write a path and whole numbers, such as conv1[3,4,2]"
        )
    return found[1], tuple(map(int, found[2].split(","))) if found[2] else ()


def _say(trace: Trace, most: int) -> None:
    if trace.before is not None:
        _say(trace.before, most)
    if len(trace.parts) == 1 and len(trace.parts[0].terms.terms) == 1:
        (part,) = trace.parts
        (term,) = part.terms.terms
        closed = f"{part.terms.close.name}({_say_term(term)})" if _closes(part) else _say_term(term)
        say_wrapped(f"{trace.name} = {closed} = {_digits(trace.number)}    {part.layer}", len(trace.name))
        return
    say_wrapped(f"{trace.name} = {_digits(trace.number)}", len(trace.name))
    for part in trace.parts:
        _say_part(part, most)
    if not trace.parts:
        say("  nothing flows back to it: no sum, but 0")
    elif len(trace.parts) > 1:
        sums = " + ".join(_factor(part.terms.value) for part in trace.parts)
        say(f"  {sums} = {_digits(trace.value)}")


def _say_part(part: Part, most: int) -> None:
    """Maps with the largest share as grids, as far as whole ones fit; then the largest other terms."""
    left, header = most, f"{part.node}: {part.layer}"
    taken: set[int] = set()  # terms of grids
    for grid in grids_of(part.terms.terms)[0]:
        lines = grid_lines(grid)
        if len(grid.terms) > left or not all(map(fits, lines)):
            break
        for line in lines if taken else [header, *lines]:
            say(line, len(line) if line is header else 0)
        left -= len(grid.terms)
        taken |= set(map(id, grid.terms.values()))
    found = [term for term in part.terms.terms if id(term) not in taken]
    something = [i for i, term in enumerate(found) if term.value]
    shown = sorted(something, key=lambda i: -abs(found[i].value))[:left]
    rows = [[f"  {_say_term(found[i])}", _digits(found[i].value)] for i in sorted(shown)]
    rest = [found[i].value for i in set(something) - set(shown)]
    if rest:
        rows.append([f"  {len(rest):,} smaller terms, together", _digits(math.fsum(rest))])
    if len(found) > len(something):
        rows.append([f"  {len(found) - len(something):,} terms of 0", "0"])
    rows.append([f"  sum of {len(part.terms.terms):,} terms", _digits(part.terms.total)])
    if _closes(part):
        rows.append([f"  {part.terms.close.name}", _digits(part.terms.value)])
    if taken:
        header = "  besides" if shown else "  in all"
    columns = [Column(header), Column("", right=True)]
    print_table(columns, rows, total=True)


def _closes(part: Part) -> bool:
    return part.terms.close.name != IDENTITY.name


def _say_term(term: Term) -> str:
    numbers = [f"{say_place(one.path, one.index)} {_factor(one.value)}" for one in term.factors]
    if term.times != 1 or not numbers:
        numbers.insert(0, _factor(term.times))
    return " * ".join(numbers)


def _factor(value: float) -> str:
    return f"({_digits(value)})" if value < 0 else _digits(value)


def _digits(value: float) -> str:
    return f"{value + 0.0:.6g}"
